//! The subject of a permission request: the data that rules match.

use serde_json::{Map, Value};
use url::Url;

/// The subject of a permission request: the data that rules match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionSubject {
    /// The name of the tool.
    pub tool_name: String,
    /// The paths that the request names, relative to the workspace if they are inside it.
    pub paths: Vec<String>,
}

impl PermissionSubject {
    /// Extracts the subject of a tool call.
    ///
    /// Paths are extracted from:
    ///
    /// * every argument at any depth with the name of a path argument (`path`, `file_path`,
    ///   `notebookPath`, `paths`, `source`, `cwd`, `uri`…);
    /// * the keys of objects that map files to changes;
    /// * the headers of patches.
    ///
    /// A false positive is harmless: it can only reduce the matches of `allow` rules.
    ///
    /// A path in the folder `workspace` is made relative to it, without `.` and empty segments. Any
    /// other path is kept unchanged.
    #[must_use]
    pub fn of_tool(tool_name: &str, args: &Map<String, Value>, workspace: &str) -> Self {
        let mut named = Vec::new();
        // An explicit stack, so that deeply nested arguments cannot overflow the call stack.
        let mut open: Vec<(&str, &Value)> = args.iter().map(|(k, v)| (k.as_str(), v)).collect();
        while let Some((name, value)) = open.pop() {
            match value {
                Value::String(text) if holds_path(name) => named.push(text.clone()),
                Value::String(text) if holds_uri(name) => named.extend(local_path(text)),
                Value::String(text) if holds_patch(name) => named.extend(paths_in_patch(text)),
                // The items of an array inherit its name.
                Value::Array(items) => open.extend(items.iter().map(|item| (name, item))),
                Value::Object(fields) => {
                    if maps_files(name) {
                        named.extend(fields.keys().cloned());
                    }
                    open.extend(fields.iter().map(|(k, v)| (k.as_str(), v)));
                }
                _ => {}
            }
        }
        let mut paths: Vec<String> = named
            .into_iter()
            .map(|path| relative_to(workspace, local_path(&path).unwrap_or(path)))
            .collect();
        paths.sort();
        paths.dedup();
        Self {
            tool_name: tool_name.to_owned(),
            paths,
        }
    }
}

/// A path of a request, as rules match it.
pub(super) enum SubjectPath {
    /// A path in the workspace: its segments, separated by single slashes; empty for the workspace
    /// folder itself.
    Inside(String),
    /// A path that may point anywhere.
    Anywhere,
}

impl SubjectPath {
    pub(super) fn read(path: &str) -> Self {
        // A tool may strip, expand or translate any of these, with an unknown result.
        let ambiguous = path.is_empty()
            || path.trim() != path
            || path.starts_with(['/', '~'])
            || is_file_uri(path)
            || path.contains('\\')
            || path.chars().any(char::is_control)
            || path.split('/').any(|segment| segment == "..");
        if ambiguous {
            Self::Anywhere
        } else {
            Self::Inside(plain(path))
        }
    }
}

/// Removes `.` and empty segments from a relative path.
fn plain(path: &str) -> String {
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
        .collect();
    segments.join("/")
}

/// Makes `path` relative to `workspace` if it is certainly inside; otherwise returns it unchanged.
fn relative_to(workspace: &str, path: String) -> String {
    if path.split('/').any(|segment| segment == "..") {
        return path;
    }
    let inside = match path.strip_prefix('/') {
        None => Some(plain(&path)),
        Some(absolute) => {
            let (absolute, workspace) = (plain(absolute), plain(workspace));
            absolute
                // No path is certainly inside a workspace that is unknown or is the root of the
                // host.
                .strip_prefix(&workspace)
                .filter(|_| !workspace.is_empty())
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .map(plain)
        }
    };
    match inside {
        // An empty argument is ambiguous; a dot names the workspace.
        Some(inside) if inside.is_empty() && !path.is_empty() => ".".to_owned(),
        Some(inside) => inside,
        None => path,
    }
}

fn is_file_uri(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}

/// Returns the path of a `file:` URI; `None` for any other text.
fn local_path(text: &str) -> Option<String> {
    if !is_file_uri(text) {
        return None;
    }
    // Parsing resolves `..`. A URI without a local path, such as one of another host, is kept
    // unchanged, and may then point anywhere.
    let path = Url::parse(text)
        .ok()
        .and_then(|url| url.to_file_path().ok());
    Some(path.map_or_else(
        || text.to_owned(),
        |path| path.to_string_lossy().into_owned(),
    ))
}

/// Returns true if an argument of this name contains one or more paths.
fn holds_path(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "cwd",
        "dest",
        "destination",
        "destinations",
        "dir",
        "dirs",
        "directory",
        "directories",
        "dst",
        "file",
        "files",
        "filename",
        "filenames",
        "folder",
        "folders",
        "from",
        "root",
        "source",
        "sources",
        "src",
        "target",
        "to",
    ];
    let name = squashed(name);
    NAMES.contains(&name.as_str())
        || [
            "path",
            "paths",
            "file",
            "files",
            "filename",
            "directory",
            "dir",
            "folder",
        ]
        .iter()
        .any(|end| name.ends_with(end))
}

fn holds_uri(name: &str) -> bool {
    let name = squashed(name);
    ["uri", "uris", "url", "urls"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn holds_patch(name: &str) -> bool {
    let name = squashed(name);
    ["patch", "diff", "input"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Returns true if the keys of an object of this name are files.
fn maps_files(name: &str) -> bool {
    let name = squashed(name);
    ["changes", "files", "edits", "paths"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Normalizes a name: `filePath`, `file_path` and `file-path` are equal.
fn squashed(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Returns the files in the headers of a patch: unified diffs, git diffs, and the `*** Update
/// File:` form of coding agents.
fn paths_in_patch(patch: &str) -> Vec<String> {
    const HEADERS: [&str; 10] = [
        "*** Add File: ",
        "*** Update File: ",
        "*** Delete File: ",
        "*** Move to: ",
        "--- ",
        "+++ ",
        "rename from ",
        "rename to ",
        "copy from ",
        "copy to ",
    ];
    let mut paths = Vec::new();
    for line in patch.lines() {
        let Some(path) = HEADERS.iter().find_map(|header| line.strip_prefix(header)) else {
            continue;
        };
        // `diff` appends a tab and the time to the name.
        let path = path.split('\t').next().unwrap_or(path).trim_end();
        if path == "/dev/null" {
            continue;
        }
        let is_git = line.starts_with("---") || line.starts_with("+++");
        let bare = path
            .strip_prefix("a/")
            .or_else(|| path.strip_prefix("b/"))
            .filter(|_| is_git);
        paths.push(bare.unwrap_or(path).to_owned());
    }
    paths
}

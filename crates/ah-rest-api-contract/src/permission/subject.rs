//! What a request asks leave for, as far as rules judge it.

use serde_json::{Map, Value};
use url::Url;

/// What a request asks leave for, as far as rules judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionSubject {
    /// The tool.
    pub tool_name: String,
    /// The paths that the request names, relative to the workspace where they lie in it.
    pub paths: Vec<String>,
}

impl PermissionSubject {
    /// The subject of a tool call.
    ///
    /// Paths are read from every argument, however deep, whose name says that it holds one
    /// (`path`, `file_path`, `notebookPath`, `paths`, `source`, `cwd`, `uri`…), from the keys of
    /// the objects that map files to changes, and from the headers of patches. An argument that
    /// is no path after all does no harm: it can only make rules that allow fit less.
    ///
    /// A path in the folder `workspace` is made relative to it and rid of `.` and empty segments;
    /// any other is kept as it is.
    #[must_use]
    pub fn of_tool(tool_name: &str, args: &Map<String, Value>, workspace: &str) -> Self {
        let mut named = Vec::new();
        // A stack of its own, so that arguments nested deeply cannot exhaust the thread's.
        let mut open: Vec<(&str, &Value)> = args.iter().map(|(k, v)| (k.as_str(), v)).collect();
        while let Some((name, value)) = open.pop() {
            match value {
                Value::String(text) if holds_path(name) => named.push(text.clone()),
                Value::String(text) if holds_uri(name) => named.extend(local_path(text)),
                Value::String(text) if holds_patch(name) => named.extend(paths_in_patch(text)),
                // An array of paths goes by the name of the array.
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

/// A path of a request, as rules see it.
pub(super) enum SubjectPath {
    /// It lies in the workspace: its segments, one slash between two; empty for the workspace's
    /// own folder.
    Inside(String),
    /// It may lead anywhere.
    Anywhere,
}

impl SubjectPath {
    pub(super) fn read(path: &str) -> Self {
        // A tool may strip, expand or translate any of these; what it makes of them is its own.
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

/// A relative path without `.` and empty segments.
fn plain(path: &str) -> String {
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
        .collect();
    segments.join("/")
}

/// `path` as it is called from `workspace`, when it plainly lies in it; otherwise as it is.
fn relative_to(workspace: &str, path: String) -> String {
    if path.split('/').any(|segment| segment == "..") {
        return path;
    }
    let inside = match path.strip_prefix('/') {
        None => Some(plain(&path)),
        Some(absolute) => {
            let (absolute, workspace) = (plain(absolute), plain(workspace));
            absolute
                // In a workspace that is not known, or is the whole host, nothing plainly lies.
                .strip_prefix(&workspace)
                .filter(|_| !workspace.is_empty())
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .map(plain)
        }
    };
    match inside {
        // An empty argument names nothing that could be told; a dot names the workspace.
        Some(inside) if inside.is_empty() && !path.is_empty() => ".".to_owned(),
        Some(inside) => inside,
        None => path,
    }
}

fn is_file_uri(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}

/// The path of a `file:` URI; none when the text is something else.
fn local_path(text: &str) -> Option<String> {
    if !is_file_uri(text) {
        return None;
    }
    // Parsing resolves `..`. What it cannot make a path of, such as another host's file, is kept
    // as it is, which may lead anywhere.
    let path = Url::parse(text)
        .ok()
        .and_then(|url| url.to_file_path().ok());
    Some(path.map_or_else(
        || text.to_owned(),
        |path| path.to_string_lossy().into_owned(),
    ))
}

/// Whether an argument of this name holds a path, or several.
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

/// Whether the keys of an object of this name are files.
fn maps_files(name: &str) -> bool {
    let name = squashed(name);
    ["changes", "files", "edits", "paths"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// `filePath`, `file_path` and `file-path` are one name.
fn squashed(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The files that a patch names in its headers: unified diffs, git's, and the `*** Update File:`
/// form of coding agents.
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
        // `diff` writes a tab and the time behind the name.
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

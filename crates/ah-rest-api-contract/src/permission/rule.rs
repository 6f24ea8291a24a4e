//! Whether a rule fits, with its patterns read.

use globset::{GlobBuilder, GlobMatcher};

use super::policy::{PermissionAction, PermissionRule};
use super::subject::SubjectPath;

const PATTERN_BYTES_MAX: usize = 256;

/// Whether a rule fits one path of a request, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It does not.
    None,
    /// It may, which counts against the request and never for it.
    Possible,
    /// It does.
    Certain,
}

/// A rule with its patterns read.
pub(super) struct CompiledRule {
    pub(super) action: PermissionAction,
    tool: Option<Pattern>,
    path: Option<Pattern>,
}

impl CompiledRule {
    pub(super) fn new(rule: &PermissionRule) -> Self {
        Self {
            action: rule.action,
            tool: rule.tool.as_deref().map(|text| Pattern::new(text, false)),
            path: rule.path.as_deref().map(|text| Pattern::new(text, true)),
        }
    }

    /// Whether the rule fits a tool's request, as far as it concerns `path`; `None` is a request
    /// that names no path.
    pub(super) fn fit(&self, tool: &str, path: Option<&SubjectPath>) -> Fit {
        let tool = self
            .tool
            .as_ref()
            .map_or(Fit::Certain, |pattern| pattern.fit_name(tool));
        let path = match (&self.path, path) {
            (None, _) => Fit::Certain,
            (Some(_), None) => Fit::None,
            (Some(pattern), Some(path)) => pattern.fit_path(path),
        };
        tool.min(path)
    }
}

/// A glob, read twice: as it is, and blind to upper and lower case.
struct Pattern {
    text: String,
    /// `None` when the text is no glob; then nobody can say what it fits.
    globs: Option<(GlobMatcher, GlobMatcher)>,
}

impl Pattern {
    fn new(text: &str, is_path: bool) -> Self {
        let read = |any_case| compile(text, is_path, any_case).ok();
        Self {
            text: text.to_owned(),
            globs: read(false).zip(read(true)),
        }
    }

    fn fit_name(&self, name: &str) -> Fit {
        match &self.globs {
            None => Fit::Possible,
            Some((exact, _)) if exact.is_match(name) => Fit::Certain,
            Some((_, any_case)) if any_case.is_match(name) => Fit::Possible,
            Some(_) => Fit::None,
        }
    }

    fn fit_path(&self, path: &SubjectPath) -> Fit {
        match path {
            SubjectPath::Anywhere => Fit::Possible,
            // Every path is below the workspace's own folder, so only a pattern for all fits it.
            SubjectPath::Inside(path) if path.is_empty() && self.text == "**" => Fit::Certain,
            SubjectPath::Inside(path) if path.is_empty() => Fit::Possible,
            SubjectPath::Inside(path) => match self.fit_name(path) {
                Fit::None if self.is_below(path) => Fit::Possible,
                fit => fit,
            },
        }
    }

    /// Whether what the pattern fits lies in the folder `path`: a tool that is let at the folder
    /// reaches it.
    fn is_below(&self, path: &str) -> bool {
        let is_literal = |segment: &&str| !segment.contains(['*', '?', '[', '{', '\\']);
        let mut literal = self.text.split('/').take_while(is_literal);
        path.split('/').all(|segment| {
            literal
                .next()
                .is_some_and(|next| next.to_lowercase() == segment.to_lowercase())
        })
    }
}

fn compile(text: &str, is_path: bool, any_case: bool) -> Result<GlobMatcher, globset::Error> {
    GlobBuilder::new(text)
        // A tool's name may have a slash in it, which separates nothing.
        .literal_separator(is_path)
        .case_insensitive(any_case)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
}

/// What keeps a text from being a pattern for tools, in words.
pub(super) fn check_tool_pattern(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
        return Err(format!("must have 1 to {PATTERN_BYTES_MAX} bytes"));
    }
    compile(text, false, false)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// What keeps a text from being a pattern for paths, in words.
pub(super) fn check_path_pattern(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
        return Err(format!("must have 1 to {PATTERN_BYTES_MAX} bytes"));
    }
    // Paths are judged without these, so that a pattern with one of them would fit nothing.
    if text.starts_with('/') || text.split('/').any(|s| matches!(s, "." | "..")) {
        return Err("must be relative to the workspace, without `.` and `..`".to_owned());
    }
    if text.ends_with('/') || text.contains("//") {
        return Err("has an empty segment; `folder/**` is what is in a folder".to_owned());
    }
    compile(text, true, false)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

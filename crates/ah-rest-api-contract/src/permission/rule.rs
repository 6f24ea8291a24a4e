//! Permission rules, and their compiled form.

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::subject::SubjectPath;
use crate::object::objects;
use crate::word::words;

const PATTERN_BYTES_MAX: usize = 256;

/// The decision on a permission request.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PermissionAction {
    /// Ask a user.
    #[default]
    Ask,
    /// Allow the request.
    Allow,
    /// Deny the request.
    Deny,
}

impl PermissionAction {
    /// Returns the stricter of two actions.
    #[must_use]
    pub const fn stricter(self, other: Self) -> Self {
        if other.strictness() > self.strictness() {
            other
        } else {
            self
        }
    }

    /// Returns the rank of the action: the stricter of two actions prevails.
    pub(super) const fn strictness(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Ask => 1,
            Self::Deny => 2,
        }
    }
}

words!(closed PermissionAction);

/// One rule of a policy.
///
/// A rule with a `path` matches the paths that a request names, by name: it does not follow
/// symbolic links and does not parse command lines. The first matching rule decides each path
/// separately. The strictest decision applies to the whole request: one denied path denies the
/// request.
///
/// Uncertain matches count against the request. A match is uncertain for:
///
/// * a path that may point anywhere: one with `..`, `~`, a backslash or a control character, or an
///   absolute path outside of the workspace;
/// * a parent folder of the paths that the rule matches;
/// * a tool or path that matches only if case is ignored.
///
/// An `allow` rule never applies to an uncertain match. A `deny` or `ask` rule applies to it as to
/// a certain match, unless an earlier rule matches for certain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct PermissionRule {
    /// A glob for the tool's name, 1 to 256 bytes; absent means any tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 256))]
    pub tool: Option<String>,
    /// A glob for the workspace-relative paths that the request names, 1 to 256 bytes; absent means
    /// any. `*` matches within a folder, `**` across folders; `secrets/**` matches all contents of
    /// a folder. A rule with a path does not match a request without paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 256))]
    pub path: Option<String>,
    /// The decision on matching requests.
    pub action: PermissionAction,
}

objects!(PermissionRule);

/// The certainty with which a rule matches one path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// The rule does not match.
    None,
    /// The rule may match, which counts only against the request.
    Possible,
    /// The rule matches.
    Certain,
}

/// A rule with compiled patterns.
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

    /// Matches the rule against a tool and one `path` of its request; `None` stands for a request
    /// without paths.
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

/// A glob, compiled with and without case sensitivity.
struct Pattern {
    text: String,
    /// `None` if the text is not a valid glob; its matches are then uncertain.
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
            // The workspace folder contains every path, so only the pattern for all paths matches
            // it for certain.
            SubjectPath::Inside(path) if path.is_empty() && self.text == "**" => Fit::Certain,
            SubjectPath::Inside(path) if path.is_empty() => Fit::Possible,
            SubjectPath::Inside(path) => match self.fit_name(path) {
                Fit::None if self.is_below(path) => Fit::Possible,
                fit => fit,
            },
        }
    }

    /// Returns true if the pattern matches something in the folder `path`: a tool with access to
    /// the folder can reach it.
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
        // A tool name may contain slashes, which are not separators there.
        .literal_separator(is_path)
        .case_insensitive(any_case)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
}

/// Validates a pattern for tools. Returns the error message.
pub(super) fn check_tool_pattern(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
        return Err(format!("must have 1 to {PATTERN_BYTES_MAX} bytes"));
    }
    compile(text, false, false)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// Validates a pattern for paths. Returns the error message.
pub(super) fn check_path_pattern(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
        return Err(format!("must have 1 to {PATTERN_BYTES_MAX} bytes"));
    }
    // Paths are normalized before they are matched, so a pattern with these would match nothing.
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

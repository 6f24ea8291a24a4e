//! The repository of a task.

use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use super::rules::{check_branch, check_commit, check_source};
use crate::object::objects;
use crate::word::words;

/// The kind of repository of a session.
#[derive(
    Clone,
    Copy,
    Debug,
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
#[non_exhaustive]
pub enum RepoMode {
    /// A git repository, in a clone of its own.
    Git,
    /// No repository: an empty folder.
    None,
    /// An archive that the client uploads.
    Upload,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The repository of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[validate(schema(function = "check_repo"))]
pub struct RepoConfig {
    /// The kind of repository.
    pub mode: RepoMode,
    /// The address: an absolute path on the executor's host, a URL, or `user@host:path`. Required
    /// for `git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_source"))]
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 4096,
            pattern = "^(?:/[^\\u0000-\\u001f\\u007f-\\u009f]*|file:///[^\\u0000-\\u001f\\u007f-\\u009f]*|(?:https?|ssh|git)://(?:[0-9A-Za-z._~]+(?::[0-9A-Za-z._~-]*)?@)?[A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?(?::[0-9]{1,4})?(?:/[^\\u0000-\\u001f\\u007f-\\u009f]*)?|(?:[0-9A-Za-z._+][0-9A-Za-z._+-]*@)?[0-9A-Za-z._+][0-9A-Za-z._+-]*:(?!//)[0-9A-Za-z._~/][^\\u0000-\\u001f\\u007f-\\u009f]*)$"
        )
    )]
    pub url: Option<String>,
    /// The branch at which to start, with a name that `git check-ref-format` accepts; the
    /// repository's HEAD if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_branch"))]
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 244,
            pattern = r"^(?!@$|[-/.]|.*(?:\.\.|@\{|//|/\.|\.lock/|\.lock$|[./]$))[^\u0000- ~^:?*\[\\\u007f-\u009f]+$"
        )
    )]
    pub branch: Option<String>,
    /// The commit at which to start, in hexadecimal (4 to 64 digits); the head of the branch if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_commit"))]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9A-Fa-f]{4,64}$"))]
    pub commit: Option<String>,
}

impl RepoConfig {
    /// Creates a reference to the repository at `url`, at its HEAD.
    #[must_use]
    pub fn git(url: impl Into<String>) -> Self {
        Self {
            mode: RepoMode::Git,
            url: Some(url.into()),
            branch: None,
            commit: None,
        }
    }

    /// Creates the reference to no repository: an empty folder.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: RepoMode::None,
            url: None,
            branch: None,
            commit: None,
        }
    }
}

/// Validates the combination of the fields of a repository; single fields have their own rules.
fn check_repo(repo: &RepoConfig) -> Result<(), ValidationError> {
    // The code of an error on a whole struct names the invalid field.
    if repo.mode == RepoMode::Unknown {
        return Err(
            ValidationError::new("mode").with_message("must be `git`, `none` or `upload`".into())
        );
    }
    if repo.mode == RepoMode::Git && repo.url.is_none() {
        return Err(
            ValidationError::new("url").with_message("is required for a git repository".into())
        );
    }
    Ok(())
}

objects!(RepoConfig);
words!(input RepoMode);

//! Repositories: their addresses, and those on which tasks were launched.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{PageRequest, RepositoryId, Timestamp};

/// The address of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RepositorySource {
    /// An absolute path on the executor's host.
    Path(PathBuf),
    /// The URL of a remote: `https`, `http`, `ssh`, `git` or `file`.
    Url(Url),
    /// A remote in the short SSH form: `user@host:path`.
    Scp(String),
}

const SCHEMES: [&str; 5] = ["https", "http", "ssh", "git", "file"];
const ADDRESS_BYTES_MAX: usize = 4096;

/// Returns true if git would pass the address to a helper program: `name::address`. A later `::`,
/// as in an IPv6 host, does not count.
fn names_helper(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    text.trim_start_matches(is_name).starts_with("::")
}

/// Returns true if ssh would parse the part as an option. Git decodes a URL before it passes its
/// parts on.
fn is_option(part: &str) -> bool {
    let start = part.get(..3).unwrap_or(part);
    start.starts_with('-') || start.eq_ignore_ascii_case("%2d")
}

impl RepositorySource {
    /// Parses the `repo.url` of a task.
    ///
    /// Accepts only transports that cannot run a command of the caller's choice. Rejects git's
    /// `ext::` and other helper forms, and any address that ssh or git could parse as an option. At
    /// most 4,096 bytes.
    ///
    /// # Errors
    /// Returns a message that describes the error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let help = "give an absolute path, a URL, or user@host:path";
        if text.is_empty() {
            return Err(format!("must not be empty: {help}"));
        }
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(format!("must have at most {ADDRESS_BYTES_MAX} bytes"));
        }
        // A path may have any name but one with the character that ends it.
        if text.starts_with('/') && !text.contains('\0') {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        if text.starts_with('-') || names_helper(text) || text.chars().any(char::is_control) {
            return Err(format!("is not an address of a repository: {help}"));
        }
        if text.contains("://") {
            let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
            if !SCHEMES.contains(&url.scheme()) {
                return Err(format!(
                    "has the scheme `{}`; the supported ones are {}",
                    url.scheme(),
                    SCHEMES.join(", ")
                ));
            }
            let host = url.host_str().unwrap_or_default();
            if host.is_empty() && url.scheme() != "file" {
                return Err("has no host".to_owned());
            }
            if is_option(host) || is_option(url.username()) {
                return Err("has a user or host that begins with a dash".to_owned());
            }
            // Git's credential helpers separate values by line breaks.
            let has_control = |part: &str| percent_decode_str(part).any(|b| b.is_ascii_control());
            if has_control(url.username()) || url.password().is_some_and(has_control) {
                return Err("has a control character in its user name or password".to_owned());
            }
            return Ok(Self::Url(url));
        }
        match text.split_once(':') {
            Some((place, path)) if !path.is_empty() && !place.contains('/') => {
                let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
                if is_option(host) || is_option(path) {
                    return Err("has a host or path that begins with a dash".to_owned());
                }
                let good = |c: char| c.is_alphanumeric() || "._-@+".contains(c);
                if host.is_empty() || place.starts_with('@') || !place.chars().all(good) {
                    return Err(format!("has no host before the colon: {help}"));
                }
                Ok(Self::Scp(text.to_owned()))
            }
            _ => Err(format!("is a relative path: {help}")),
        }
    }

    /// Returns a name for display: the last segment of the address without `.git`.
    #[must_use]
    pub fn display_name(&self) -> String {
        let path = match self {
            Self::Path(path) => path.to_string_lossy().into_owned(),
            Self::Url(url) => url.path().to_owned(),
            Self::Scp(text) => text.rsplit(':').next().unwrap_or(text).to_owned(),
        };
        let name = path
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let name = name.strip_suffix(".git").unwrap_or(name);
        if name.is_empty() {
            "repository".to_owned()
        } else {
            name.to_owned()
        }
    }

    /// Returns the folder if the repository is on the executor's host.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Url(_) | Self::Scp(_) => None,
        }
    }

    /// Returns the address without the user name and password of a URL, for logs and lists.
    #[must_use]
    pub fn without_credentials(&self) -> String {
        match self {
            Self::Url(url) if url.password().is_some() || url.scheme().starts_with("http") => {
                let mut url = url.clone();
                // Both fail only for URLs without a host, which contain no credentials.
                let cleared = url.set_password(None).and_then(|()| url.set_username(""));
                debug_assert!(cleared.is_ok() || !url.has_host());
                url.to_string()
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for RepositorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Url(url) => write!(f, "{url}"),
            Self::Scp(text) => f.write_str(text),
        }
    }
}

/// A repository on which tasks were launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Repository {
    /// The id of the repository.
    pub id: RepositoryId,
    /// The name for display.
    pub display_name: String,
    /// The version control system: `git`.
    pub scm_provider: String,
    /// The address, without credentials.
    pub remote_url: String,
    /// The branch of its HEAD, once a session has read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// The time of the last task launch on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

impl Repository {
    /// Creates a git repository with this name for display, and its address without credentials.
    #[must_use]
    pub fn git(
        id: RepositoryId,
        display_name: impl Into<String>,
        remote_url: impl Into<String>,
    ) -> Self {
        Self {
            id,
            display_name: display_name.into(),
            scm_provider: "git".to_owned(),
            remote_url: remote_url.into(),
            default_branch: None,
            last_used_at: None,
        }
    }
}

/// A query for the repositories on which tasks were launched, the last used first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryQuery {
    /// Only repositories with sessions of this tenant.
    pub tenant_id: Option<String>,
    /// Only repositories with sessions of this project.
    pub project_id: Option<String>,
    /// The page to return.
    pub page: PageRequest,
}

/// A branch of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Branch {
    /// The name, without `refs/heads/`.
    pub name: String,
    /// True if the repository's HEAD points to it.
    pub is_default: bool,
    /// The id of its last commit.
    pub last_commit: String,
}

impl Branch {
    /// Creates a branch whose last commit has the id `last_commit`.
    #[must_use]
    pub fn new(name: impl Into<String>, is_default: bool, last_commit: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_default,
            last_commit: last_commit.into(),
        }
    }
}

/// The branches of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BranchList {
    /// The id of the repository.
    pub repository_id: RepositoryId,
    /// The branches, the default one first, then sorted by name.
    pub branches: Vec<Branch>,
    /// The number of branches.
    pub total: u64,
}

impl BranchList {
    /// Creates the list of all branches of a repository.
    #[must_use]
    pub const fn new(repository_id: RepositoryId, branches: Vec<Branch>) -> Self {
        Self {
            repository_id,
            total: branches.len() as u64,
            branches,
        }
    }
}

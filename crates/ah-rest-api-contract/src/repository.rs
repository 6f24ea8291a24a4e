//! Repositories: where they are, and those that tasks were launched on.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{RepositoryId, Timestamp};

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RepositorySource {
    /// A folder of the executor's host, absolute.
    Path(PathBuf),
    /// A remote, by URL: `https`, `http`, `ssh`, `git` or `file`.
    Url(Url),
    /// A remote, in the short form of SSH: `user@host:path`.
    Scp(String),
}

const SCHEMES: [&str; 5] = ["https", "http", "ssh", "git", "file"];
const ADDRESS_BYTES_MAX: usize = 4096;

/// Whether git would hand the address to a helper program: `name::address`. A `::` further on, as
/// in an IPv6 host, is none.
fn names_helper(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    text.trim_start_matches(is_name).starts_with("::")
}

/// Whether ssh would read the part for an option. Git decodes a URL before it passes its parts on.
fn is_option(part: &str) -> bool {
    let start = part.get(..3).unwrap_or(part);
    start.starts_with('-') || start.eq_ignore_ascii_case("%2d")
}

impl RepositorySource {
    /// Reads what a task gives as `repo.url`.
    ///
    /// Only transports that do not run a command of the caller's choosing are taken: git's
    /// `ext::` and other helper forms are refused, and so is anything that ssh or git could read
    /// as an option. At most 4,096 bytes.
    ///
    /// # Errors
    /// Says in words what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let help = "give an absolute path, a URL, or user@host:path";
        if text.is_empty() {
            return Err(format!("must not be empty: {help}"));
        }
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(format!("must have at most {ADDRESS_BYTES_MAX} bytes"));
        }
        if text.starts_with('-') || names_helper(text) || text.chars().any(char::is_control) {
            return Err(format!("is not an address of a repository: {help}"));
        }
        if text.starts_with('/') {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        if text.contains("://") {
            let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
            if !SCHEMES.contains(&url.scheme()) {
                return Err(format!(
                    "has the scheme `{}`; the ones taken are {}",
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

    /// The last segment of the address without `.git`: what people call the repository.
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

    /// The folder, when it is one of this host.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Url(_) | Self::Scp(_) => None,
        }
    }

    /// Without the user name and password that a URL may carry: fit for logs and lists.
    #[must_use]
    pub fn without_credentials(&self) -> String {
        match self {
            Self::Url(url) if url.password().is_some() || url.scheme().starts_with("http") => {
                let mut url = url.clone();
                // Both fail only for URLs without a host, which carry no credentials.
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

/// A repository that tasks were launched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// Names it.
    pub id: RepositoryId,
    /// What people call it.
    pub display_name: String,
    /// The version control system: `git`.
    pub scm_provider: String,
    /// Where it is, without credentials.
    pub remote_url: String,
    /// The branch that its HEAD names, once a session has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// When a task was last launched on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// A branch of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Branch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// Whether the repository's HEAD names it.
    pub is_default: bool,
    /// The commit it is at.
    pub last_commit: String,
}

/// The branches of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BranchList {
    /// The repository.
    pub repository_id: RepositoryId,
    /// Its branches, the default one first, then by name.
    pub branches: Vec<Branch>,
    /// How many there are.
    pub total: u64,
}

//! Reads the branches and the HEAD of a source repository.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{Branch, RepositorySource};

use crate::WorkspaceError;
use crate::git::{Git, GitCommand, Login, TRANSFER_LIMIT};

/// The name of the source in calls that read it.
pub(crate) const REMOTE: &str = "ah-source";
/// The maximum number of branches in an error.
const KNOWN_MAX: usize = 10;

/// A repository to read, with a canonical address. A local path is the top of its work tree (or the
/// bare repository) with all links resolved, so that each repository has one mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    address: RepositorySource,
    /// The folders of a repository on this host.
    folders: Option<Folders>,
    ssh: Ssh,
}

/// The folders of a repository on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folders {
    /// The top of the work tree, or the bare repository.
    pub(crate) top: PathBuf,
    /// Git's own folder, which all worktrees of the repository share.
    pub(crate) git: PathBuf,
}

/// The ssh command for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ssh {
    /// The user's configuration, or none.
    AsSetUp,
    /// Plain ssh in batch mode, since it would otherwise prompt at the terminal despite the closed
    /// standard input.
    NotAsking,
}

/// The current refs of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The commit of its HEAD; `None` if HEAD names a branch without commits.
    pub(crate) head: Option<String>,
    /// The branch that its HEAD names.
    pub(crate) default_branch: Option<String>,
    /// Its branches and their commits.
    pub(crate) branches: BTreeMap<String, String>,
    /// Its tags and their objects.
    pub(crate) tags: BTreeMap<String, String>,
    /// Its remote-tracking branches, as `origin/main`, and their commits.
    pub(crate) tracking: BTreeMap<String, String>,
}

impl Source {
    pub(crate) async fn settle(
        git: &Git,
        address: &RepositorySource,
    ) -> Result<Self, WorkspaceError> {
        if let Some(path) = address.as_path() {
            let folders = folders_of(git, path).await?;
            return Ok(Self {
                address: RepositorySource::Path(folders.top.clone()),
                folders: Some(folders),
                ssh: Ssh::AsSetUp,
            });
        }
        let over_ssh = match address {
            RepositorySource::Url(url) => url.scheme() == "ssh",
            RepositorySource::Scp(_) => true,
            RepositorySource::Path(_) => false,
        };
        let is_set_up = git.has_ssh_of_its_own() || {
            let call = git.call("read its settings", ["config", "--get", "core.sshCommand"]);
            over_ssh && call.answer().await?.is_some()
        };
        Ok(Self {
            address: address.clone(),
            folders: None,
            ssh: if over_ssh && !is_set_up {
                Ssh::NotAsking
            } else {
                Ssh::AsSetUp
            },
        })
    }

    pub(crate) fn as_path(&self) -> Option<&Path> {
        self.address.as_path()
    }

    /// Returns the folders of a repository on this host.
    pub(crate) const fn folders(&self) -> Option<&Folders> {
        self.folders.as_ref()
    }

    pub(crate) const fn address(&self) -> &RepositorySource {
        &self.address
    }

    pub(crate) fn display_name(&self) -> String {
        self.address.display_name()
    }

    /// Returns the address without credentials, for messages.
    pub(crate) fn shown(&self) -> String {
        self.address.without_credentials()
    }

    /// Configures a call to know this source as [`REMOTE`].
    pub(crate) fn known_to<'a>(&self, call: GitCommand<'a>) -> GitCommand<'a> {
        let login = match &self.address {
            RepositorySource::Url(url) => Login::of(url),
            RepositorySource::Path(_) | RepositorySource::Scp(_) => None,
        };
        let address = match &login {
            Some(login) => login.address().into(),
            None => self.address_text(),
        };
        let call = call
            .config(&format!("remote.{REMOTE}.url"), address)
            .within(TRANSFER_LIMIT);
        let call = match login {
            Some(login) => login.offer_to(call),
            None => call,
        };
        let call = match self.ssh {
            Ssh::AsSetUp => call,
            Ssh::NotAsking => call.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        };
        match self.as_path() {
            // The other end of a local transport is a separate git process, which checks the owner
            // of the repository and does not inherit this configuration.
            Some(_) => call.config(&format!("remote.{REMOTE}.uploadpack"), UPLOAD_PACK),
            None => call,
        }
    }

    /// Returns the key that identifies this source.
    pub(crate) fn key(&self) -> Vec<u8> {
        std::os::unix::ffi::OsStringExt::into_vec(self.address_text())
    }

    fn address_text(&self) -> std::ffi::OsString {
        match &self.address {
            RepositorySource::Path(path) => path.clone().into_os_string(),
            other => other.to_string().into(),
        }
    }

    /// Lists its HEAD and its branches.
    pub(crate) async fn list(&self, git: &Git) -> Result<Listing, WorkspaceError> {
        self.list_refs(git, &["HEAD", "refs/heads/*"]).await
    }

    /// Lists everything that its mirror follows.
    pub(crate) async fn list_all(&self, git: &Git) -> Result<Listing, WorkspaceError> {
        let mut patterns = vec!["HEAD", "refs/heads/*", "refs/tags/*"];
        if self.folders.is_some() {
            patterns.push("refs/remotes/*");
        }
        self.list_refs(git, &patterns).await
    }

    async fn list_refs(&self, git: &Git, patterns: &[&str]) -> Result<Listing, WorkspaceError> {
        let args = ["ls-remote", "--symref", REMOTE].iter().chain(patterns);
        let call = git.call("list the repository's branches", args);
        let output = self.known_to(call).output().await?;
        if output.code == Some(0) {
            return Ok(Listing::read(&String::from_utf8_lossy(&output.stdout)));
        }
        Err(self.unreadable(output.reason()))
    }

    pub(crate) fn unreadable(&self, detail: String) -> WorkspaceError {
        WorkspaceError::SourceUnreadable {
            address: self.shown(),
            detail,
        }
    }
}

/// The command at the other end of a local transport. Git passes it to a shell, and it contains no
/// external input.
pub(crate) const UPLOAD_PACK: &str = "git -c 'safe.directory=*' upload-pack";

/// Returns the folders of the repository that contains the folder `path`.
async fn folders_of(git: &Git, path: &Path) -> Result<Folders, WorkspaceError> {
    let unreadable = |detail: String| WorkspaceError::SourceUnreadable {
        address: path.display().to_string(),
        detail,
    };
    let real = std::fs::canonicalize(path).map_err(|error| unreadable(error.to_string()))?;
    if !real.is_dir() {
        return Err(unreadable("not a folder".to_owned()));
    }
    // The way up to the top of the work tree, which is empty at the top and in a bare repository,
    // and git's folder. The latter may end with any byte but a line break of its own.
    let args = ["rev-parse", "--show-cdup", "--git-common-dir"];
    let call = git.call("find the repository", args).at(&real);
    let output = call.output().await?;
    if output.code != Some(0) {
        return Err(unreadable(output.reason()));
    }
    let printed = output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout);
    let mut lines = printed.splitn(2, |byte| *byte == b'\n');
    let mut next = || real.join(OsStr::from_bytes(lines.next().unwrap_or_default()));
    let top = std::fs::canonicalize(next()).map_err(|error| unreadable(error.to_string()))?;
    Ok(Folders { top, git: next() })
}

impl Listing {
    /// Parses the output of `git ls-remote --symref`.
    pub(crate) fn read(printed: &str) -> Self {
        let mut listing = Self::default();
        for line in printed.lines() {
            let Some((value, name)) = line.split_once('\t') else {
                continue;
            };
            // `ls-remote` matches the end of names, so other refs may be listed as well.
            if name == "HEAD" {
                match value.strip_prefix("ref: refs/heads/") {
                    Some(branch) => listing.default_branch = Some(branch.to_owned()),
                    None => listing.head = Some(value.to_owned()),
                }
            } else if value.starts_with("ref: ") {
                // The target of a symbolic ref, which is listed with its commit as well.
            } else if let Some(branch) = name.strip_prefix("refs/heads/") {
                listing.branches.insert(branch.to_owned(), value.to_owned());
            } else if let Some(branch) = name.strip_prefix("refs/remotes/") {
                listing.tracking.insert(branch.to_owned(), value.to_owned());
            } else if let Some(tag) = name.strip_prefix("refs/tags/")
                // Not the commit behind a tag.
                && !tag.ends_with("^{}")
            {
                listing.tags.insert(tag.to_owned(), value.to_owned());
            }
        }
        listing
    }

    /// Returns the branches: the default one first, then by name.
    pub(crate) fn into_branches(self) -> Vec<Branch> {
        let default = self.default_branch;
        let mut branches: Vec<Branch> = self
            .branches
            .into_iter()
            .map(|(name, last_commit)| {
                let is_default = Some(&name) == default.as_ref();
                Branch::new(name, is_default, last_commit)
            })
            .collect();
        branches.sort_by(|a, b| (b.is_default, &a.name).cmp(&(a.is_default, &b.name)));
        branches
    }

    /// Returns the hash function of the repository's object names; `None` if it has no commit.
    pub(crate) fn object_format(&self) -> Option<&'static str> {
        let commit = self.branches.values().next();
        let commit = self.head.as_ref().or(commit)?;
        Some(match commit.len() {
            64 => "sha256",
            _ => "sha1",
        })
    }
}

/// Returns some of these names for an error.
pub(crate) fn some(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names = names.into_iter();
    let mut known: Vec<String> = names.by_ref().take(KNOWN_MAX).collect();
    if names.next().is_some() {
        known.push("…".to_owned());
    }
    known
}

#[cfg(test)]
mod tests {
    use super::Listing;

    #[test]
    fn default_branch_is_first_and_similar_refs_are_excluded() {
        let printed = "ref: refs/heads/main\tHEAD\n11\tHEAD\n22\trefs/heads/a\n11\trefs/heads/main\n\
                       33\trefs/remotes/origin/HEAD\n44\trefs/x/refs/heads/b\n";
        let listing = Listing::read(printed);
        assert_eq!(listing.head.as_deref(), Some("11"));
        let branches = listing.into_branches();
        let seen: Vec<_> = branches
            .iter()
            .map(|b| (b.name.as_str(), b.is_default, b.last_commit.as_str()))
            .collect();
        assert_eq!(seen, [("main", true, "11"), ("a", false, "22")]);
    }

    #[test]
    fn empty_output_is_an_empty_repository() {
        assert_eq!(Listing::read(""), Listing::default());
    }
}

//! The mirror of a repository: created once, fetched for each session, shared by all of its
//! sessions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::git::{Git, LOCAL_LIMIT, TRANSFER_LIMIT, Watcher};
use crate::lock::FileLock;
use crate::repository::{NO_BRANCH, configure, delete_ref, init, remove_stale_locks};
use crate::source::{self, Listing, REMOTE, Source, UPLOAD_PACK};
use crate::stage::{StageReport, percent_of};
use crate::{WorkspaceError, folder};

/// The maximum wait for another creation or fetch of the same mirror, slightly longer than its time
/// limit.
pub(crate) const LOCK_WAIT: Duration = TRANSFER_LIMIT.saturating_add(LOCAL_LIMIT);
/// The ref for the source's HEAD, outside of the refs that a fetch prunes.
const SOURCE_HEAD: &str = "refs/ah-source/HEAD";

/// A bare repository with the source's branches as `refs/remotes/origin/*`. The branches of
/// sessions are `refs/heads/ah/*`, which no fetch touches.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    pub(crate) path: PathBuf,
    source: Source,
}

/// The starting point of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The commit; `None` if the repository is empty.
    pub(crate) commit: Option<String>,
    /// The branch that the source's HEAD names.
    pub(crate) default_branch: Option<String>,
}

/// The last refresh of a mirror by this process.
#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    began: Instant,
    /// The reason of a failed refresh, as a sentence for the session.
    note: Option<String>,
}

impl Mirror {
    /// Returns the mirror of `source` within `folder`.
    pub(crate) fn of(folder: &Path, source: Source) -> Self {
        let mut hash = Sha256::new();
        // Addresses that differ only in credentials lead to the same repository, but not all of
        // them may have access. Each has its own mirror.
        hash.update(source.key());
        let hash: String = hash
            .finalize()
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect();
        let name: String = source
            .display_name()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "._-".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .take(48)
            .collect();
        let name = name.trim_start_matches(['.', '-']);
        let path = folder.join(format!("{name}-{hash}.git"));
        Self { path, source }
    }

    /// Returns the lock file of the repository at `path`.
    pub(crate) fn lock_path(path: &Path) -> PathBuf {
        path.with_extension("lock")
    }

    /// Fetches the mirror, or creates it. Returns a note if the fetch failed and the mirror is
    /// unchanged. `wanted` is the time at which the caller began to wait. A refresh that began
    /// later is recent enough, so that sessions launched together fetch only once.
    pub(crate) async fn refresh(
        &self,
        git: &Git,
        lock: &FileLock,
        wanted: Instant,
        last: &mut Option<Refresh>,
        report: &Arc<StageReport>,
    ) -> Result<Option<String>, WorkspaceError> {
        let exists = self.path.exists();
        if let Some(done) = last.as_ref()
            && exists
            && done.began >= wanted
        {
            return Ok(done.note.clone());
        }
        let began = Instant::now();
        let fetched = if exists {
            self.update(git, lock, report).await
        } else {
            self.create(git, lock, report).await
        };
        let note = match fetched {
            Ok(()) => None,
            Err(error) if exists && self.is_remote() => {
                let shown = &error as &dyn std::error::Error;
                tracing::warn!(error = shown, "a repository could not be fetched");
                Some(format!(
                    "The repository could not be fetched, so the session began from what was \
                     fetched before: {}",
                    error.explanation()
                ))
            }
            Err(error) => return Err(error),
        };
        *last = Some(Refresh {
            began,
            note: note.clone(),
        });
        Ok(note)
    }

    /// Returns the source.
    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    fn is_remote(&self) -> bool {
        self.source.as_path().is_none()
    }

    async fn update(
        &self,
        git: &Git,
        lock: &FileLock,
        report: &Arc<StageReport>,
    ) -> Result<(), WorkspaceError> {
        remove_stale_locks(&self.path)?;
        let listing = self.source.list(git).await?;
        self.fetch(git, &self.path, lock, &listing, report).await
    }

    /// Creates the mirror under a temporary name and renames it once complete, so that an existing
    /// mirror is never partial.
    async fn create(
        &self,
        git: &Git,
        lock: &FileLock,
        report: &Arc<StageReport>,
    ) -> Result<(), WorkspaceError> {
        let unfinished = self.path.with_extension("tmp");
        folder::remove(unfinished.clone()).await?;
        let listing = self.source.list(git).await?;
        if !self.seed(git, &unfinished, lock).await? {
            folder::remove(unfinished.clone()).await?;
            init(git, &unfinished, listing.object_format(), lock).await?;
        }
        configure(git, &unfinished, &self.settings()).await?;
        self.fetch(git, &unfinished, lock, &listing, report).await?;
        std::fs::rename(&unfinished, &self.path)
            .map_err(WorkspaceError::file("finish the mirror", &self.path))
    }

    /// Seeds the mirror of a local repository with its objects, hard-linked if the file system
    /// supports it. Alternates are not used, because a clean-up of the source would break the
    /// mirror. A failure, such as a concurrent change of the source, is ignored: the fetch
    /// transfers everything.
    async fn seed(&self, git: &Git, at: &Path, lock: &FileLock) -> Result<bool, WorkspaceError> {
        let Some(path) = self.source.as_path() else {
            return Ok(false);
        };
        let mut args: Vec<OsString> = [
            "clone",
            "--bare",
            "--local",
            "--dissociate",
            "--single-branch",
            "--no-tags",
            "--quiet",
            "--template=",
            "--upload-pack",
            UPLOAD_PACK,
            "--",
        ]
        .map(OsString::from)
        .to_vec();
        args.extend([path.into(), at.into()]);
        let call = git.call("clone the repository", args);
        let cloned = call.under(lock).within(TRANSFER_LIMIT).output().await?;
        if cloned.code != Some(0) {
            tracing::warn!(reason = cloned.reason(), "objects are copied, not linked");
            return Ok(false);
        }
        // The clone created local branches for the source's branches. They are fetched again as
        // remote-tracking branches.
        let asked = git.call(
            "read the mirror's HEAD",
            ["symbolic-ref", "--quiet", "HEAD"],
        );
        let cloned_branch = asked.git_dir(at).answer().await?;
        let args = ["symbolic-ref", "HEAD", NO_BRANCH];
        git.call("set the mirror's HEAD", args)
            .git_dir(at)
            .run()
            .await?;
        if let Some(branch) = cloned_branch {
            delete_ref(git, at, &branch).await?;
        }
        Ok(true)
    }

    fn settings(&self) -> Vec<(&'static str, OsString)> {
        let mut settings = vec![
            ("remote.origin.url", self.source.shown().into()),
            (
                "remote.origin.fetch",
                "+refs/heads/*:refs/remotes/origin/*".into(),
            ),
        ];
        if !self.is_remote() {
            // An agent that pushes by habit must not write to the user's checkout.
            settings.push(("remote.origin.pushurl", "/dev/null".into()));
        }
        settings
    }

    async fn fetch(
        &self,
        git: &Git,
        at: &Path,
        lock: &FileLock,
        listing: &Listing,
        report: &Arc<StageReport>,
    ) -> Result<(), WorkspaceError> {
        let mut args = vec![
            "fetch",
            "--progress",
            "--force",
            "--prune",
            "--tags",
            "--update-shallow",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            REMOTE,
            "+refs/heads/*:refs/remotes/origin/*",
        ];
        let head = format!("+HEAD:{SOURCE_HEAD}");
        if listing.head.is_some() {
            args.push(&head);
        }
        let call = git
            .call("fetch the repository", args)
            .git_dir(at)
            .under(lock)
            .watched(self.watcher(report));
        let fetched = self.source.known_to(call).output().await?;
        if fetched.code != Some(0) {
            return Err(self.source.unreadable(fetched.reason()));
        }
        if listing.head.is_none() {
            delete_ref(git, at, SOURCE_HEAD).await?;
        }
        match &listing.default_branch {
            Some(branch) => {
                let target = format!("refs/remotes/origin/{branch}");
                let args = ["symbolic-ref", "refs/remotes/origin/HEAD", &target];
                git.call("record the default branch", args)
                    .git_dir(at)
                    .run()
                    .await?;
            }
            None => delete_ref(git, at, "refs/remotes/origin/HEAD").await?,
        }
        Ok(())
    }

    /// Returns a watcher that reports the progress of a fetch.
    fn watcher(&self, report: &Arc<StageReport>) -> Watcher {
        let (report, stage) = (report.clone(), self.stage());
        Arc::new(move |said| {
            if let Some(percent) = percent_of(said) {
                report.set(&*stage, percent);
            }
        })
    }

    /// Returns the name of the stage in which this mirror is fetched.
    pub(crate) fn stage(&self) -> String {
        format!("fetching {}", self.source.shown())
    }

    /// Returns the commit at which a session with this branch and commit starts.
    pub(crate) async fn start(
        &self,
        git: &Git,
        branch: Option<&str>,
        commit: Option<&str>,
    ) -> Result<Start, WorkspaceError> {
        let args = [
            "symbolic-ref",
            "--quiet",
            "--short",
            "refs/remotes/origin/HEAD",
        ];
        let asked = git
            .call("read the default branch", args)
            .git_dir(&self.path);
        let default_branch = asked.answer().await?;
        let default_branch =
            default_branch.and_then(|b| b.strip_prefix("origin/").map(str::to_owned));
        let tip = match branch {
            Some(branch) => Some(self.branch_tip(git, branch).await?),
            None => self.commit_of(git, SOURCE_HEAD).await?,
        };
        let commit = match (commit, tip) {
            (Some(commit), _) => Some(self.commit_named(git, commit).await?),
            (None, Some(tip)) => Some(tip),
            (None, None) => {
                let known = self.branches(git).await?;
                if !known.is_empty() {
                    let address = self.source.shown();
                    return Err(WorkspaceError::NoDefaultBranch { address, known });
                }
                None
            }
        };
        Ok(Start {
            commit,
            default_branch,
        })
    }

    async fn branch_tip(&self, git: &Git, branch: &str) -> Result<String, WorkspaceError> {
        let name = format!("refs/remotes/origin/{branch}");
        if let Some(tip) = self.commit_of(git, &name).await? {
            return Ok(tip);
        }
        Err(WorkspaceError::BranchUnknown {
            address: self.source.shown(),
            branch: branch.to_owned(),
            known: self.branches(git).await?,
        })
    }

    async fn commit_named(&self, git: &Git, commit: &str) -> Result<String, WorkspaceError> {
        let unknown = || WorkspaceError::CommitUnknown {
            address: self.source.shown(),
            commit: commit.to_owned(),
        };
        let wanted = commit.to_ascii_lowercase();
        if wanted.is_empty() || !wanted.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        // A branch may be named like the prefix of a commit; the result decides.
        let is_it = |found: &String| found.starts_with(&wanted);
        if let Some(found) = self.commit_of(git, &wanted).await?.filter(is_it) {
            return Ok(found);
        }
        // A commit that is on no branch can still be fetched by its full name.
        let args = [
            "fetch",
            "--quiet",
            "--no-write-fetch-head",
            "--no-tags",
            REMOTE,
            &wanted,
        ];
        let call = git.call("fetch the commit", args).git_dir(&self.path);
        self.source.known_to(call).output().await?;
        let found = self.commit_of(git, &wanted).await?.filter(is_it);
        found.ok_or_else(unknown)
    }

    async fn commit_of(&self, git: &Git, name: &str) -> Result<Option<String>, WorkspaceError> {
        let commit = format!("{name}^{{commit}}");
        let args = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ];
        let call = git.call("look up a commit", args);
        call.git_dir(&self.path).answer().await
    }

    async fn branches(&self, git: &Git) -> Result<Vec<String>, WorkspaceError> {
        let args = [
            "for-each-ref",
            "--format=%(refname:lstrip=3)",
            "refs/remotes/origin",
        ];
        let call = git.call("list the mirror's branches", args);
        let names = call.git_dir(&self.path).text().await?;
        let names = names.lines().filter(|name| *name != "HEAD");
        Ok(source::some(names.map(str::to_owned)))
    }
}

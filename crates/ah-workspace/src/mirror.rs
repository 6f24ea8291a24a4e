//! The mirror of a repository: created once, fetched for each session. Its sessions borrow its
//! objects and write none. It is a copy: when it is damaged, it is made again.

mod health;
mod refs;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ah_rest_api_contract::RepositorySource;
use sha2::{Digest, Sha256};

use crate::config_text::ConfigText;
use crate::git::{Git, LOCAL_LIMIT, TRANSFER_LIMIT, Watcher};
use crate::lock::FileLock;
use crate::repository::{NO_BRANCH, delete_ref, init, remove_stale_locks};
use crate::source::{self, Listing, REMOTE, Source, UPLOAD_PACK};
use crate::stage::{StageReport, percent_of};
use crate::{WorkspaceError, folder};

pub(crate) use refs::MirrorRefs;
use refs::SOURCE_HEAD;

/// The maximum wait for another creation or fetch of the same mirror, slightly longer than its time
/// limit.
pub(crate) const LOCK_WAIT: Duration = TRANSFER_LIMIT.saturating_add(LOCAL_LIMIT);

/// The refs of a mirror that a fetch updates.
const REFSPECS: [&str; 2] = [
    "+refs/heads/*:refs/remotes/origin/*",
    "+refs/tags/*:refs/tags/*",
];
/// The remote-tracking branches of a repository on this host.
const TRACKING: &str = "+refs/remotes/*:refs/ah-source/remotes/*";
/// The branches of the repository that a partial clone lacks objects of.
const PROMISED: &str = "+refs/heads/*:refs/ah-source/promised/*";
/// The configuration of calls that create a repository. Its refs are read as files.
const REF_FORMAT: &str = "init.defaultRefFormat";

/// A bare repository with the source's branches as `refs/remotes/origin/*`. Mirrors of earlier
/// versions have the branches of sessions as `refs/heads/ah/*`, which no fetch touches.
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
    pub(crate) note: Option<String>,
    pub(crate) refs: MirrorRefs,
}

/// A wish to refresh a mirror.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refreshing<'a> {
    /// The time at which the caller began to wait. A refresh that began later is recent enough, so
    /// that sessions launched together fetch only once.
    pub(crate) wanted: Instant,
    /// The repository with the objects that the source lacks, if it is a partial clone.
    pub(crate) promisor: Option<&'a RepositorySource>,
    pub(crate) report: &'a Arc<StageReport>,
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

    /// Fetches the mirror, or creates it. If the fetch of another host's repository failed, the
    /// mirror is unchanged and the result has a note.
    pub(crate) async fn refresh(
        &self,
        git: &Git,
        lock: &FileLock,
        refreshing: Refreshing<'_>,
        last: &mut Option<Refresh>,
    ) -> Result<Refresh, WorkspaceError> {
        let exists = self.path.exists();
        if let Some(done) = last.as_ref()
            && exists
            && done.began >= refreshing.wanted
        {
            return Ok(done.clone());
        }
        let began = Instant::now();
        let fetched = if exists {
            self.update(git, lock, refreshing).await
        } else {
            self.create(git, lock, refreshing).await
        };
        let is_whole = match &fetched {
            Err(WorkspaceError::FetchFailed { .. }) if exists && self.is_remote() => {
                self.damage(git).await?.is_none()
            }
            _ => true,
        };
        let note = match fetched {
            Ok(()) => None,
            Err(error) if exists && self.is_remote() && is_whole => {
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
        let refs = MirrorRefs::read(&self.path);
        let refresh = Refresh { began, note, refs };
        *last = Some(refresh.clone());
        Ok(refresh)
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
        refreshing: Refreshing<'_>,
    ) -> Result<(), WorkspaceError> {
        remove_stale_locks(&self.path)?;
        let listing = self.source.list_all(git).await?;
        if let Some(format) = listing.object_format() {
            self.clean(&self.path, format)?;
        }
        // The history of a shallow repository can change without its refs.
        let is_shallow = self.path.join("shallow").exists();
        if !is_shallow && MirrorRefs::read(&self.path).are_those_of(&listing) {
            return Ok(());
        }
        let fetched = self.fetch(git, &self.path, lock, &listing, refreshing);
        fetched.await.map_err(|error| self.suspected(error))
    }

    /// Creates the mirror under a temporary name and renames it once complete, so that an existing
    /// mirror is never partial.
    async fn create(
        &self,
        git: &Git,
        lock: &FileLock,
        refreshing: Refreshing<'_>,
    ) -> Result<(), WorkspaceError> {
        let unfinished = self.build(git, lock, refreshing).await?;
        std::fs::rename(&unfinished, &self.path)
            .map_err(WorkspaceError::file("finish the mirror", &self.path))
    }

    /// Makes a mirror under a temporary name, which is returned.
    async fn build(
        &self,
        git: &Git,
        lock: &FileLock,
        refreshing: Refreshing<'_>,
    ) -> Result<PathBuf, WorkspaceError> {
        let unfinished = self.path.with_extension("tmp");
        folder::remove(unfinished.clone()).await?;
        let listing = self.source.list(git).await?;
        let format = listing.object_format().unwrap_or("sha1");
        if refreshing.promisor.is_some() || !self.seed(git, &unfinished, lock).await? {
            folder::remove(unfinished.clone()).await?;
            init(git, &unfinished, format, lock).await?;
        }
        self.clean(&unfinished, format)?;
        self.fetch(git, &unfinished, lock, &listing, refreshing)
            .await?;
        Ok(unfinished)
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
        let call = call.config(REF_FORMAT, "files");
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

    /// Returns the configuration of the mirror at `at`.
    fn config(&self, at: &Path, object_format: &str) -> ConfigText {
        // Worktrees of earlier versions can have a configuration of their own, beside which that of
        // the mirror does not say that it is bare.
        let has_worktrees = at.join("config.worktree").exists();
        let mut config = ConfigText::of_repository(object_format, !has_worktrees);
        if has_worktrees {
            config.set("extensions.worktreeConfig", "true");
        }
        config.set("gc.worktreePruneExpire", "never");
        config.set("remote.origin.url", &self.source.shown());
        config.set("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
        if !self.is_remote() {
            // An agent that pushes by habit must not write to the user's checkout.
            config.set("remote.origin.pushurl", "/dev/null");
        }
        config
    }

    async fn fetch(
        &self,
        git: &Git,
        at: &Path,
        lock: &FileLock,
        listing: &Listing,
        refreshing: Refreshing<'_>,
    ) -> Result<(), WorkspaceError> {
        let mut args = vec![
            "fetch",
            "--progress",
            "--force",
            "--prune",
            "--no-tags",
            "--update-shallow",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            REMOTE,
        ];
        args.extend(REFSPECS);
        if !self.is_remote() {
            args.push(TRACKING);
        }
        let head = format!("+HEAD:{SOURCE_HEAD}");
        if listing.head.is_some() {
            args.push(&head);
        }
        if let Some(promisor) = refreshing.promisor {
            self.fetch_promised(git, at, lock, promisor, refreshing.report)
                .await?;
        }
        let call = git
            .call("fetch the repository", args)
            .git_dir(at)
            .under(lock)
            .watched(self.watcher(refreshing.report));
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

    /// Fetches the objects that a partial clone lacks from the repository that has promised them. The
    /// clone itself would write what it lacks to the user's checkout.
    async fn fetch_promised(
        &self,
        git: &Git,
        at: &Path,
        lock: &FileLock,
        promisor: &RepositorySource,
        report: &Arc<StageReport>,
    ) -> Result<(), WorkspaceError> {
        let promisor = Source::settle(git, promisor).await?;
        let args = [
            "fetch",
            "--progress",
            "--force",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            REMOTE,
            PROMISED,
        ];
        let call = git.call("fetch what the partial clone lacks", args);
        let call = call.git_dir(at).under(lock).watched(self.watcher(report));
        let fetched = promisor.known_to(call).output().await?;
        if fetched.code != Some(0) {
            return Err(self.source.unreadable(format!(
                "it is a partial clone, and what it lacks could not be fetched from {}: {}",
                promisor.shown(),
                fetched.reason()
            )));
        }
        Ok(())
    }

    /// Brings a commit from the store of a session.
    pub(crate) async fn take_from(
        &self,
        git: &Git,
        store: &Path,
        commit: &str,
    ) -> Result<(), WorkspaceError> {
        let (lock, name) = (format!("refs/ah-source/continued/{commit}"), commit);
        let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
        let args = args.iter().map(OsString::from);
        let refspec = format!("+{name}:{lock}");
        let args = args.chain([store.into(), OsString::from(refspec)]);
        let call = git.own_call("bring the work of an earlier session", args);
        let call = call.config("uploadpack.allowAnySHA1InWant", "true");
        let call = call.git_dir(&self.path).within(TRANSFER_LIMIT);
        call.run().await.map(drop)
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

    /// Returns the commit at which a session with this branch and commit starts, after a refresh with
    /// these refs.
    pub(crate) async fn start(
        &self,
        git: &Git,
        refs: &MirrorRefs,
        branch: Option<&str>,
        commit: Option<&str>,
    ) -> Result<Start, WorkspaceError> {
        let known = || source::some(refs.branches.keys().cloned());
        let tip = match branch {
            Some(branch) => {
                // A branch that a repository of this host has only as `origin/…` is one too.
                let tracking = || refs.tracking.get(&format!("origin/{branch}"));
                let tip = refs.branches.get(branch).or_else(tracking);
                let unknown = || WorkspaceError::BranchUnknown {
                    address: self.source.shown(),
                    branch: branch.to_owned(),
                    known: known(),
                };
                Some(tip.cloned().ok_or_else(unknown)?)
            }
            None => refs.head.clone(),
        };
        let commit = match (commit, tip) {
            (Some(commit), _) => Some(self.commit_named(git, commit).await?),
            (None, Some(tip)) => Some(tip),
            (None, None) if refs.branches.is_empty() => None,
            (None, None) => {
                return Err(WorkspaceError::NoDefaultBranch {
                    address: self.source.shown(),
                    known: known(),
                });
            }
        };
        Ok(Start {
            commit,
            default_branch: refs.default_branch.clone(),
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
}

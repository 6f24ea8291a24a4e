//! Damage of a mirror, and its repair.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ah_rest_api_contract::RepositorySource;

use super::{Mirror, Refreshing};
use crate::git::{Git, LOCAL_LIMIT};
use crate::lock::FileLock;
use crate::refs::Head;
use crate::repository::NO_BRANCH;
use crate::stage::StageReport;
use crate::{WorkspaceError, folder};

/// The time limit of a check of all objects.
const CHECK_LIMIT: std::time::Duration = LOCAL_LIMIT.saturating_mul(2);
/// The files in a mirror that would change its meaning. Nothing of ours writes them.
const PLANTED: [&str; 5] = [
    "objects/info/alternates",
    "objects/info/http-alternates",
    "info/grafts",
    "info/attributes",
    "commondir",
];
/// The maximum size of a damage in a message, in bytes.
const DAMAGE_MAX: usize = 200;

impl Mirror {
    /// Gives the mirror at `at` the configuration that it must have, and removes what changes its
    /// meaning. An agent knows the path of the mirror, so anything may be there.
    pub(super) fn clean(&self, at: &Path, object_format: &str) -> Result<(), WorkspaceError> {
        let (path, wanted) = (at.join("config"), self.config(at, object_format));
        let found = crate::refs::read_file(&path, 1 << 20).unwrap_or_default();
        if found != wanted.as_bytes() {
            folder::write_whole(&path, wanted.as_bytes())
                .map_err(WorkspaceError::file("write", &path))?;
        }
        // Without them it is no repository.
        if crate::refs::head(at) != Some(Head::Ref(NO_BRANCH.to_owned())) {
            let (path, head) = (at.join("HEAD"), format!("ref: {NO_BRANCH}\n"));
            folder::write_whole(&path, head.as_bytes())
                .map_err(WorkspaceError::file("write", &path))?;
        }
        let refs = at.join("refs");
        if let Err(error) = std::fs::create_dir_all(&refs) {
            tracing::debug!(path = %refs.display(), %error, "a mirror has no folder of refs");
        }
        for name in PLANTED {
            let path = at.join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(WorkspaceError::file("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the error of a fetch as one that the mirror may be the cause of: the source was
    /// listed just before.
    pub(super) fn suspected(&self, error: WorkspaceError) -> WorkspaceError {
        match error {
            WorkspaceError::SourceUnreadable { address, detail } => {
                WorkspaceError::FetchFailed { address, detail }
            }
            error => error,
        }
    }

    /// Returns true if damage of the mirror may be the cause of an error.
    pub(crate) fn may_be_at_fault(&self, error: &WorkspaceError) -> bool {
        let may_be = matches!(
            error,
            WorkspaceError::FetchFailed { .. }
                | WorkspaceError::Git { .. }
                | WorkspaceError::CommitUnknown { .. }
                | WorkspaceError::BranchUnknown { .. }
                | WorkspaceError::NoDefaultBranch { .. }
                | WorkspaceError::File { .. }
        );
        may_be && self.path.exists()
    }

    /// Returns the damage of the mirror in git's words, for logs; `None` if it is whole.
    pub(crate) async fn damage(&self, git: &Git) -> Result<Option<String>, WorkspaceError> {
        let args = [
            "fsck",
            "--connectivity-only",
            "--no-dangling",
            "--no-progress",
        ];
        let call = git.own_call("check the mirror", args).git_dir(&self.path);
        let output = match call.within(CHECK_LIMIT).output().await {
            Ok(output) => output,
            // A mirror that is too large to be checked is not made again either.
            Err(WorkspaceError::GitTimeout { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if output.code == Some(0) {
            return Ok(None);
        }
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = output.said.lines().chain(printed.lines());
        let mut lines = lines.filter(|line| !line.starts_with("notice:"));
        let said = lines.next().unwrap_or("git fsck fails");
        Ok(Some(said.chars().take(DAMAGE_MAX).collect()))
    }

    /// Makes the mirror again from its source, and takes over the commits that sessions started from,
    /// as far as they can be read.
    pub(crate) async fn replace(
        &self,
        git: &Git,
        lock: &FileLock,
        promisor: Option<&RepositorySource>,
        bases: &[String],
        report: &Arc<StageReport>,
    ) -> Result<(), WorkspaceError> {
        let refreshing = Refreshing {
            wanted: Instant::now(),
            promisor,
            report,
        };
        let new = self.build(git, lock, refreshing).await?;
        for base in bases {
            if let Err(error) = self.take_base(git, &new, base).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    base,
                    error,
                    "the start of a session is lost with its mirror"
                );
            }
        }
        let broken = self.path.with_extension("broken");
        folder::remove(broken.clone()).await?;
        std::fs::rename(&self.path, &broken)
            .map_err(WorkspaceError::file("move the mirror", &self.path))?;
        std::fs::rename(&new, &self.path)
            .map_err(WorkspaceError::file("finish the mirror", &self.path))?;
        folder::remove(broken).await
    }

    /// Takes a commit from the damaged mirror into the new one, unless it has it.
    async fn take_base(&self, git: &Git, new: &Path, base: &str) -> Result<(), WorkspaceError> {
        let commit = format!("{base}^{{tree}}");
        let call = git.own_call("look up a commit", ["cat-file", "-e", &commit]);
        if call.git_dir(new).answer().await?.is_some() {
            return Ok(());
        }
        // The configuration of the damaged mirror may be what is damaged.
        let format = if base.len() == 64 { "sha256" } else { "sha1" };
        self.clean(&self.path, format)?;
        let refspec = format!("+{base}:refs/ah-source/bases/{base}");
        let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
        let args = args.iter().map(std::ffi::OsString::from);
        let args = args.chain([self.path.clone().into(), refspec.into()]);
        let call = git.own_call("take over the start of a session", args);
        call.git_dir(new).run().await.map(drop)
    }
}

//! Functions common to all bare repositories of workspaces.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::WorkspaceError;
use crate::git::Git;
use crate::lock::FileLock;

/// The target of HEAD in such a repository: a branch that never exists.
pub(crate) const NO_BRANCH: &str = "refs/heads/ah/none";
/// The age from which a lock file of git is considered stale. Git holds these locks only briefly.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// Creates a bare repository without a branch.
pub(crate) async fn init(
    git: &Git,
    at: &Path,
    object_format: &str,
    lock: &FileLock,
) -> Result<(), WorkspaceError> {
    let format = format!("--object-format={object_format}");
    let fixed = ["init", "--bare", "--quiet", "--template=", &format, "--"];
    let args = fixed.iter().map(OsString::from).chain([at.into()]);
    git.call("create a repository", args)
        .config("init.defaultRefFormat", "files")
        .under(lock)
        .run()
        .await?;
    let args = ["symbolic-ref", "HEAD", NO_BRANCH];
    let call = git.call("set the repository's HEAD", args);
    call.git_dir(at).run().await.map(drop)
}

/// Deletes a ref. A missing ref is a success.
pub(crate) async fn delete_ref(git: &Git, at: &Path, name: &str) -> Result<(), WorkspaceError> {
    let args = ["update-ref", "--no-deref", "-d", name];
    let call = git.call("delete a ref", args);
    call.git_dir(at).run().await.map(drop)
}

/// Removes the lock files of a killed git, which would block every later one.
pub(crate) fn remove_stale_locks(repository: &Path) -> Result<(), WorkspaceError> {
    for name in [
        "packed-refs.lock",
        "config.lock",
        "shallow.lock",
        "HEAD.lock",
    ] {
        let path = repository.join(name);
        let Ok(modified) = std::fs::metadata(&path).and_then(|found| found.modified()) else {
            continue;
        };
        let age = file_clock().duration_since(modified).unwrap_or_default();
        if age > STALE_AFTER {
            tracing::warn!(path = %path.display(), "removing a stale lock of a killed git");
            std::fs::remove_file(&path).map_err(WorkspaceError::file("remove", &path))?;
        }
    }
    Ok(())
}

/// The clock of file time stamps.
#[expect(
    clippy::disallowed_methods,
    reason = "it is compared with the stamp of a file, which no injected clock makes"
)]
fn file_clock() -> SystemTime {
    SystemTime::now()
}

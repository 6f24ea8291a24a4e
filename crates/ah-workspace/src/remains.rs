//! The remains of killed processes and of worktrees that were removed by hand.

use std::fs::{self, DirEntry, File, Metadata};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use ah_rest_api_contract::SessionId;

use crate::WorkspaceError;
use crate::folder::{UNFINISHED, is_there};
use crate::record::WorkspaceRecord;
use crate::snapshot::SCRATCH;

/// The age from which a temporary file belongs to no living process. It exceeds the time limit of
/// every call of git.
const TEMPORARY_FOR: Duration = Duration::from_secs(60 * 60);
/// The prefixes of the temporary files that git writes among its objects. Garbage collection, which
/// would remove those of a killed process, is disabled.
const GIT_TEMPORARIES: [&str; 2] = ["tmp_", "incoming-"];

/// Returns the sessions whose record in `worktrees` is incomplete, and those whose folder is gone
/// while git still has the worktree; at most `limit`. A record that cannot be read is skipped,
/// because it may be of a complete workspace.
pub(crate) fn sessions(worktrees: &Path, limit: usize) -> Result<Vec<SessionId>, WorkspaceError> {
    let entries = match fs::read_dir(worktrees) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(WorkspaceError::file("read", worktrees))?,
    };
    let has_remains = |path: &Path| {
        let Ok(Some(record)) = WorkspaceRecord::read(path) else {
            return false;
        };
        record.workspace.is_none_or(|workspace| {
            // Only a worktree of an earlier version leaves anything elsewhere.
            let is_worktree = workspace.store.is_none();
            is_worktree && !is_there(&workspace.path) && workspace.agents_git_dir().exists()
        })
    };
    Ok(entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter(|path| has_remains(path))
        .filter_map(|path| path.file_stem()?.to_str()?.parse().ok())
        .take(limit)
        .collect())
}

/// Returns the commits that the sessions of a repository started from.
pub(crate) fn bases(worktrees: &Path, repository: &Path) -> Result<Vec<String>, WorkspaceError> {
    let entries = fs::read_dir(worktrees).map_err(WorkspaceError::file("read", worktrees))?;
    let records = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let records = records.filter(|path| path.extension().is_some_and(|it| it == "json"));
    let mut bases: Vec<String> = records
        .filter_map(|path| WorkspaceRecord::read(&path).ok()??.workspace)
        .filter(|workspace| workspace.repository == repository)
        .map(|workspace| workspace.base_commit)
        .collect();
    bases.sort();
    bases.dedup();
    Ok(bases)
}

/// Removes the unfinished records of killed processes, and the temporary files that are older than
/// [`TEMPORARY_FOR`]: unfinished mirrors, and the objects and packs that git had not finished. A
/// failure is logged.
pub(crate) fn remove_temporaries(worktrees: &Path, repositories: &Path) {
    remove_unlocked(worktrees);
    remove_old(repositories, |name| name.ends_with(".tmp"));
    let Ok(mirrors) = fs::read_dir(repositories) else {
        return;
    };
    let is_of_git = |name: &str| GIT_TEMPORARIES.iter().any(|it| name.starts_with(it));
    for mirror in mirrors.filter_map(Result::ok) {
        let objects = mirror.path().join("objects");
        remove_old(&objects, is_of_git);
        remove_old(&objects.join("pack"), is_of_git);
    }
    let stores = fs::read_dir(worktrees).into_iter().flatten().flatten();
    for store in stores.filter(|it| it.path().extension().is_some_and(|it| it == "git")) {
        remove_old(&store.path(), |name| name.starts_with(SCRATCH));
    }
}

/// Removes the unfinished files in `folder` that no process has locked.
fn remove_unlocked(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let is_unfinished = |entry: &DirEntry| {
        entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(UNFINISHED))
    };
    for entry in entries.filter_map(Result::ok).filter(is_unfinished) {
        let path = entry.path();
        let is_left = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if is_left && let Err(error) = fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "an unfinished file stays");
        }
    }
}

/// Removes the old entries of `folder` whose name `is_temporary`.
fn remove_old(folder: &Path, is_temporary: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let is_left = |entry: &DirEntry| {
        entry.file_name().to_str().is_some_and(&is_temporary)
            && entry.metadata().is_ok_and(|found| is_old(&found))
    };
    for entry in entries.filter_map(Result::ok).filter(is_left) {
        let path = entry.path();
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        if let Err(error) = removed {
            tracing::debug!(path = %path.display(), %error, "a temporary file stays");
        }
    }
}

/// Returns true for a file or folder that belongs to no living process by its age.
pub(crate) fn is_old_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| is_old(&found))
}

fn is_old(found: &Metadata) -> bool {
    let modified = found.modified();
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= TEMPORARY_FOR))
}

//! Folders: creation of private ones, and removal of those left by an agent.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::WorkspaceError;

/// Creates a folder accessible only to this user, including its parents.
pub(crate) fn make_private(path: &Path) -> Result<(), WorkspaceError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(0o700)))
        .map_err(WorkspaceError::file("create the folder", path))
}

/// Removes `path`: a folder with its contents, or a link, but never the target of a link. A missing
/// path is a success.
pub(crate) async fn remove(path: PathBuf) -> Result<(), WorkspaceError> {
    let shown = path.clone();
    let removed = tokio::task::spawn_blocking(move || remove_now(&path))
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)));
    removed.map_err(WorkspaceError::file("remove", shown))
}

/// Does the same as [`remove`], and blocks.
pub(crate) fn remove_now(path: &Path) -> io::Result<()> {
    match remove_tree(path) {
        // Build tools leave read-only folders, and removal needs write permission.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            allow_removal(path)?;
            remove_tree(path)
        }
        result => result,
    }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    let result = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn allow_removal(root: &Path) -> io::Result<()> {
    // Iterative, because an agent determines the depth of its folders.
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            // The type of the entry itself: a link to a folder is not a folder.
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

/// The free space in bytes, below which a failed write is due to a full disk.
const FULL_BELOW: u64 = 1 << 20;

/// Returns the error of git that has written to `folder`, or that of a full disk. Git does not always
/// name it.
pub(crate) fn or_full(error: WorkspaceError, folder: &Path) -> WorkspaceError {
    let is_full = rustix::fs::statvfs(folder)
        .is_ok_and(|it| it.f_bavail.saturating_mul(it.f_frsize) < FULL_BELOW);
    match error {
        WorkspaceError::Git { operation, .. } if is_full => {
            let full = rustix::io::Errno::NOSPC.into();
            WorkspaceError::file(operation, folder)(full)
        }
        error => error,
    }
}

pub(crate) fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Returns true for a folder, and false for a link to one.
pub(crate) fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// The prefix of the files that [`write_whole`] is writing.
pub(crate) const UNFINISHED: &str = ".new-";
/// The number of tries of [`write_whole`]. A file can be taken for that of a killed process, and be
/// removed, between its creation and its lock.
const WRITE_TRIES: u32 = 3;

/// Writes a file atomically, and returns it. The unfinished file is locked, so that one without a
/// lock belongs to no living process.
///
/// Syncing the result makes its content and its new name durable with one wait for the disk on file
/// systems with a journal. Until then, a crash of the machine may leave the former file or an empty
/// one.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut tries = 1;
    loop {
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(folder)?;
        file.as_file().lock()?;
        io::Write::write_all(&mut file, content)?;
        match file.persist(path) {
            Ok(file) => return Ok(file),
            Err(failed) if failed.error.kind() == ErrorKind::NotFound && tries < WRITE_TRIES => {
                tries += 1;
            }
            Err(failed) => return Err(failed.error),
        }
    }
}

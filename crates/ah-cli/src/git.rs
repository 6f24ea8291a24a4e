//! The user's repository: where it is. Its content is the executor's concern.

use std::path::{Path, PathBuf};

/// Returns the nearest ancestor of the folder, or the folder itself, with a `.git`: a folder in a
/// clone, a file in a worktree. Like git, it skips a `.git` folder without HEAD.
pub(crate) fn root_of(folder: &Path) -> Option<PathBuf> {
    let is_root = |ancestor: &&Path| {
        let git = ancestor.join(".git");
        // HEAD may be a symbolic link that is still dangling.
        git.is_file() || git.join("HEAD").symlink_metadata().is_ok()
    };
    folder.ancestors().find(is_root).map(Path::to_path_buf)
}

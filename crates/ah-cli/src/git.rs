//! The user's git and repository.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Returns what `git version` prints.
pub(crate) fn version() -> io::Result<String> {
    let output = Command::new("git")
        .arg("version")
        .stdin(Stdio::null())
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the first two numbers of a version such as `git version 2.39.2`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(' ').find(|word| word.contains('.'))?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_the_words_of_git() {
        assert_eq!(parse_version("git version 2.39.2"), Some((2, 39)));
        assert_eq!(
            parse_version("git version 2.50.1 (Apple Git-155)"),
            Some((2, 50))
        );
        assert_eq!(parse_version("no"), None);
    }
}

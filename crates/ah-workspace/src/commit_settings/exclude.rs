//! The patterns of ignored files that are outside of the work tree.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::is_own;
use crate::git::Git;

/// The maximum size of the file, in bytes. A typical one has a hundredth of it.
const BYTES_MAX: u64 = 1024 * 1024;

/// Returns the patterns of the repository with the git folder `folder`, in its `info/exclude`.
pub(super) fn of_repository(folder: &Path) -> io::Result<Option<Vec<u8>>> {
    patterns(&folder.join("info/exclude"))
}

/// Returns the patterns in `file`, the setting `core.excludesFile`, or in git's default for it. `None`
/// if they cannot be read.
pub(super) fn of_user(file: Option<&str>, git: &Git) -> Option<Vec<u8>> {
    let home = || Some(PathBuf::from(git.variable("HOME")?));
    let file = match file {
        Some(path) => match path.strip_prefix("~/") {
            Some(rest) => home()?.join(rest),
            None => PathBuf::from(path),
        },
        None => {
            let folder = git.variable("XDG_CONFIG_HOME").filter(|it| !it.is_empty());
            let folder = folder.map(PathBuf::from);
            folder
                .or_else(|| Some(home()?.join(".config")))?
                .join("git/ignore")
        }
    };
    patterns(&file).ok().flatten()
}

/// Returns the content of a file of this user; `None` if it has no pattern, such as git's template.
fn patterns(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let is_readable = fs::metadata(path).is_ok_and(|found| found.is_file()) && is_own(path);
    if !is_readable {
        return Ok(None);
    }
    let mut content = Vec::new();
    let read = fs::File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut content)?;
    let is_pattern = |line: &[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"#");
    let has_patterns = content.split(|byte| *byte == b'\n').any(is_pattern);
    Ok((has_patterns && read as u64 <= BYTES_MAX).then_some(content))
}

//! The patterns of ignored files in a repository's own folder, `info/exclude`.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use super::is_own;

/// The maximum size of the file, in bytes. A typical one has a hundredth of it.
const BYTES_MAX: u64 = 1024 * 1024;

/// Copies the patterns of the repository with the git folder `from` into its mirror, which is `to`.
/// The mirror of a repository without patterns has none.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let wanted = patterns(&from.join("info/exclude"))?;
    let copy = to.join("info/exclude");
    if wanted == patterns(&copy)? {
        return Ok(());
    }
    fs::create_dir_all(to.join("info"))?;
    // A rename replaces a link, which would be written through.
    let unfinished = to.join("info/exclude.tmp");
    fs::write(&unfinished, wanted.unwrap_or_default())?;
    fs::rename(&unfinished, &copy)
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

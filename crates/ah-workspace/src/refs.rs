//! Reads the refs of a repository as files.
//!
//! The files of a session's own git folder are an agent's, so nothing is assumed about them: only
//! regular files are read, links are not followed, and everything is bounded. Git itself is not
//! asked, because it would apply the configuration of that folder.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::folder::is_folder;

/// The maximum number of refs. More are not read.
const REFS_MAX: usize = 200_000;
/// The maximum depth of folders below `refs`.
const DEPTH_MAX: usize = 32;
/// The maximum size of the file of one ref, in bytes.
const REF_BYTES_MAX: u64 = 4 * 1024;
/// The maximum size of `packed-refs`, in bytes.
const PACKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The target of a HEAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A ref, by its full name.
    Ref(String),
    /// A commit.
    Commit(String),
}

/// Returns the refs below `refs/` with their object ids, without symbolic ones. What cannot be read
/// is absent.
pub(crate) fn read(git_dir: &Path) -> BTreeMap<String, String> {
    let mut refs = BTreeMap::new();
    if let Ok(packed) = read_file(&git_dir.join("packed-refs"), PACKED_BYTES_MAX) {
        let packed = String::from_utf8_lossy(&packed).into_owned();
        for line in packed.lines().take(REFS_MAX) {
            if let Some((id, name)) = line.split_once(' ')
                && is_id(id)
                && is_ref(name)
            {
                refs.insert(name.to_owned(), id.to_owned());
            }
        }
    }
    let mut folders = vec![("refs".to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let path = git_dir.join(&folder);
        let entries = is_folder(&path).then(|| std::fs::read_dir(&path));
        for entry in entries.into_iter().flatten().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let name = format!("{folder}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => folders.push((name, depth + 1)),
                Ok(kind) if kind.is_file() && refs.len() < REFS_MAX => {
                    match target_of(&entry.path()) {
                        Some(Head::Commit(id)) if is_ref(&name) => {
                            refs.insert(name, id);
                        }
                        // A loose ref hides the packed one of the same name.
                        _ => drop(refs.remove(&name)),
                    }
                }
                _ => {}
            }
        }
    }
    refs
}

/// Returns the object id of one ref.
pub(crate) fn read_one(git_dir: &Path, name: &str) -> Option<String> {
    match target_of(&git_dir.join(name)) {
        Some(Head::Commit(id)) => Some(id),
        Some(Head::Ref(_)) => None,
        None => read(git_dir).remove(name),
    }
}

/// Returns the target of the HEAD in a git folder.
pub(crate) fn head(git_dir: &Path) -> Option<Head> {
    target_of(&git_dir.join("HEAD"))
}

/// Returns the commit that the HEAD of a git folder names.
pub(crate) fn head_commit(git_dir: &Path) -> Option<String> {
    match head(git_dir)? {
        Head::Commit(id) => Some(id),
        Head::Ref(name) => read(git_dir).remove(&name),
    }
}

/// Returns the target of a file with a ref.
pub(crate) fn target_of(file: &Path) -> Option<Head> {
    let content = read_file(file, REF_BYTES_MAX).ok()?;
    let content = String::from_utf8(content).ok()?;
    let content = content.trim_end();
    match content.strip_prefix("ref:") {
        Some(name) => is_ref(name.trim()).then(|| Head::Ref(name.trim().to_owned())),
        None => is_id(content).then(|| Head::Commit(content.to_owned())),
    }
}

/// Returns true for the full id of an object in either hash function.
fn is_id(text: &str) -> bool {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    matches!(text.len(), 40 | 64) && text.bytes().all(is_digit)
}

/// Returns true for a name below `refs/` that git accepts, by the rules of git-check-ref-format(1).
fn is_ref(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with(".lock")
            && !part.ends_with('.')
    };
    let is_forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    name.starts_with("refs/")
        && name.split('/').all(is_part)
        && !name.contains(is_forbidden)
        && !name.contains("..")
        && !name.contains("@{")
}

/// Reads a regular file of at most `limit` bytes, without following a link or waiting for a writer.
pub(crate) fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_file(path)?;
    let mut content = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut content)?;
    if read as u64 > limit {
        return Err(io::Error::other("the file is too large"));
    }
    Ok(content)
}

/// Opens a regular file, without following a link or waiting for a writer.
fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    #[test]
    fn loose_refs_hide_packed_ones_and_other_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("refs/heads/a")).unwrap();
        let packed = format!(
            "# pack-refs with: peeled\n{ONE} refs/heads/x\n{ONE} refs/tags/t\n^{TWO}\n{ONE} refs/../y\n"
        );
        fs::write(at("packed-refs"), packed).unwrap();
        fs::write(at("refs/heads/x"), format!("{TWO}\n")).unwrap();
        fs::write(at("refs/heads/a/b"), "ref: refs/heads/x\n").unwrap();
        fs::write(at("refs/heads/x.lock"), format!("{TWO}\n")).unwrap();
        fs::write(at("refs/heads/bad"), "2222").unwrap();
        symlink(at("refs/heads/x"), at("refs/heads/link")).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            at("refs/heads/fifo"),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .unwrap();
        let found: Vec<_> = read(folder.path()).into_iter().collect();
        let expected = [("refs/heads/x", TWO), ("refs/tags/t", ONE)];
        let expected = expected.map(|(name, id)| (name.to_owned(), id.to_owned()));
        assert_eq!(found, expected);
        fs::write(at("HEAD"), "ref: refs/heads/x\n").unwrap();
        assert_eq!(head_commit(folder.path()).as_deref(), Some(TWO));
        fs::write(at("HEAD"), format!("{ONE}\n")).unwrap();
        assert_eq!(head(folder.path()), Some(Head::Commit(ONE.to_owned())));
    }
}

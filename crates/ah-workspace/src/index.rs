//! Parses git's index: the tracked files with their state at the checkout
//! (gitformat-index(5), versions 2 to 4).

use std::path::Path;

use crate::WorkspaceError;

/// The kind of a tracked entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Executable,
    Link,
    /// A submodule.
    Commit,
}

/// A tracked file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path in bytes, relative to the top.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    /// The id of its content.
    pub(crate) id: Vec<u8>,
    pub(crate) stamp: Stamp,
}

/// The state of a file, by which a change is noticed. Sizes and inodes have 32 bits, as in the
/// index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) changed: (u32, u32),
    pub(crate) modified: (u32, u32),
    pub(crate) inode: u32,
    pub(crate) size: u32,
}

const EXTENDED: u16 = 0x4000;

/// Parses an index whose object ids have this length in bytes. The entries are in order of their
/// paths; those of an unfinished merge appear once.
pub(crate) fn parse(bytes: &[u8], id_length: usize) -> Result<Vec<Entry>, &'static str> {
    let mut input = Input(bytes);
    if input.take(4)? != b"DIRC" {
        return Err("it does not begin like an index");
    }
    let version = input.number()?;
    if !(2..=4).contains(&version) {
        return Err("its version is not known");
    }
    let count = input.number()?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut path = Vec::new();
    for _ in 0..count {
        let before = input.0.len();
        let entry = entry(&mut input, id_length, version, &mut path)?;
        if version < 4 {
            // A name is followed by 1 to 8 zeros, up to a multiple of 8 bytes.
            let used = before - input.0.len();
            input.take((8 - used % 8) % 8)?;
        }
        if let Some(entry) = entry
            && entries.last().is_none_or(|last| last.path != entry.path)
        {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// Parses one entry. `path` is the path of the entry before, and then of this one.
fn entry(
    input: &mut Input<'_>,
    id_length: usize,
    version: u32,
    path: &mut Vec<u8>,
) -> Result<Option<Entry>, &'static str> {
    let changed = (input.number()?, input.number()?);
    let modified = (input.number()?, input.number()?);
    let [_device, inode, mode, _user, _group, size] = [
        input.number()?,
        input.number()?,
        input.number()?,
        input.number()?,
        input.number()?,
        input.number()?,
    ];
    let id = input.take(id_length)?.to_vec();
    let flags = input.short()?;
    if flags & EXTENDED != 0 {
        input.short()?;
    }
    if version == 4 {
        let removed = input.varint()?;
        let kept = path.len().checked_sub(removed);
        path.truncate(kept.ok_or("a path is shorter than its end")?);
    } else {
        path.clear();
    }
    path.extend_from_slice(input.until_zero()?);
    let kind = match mode {
        0o100_644 => Kind::File,
        0o100_755 => Kind::Executable,
        0o120_000 => Kind::Link,
        0o160_000 => Kind::Commit,
        // A folder of a sparse index.
        _ => return Ok(None),
    };
    let stamp = Stamp {
        changed,
        modified,
        inode,
        size,
    };
    Ok(Some(Entry {
        path: path.clone(),
        kind,
        id,
        stamp,
    }))
}

/// Reads the index that this crate stored at `path`.
pub(crate) fn read(path: &Path, id_length: usize) -> Result<Vec<Entry>, WorkspaceError> {
    let bytes = std::fs::read(path).map_err(WorkspaceError::file("read the index", path))?;
    parse(&bytes, id_length).map_err(|problem| WorkspaceError::GitFormat {
        operation: "write the index",
        problem: problem.to_owned(),
    })
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, &'static str> {
        let bytes = self.take(4)?.first_chunk().ok_or("it is cut short")?;
        Ok(u32::from_be_bytes(*bytes))
    }

    fn short(&mut self) -> Result<u16, &'static str> {
        let bytes = self.take(2)?.first_chunk().ok_or("it is cut short")?;
        Ok(u16::from_be_bytes(*bytes))
    }

    /// Takes the bytes up to a zero, and the zero.
    fn until_zero(&mut self) -> Result<&'a [u8], &'static str> {
        let end = self.0.iter().position(|byte| *byte == 0);
        let bytes = self.take(end.ok_or("a path has no end")?)?;
        self.take(1)?;
        Ok(bytes)
    }

    /// Takes a number of variable length, in the encoding of offsets in packs.
    fn varint(&mut self) -> Result<usize, &'static str> {
        let mut value: usize = 0;
        loop {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            let digits = usize::from(byte & 0x7f);
            value = value
                .checked_mul(128)
                .and_then(|value| value.checked_add(digits))
                .ok_or("a number is too large")?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            value = value.checked_add(1).ok_or("a number is too large")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, args: &[&str]) {
        let mut command = Command::new("git");
        let isolated = command
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(isolated.args(args).status().unwrap().success());
    }

    #[test]
    fn every_version_of_an_index_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        git(top, &["init", "-q"]);
        std::fs::create_dir(top.join("a-folder")).unwrap();
        for name in ["a", "a-folder/file", "a-folder/file-two", "longer", "z"] {
            std::fs::write(top.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a", top.join("link")).unwrap();
        git(top, &["add", "."]);
        git(top, &["update-index", "--chmod=+x", "z"]);
        let mut seen = Vec::new();
        for version in ["2", "3", "4"] {
            git(top, &["update-index", "--index-version", version]);
            // An intent to add makes an entry extended.
            std::fs::write(top.join("q"), "q").unwrap();
            git(top, &["add", "-N", "q"]);
            let entries = read(&top.join(".git/index"), 20).unwrap();
            let of: Vec<_> = entries
                .iter()
                .map(|it| (String::from_utf8_lossy(&it.path).into_owned(), it.kind))
                .collect();
            seen.push(of);
            let longer = entries.iter().find(|it| it.path == b"longer").unwrap();
            assert_eq!(longer.stamp.size, 6);
        }
        let [first, rest @ ..] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert!(rest.iter().all(|it| it == first), "{seen:?}");
        let kind = |name: &str| first.iter().find(|it| it.0 == name).map(|it| it.1);
        assert_eq!(kind("a-folder/file-two"), Some(Kind::File));
        assert_eq!(kind("z"), Some(Kind::Executable));
        assert_eq!(kind("link"), Some(Kind::Link));
        assert_eq!(first.len(), 7);
    }

    #[test]
    fn damaged_index_is_an_error() {
        for bytes in [
            &b""[..],
            b"DIRC",
            b"DIRC\0\0\0\x09\0\0\0\0",
            b"DIRC\0\0\0\x02\0\0\0\x01aa",
        ] {
            assert!(parse(bytes, 20).is_err(), "{bytes:?}");
        }
    }
}

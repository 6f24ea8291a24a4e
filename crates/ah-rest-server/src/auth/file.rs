//! Files of the state folder for this host's user. Clients find the running server through
//! `access-point.json`. `access-point.key` is the key, which outlives the server. Both files are
//! readable by the user only.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::AccessPointFile;

use super::KeyText;

const PUBLISHED: &str = AccessPointFile::NAME;
const KEY: &str = "access-point.key";

/// A failure to read or write a file.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be {verb}")]
pub struct FileError {
    path: PathBuf,
    verb: &'static str,
    #[source]
    source: io::Error,
}

impl FileError {
    /// Returns true if the disk has no space.
    pub(crate) fn is_of_full_disk(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

/// Returns the published file in the state folder `home`, if any. A killed server leaves the file
/// behind; [`running`](crate::running) checks that a server runs.
///
/// # Errors
/// The file cannot be read or is malformed.
pub fn read_published(home: &Path) -> Result<Option<AccessPointFile>, FileError> {
    let path = home.join(PUBLISHED);
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| FileError {
            path,
            verb: "read",
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })
}

/// Publishes the address of the server atomically.
pub(crate) fn publish(home: &Path, file: &AccessPointFile) -> Result<(), FileError> {
    let path = home.join(PUBLISHED);
    let text = serde_json::to_string_pretty(file).map_err(|error| FileError {
        path: path.clone(),
        verb: "written",
        source: error.into(),
    })?;
    write(&path, &text)
}

/// Removes the published file.
pub(crate) fn withdraw(home: &Path) -> Result<(), FileError> {
    let path = home.join(PUBLISHED);
    remove(&path).map_err(|source| FileError {
        path,
        verb: "removed",
        source,
    })
}

/// Returns the key that an earlier server stored, if it is well-formed.
pub(super) fn read_key(home: &Path) -> Result<Option<KeyText>, FileError> {
    let text = read(&home.join(KEY))?;
    Ok(text.and_then(|text| KeyText::parse(text.trim())))
}

pub(super) fn keep_key(home: &Path, key: &KeyText) -> Result<(), FileError> {
    write(&home.join(KEY), key.reveal())
}

fn read(path: &Path) -> Result<Option<String>, FileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError {
            path: path.to_owned(),
            verb: "read",
            source,
        }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        let new = path.with_added_extension("new");
        // The file of a server that was killed during a write may have any mode.
        remove(&new)?;
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(|source| FileError {
        path: path.to_owned(),
        verb: "written",
        source,
    })
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_published_file_is_readable_by_its_owner_only() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read_published(home.path()).unwrap(), None);
        std::fs::write(home.path().join("access-point.json.new"), "half").unwrap();
        let file: AccessPointFile = serde_json::from_value(serde_json::json!({
            "url": "http://127.0.0.1:1", "apiKey": "x", "pid": 1, "version": "0",
        }))
        .unwrap();
        publish(home.path(), &file).unwrap();
        assert_eq!(read_published(home.path()).unwrap(), Some(file));
        assert_eq!(mode(&home.path().join(PUBLISHED)), 0o600);
        withdraw(home.path()).unwrap();
        withdraw(home.path()).unwrap();
        assert_eq!(read_published(home.path()).unwrap(), None);
    }

    #[test]
    fn a_key_is_kept_for_its_owner() {
        let home = tempfile::tempdir().unwrap();
        assert!(read_key(home.path()).unwrap().is_none());
        let key = KeyText::generate().unwrap();
        keep_key(home.path(), &key).unwrap();
        assert_eq!(read_key(home.path()).unwrap(), Some(key));
        assert_eq!(mode(&home.path().join(KEY)), 0o600);
        std::fs::write(home.path().join(KEY), "nonsense").unwrap();
        assert!(read_key(home.path()).unwrap().is_none());
    }

    #[test]
    fn read_error_names_the_file() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(PUBLISHED), "{").unwrap();
        let error = read_published(home.path()).unwrap_err();
        assert!(error.to_string().contains(PUBLISHED), "{error}");
    }
}

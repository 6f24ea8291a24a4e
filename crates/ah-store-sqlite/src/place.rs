//! The files of a store, and whether they are still in their place.
//!
//! SQLite goes on with the files that it has opened, whatever their paths lead to. All that it writes
//! to files without a path is gone with its process. The files are examined without opening them:
//! closing a file drops the locks of SQLite's connections on it.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The device and the number of a file.
type Identity = (u64, u64);

/// The path of a store, and the files that it led to when it was opened.
pub(crate) struct Place {
    store: PathBuf,
    identity: Identity,
    companions: [Companion; 2],
}

/// A file that SQLite keeps beside the store. It stays while a connection is open.
struct Companion {
    name: &'static str,
    path: PathBuf,
    /// The file, once it exists.
    identity: OnceLock<Identity>,
}

impl Place {
    /// Examines the store at `path`, which is open.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            store: path.to_owned(),
            identity: identity(&path.metadata()?),
            companions: [
                Companion::of(path, "-wal", "write-ahead log"),
                // Other processes would share another index, and write over each other's pages.
                Companion::of(path, "-shm", "index of the write-ahead log"),
            ],
        })
    }

    /// Returns the path of the store.
    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// Returns the reason that the files are no longer those that were opened, if so.
    pub(crate) fn lost(&self) -> Option<String> {
        let verb = match self.store.metadata() {
            Ok(found) if identity(&found) != self.identity => "replaced",
            // An open store has at least a header.
            Ok(found) if found.len() == 0 => "emptied",
            Err(error) if is_gone(&error) => "removed",
            Ok(_) | Err(_) => return self.companions.iter().find_map(Companion::lost),
        };
        Some(format!("the store {} was {verb}", file_name(&self.store)))
    }
}

impl Companion {
    fn of(store: &Path, suffix: &str, name: &'static str) -> Self {
        let mut path = store.as_os_str().to_owned();
        path.push(suffix);
        let companion = Self {
            name,
            path: PathBuf::from(path),
            identity: OnceLock::new(),
        };
        if let Ok(found) = companion.path.metadata() {
            companion.identity.get_or_init(|| identity(&found));
        }
        companion
    }

    fn lost(&self) -> Option<String> {
        let verb = match (self.path.metadata(), self.identity.get()) {
            (Ok(found), Some(known)) if identity(&found) != *known => "replaced",
            (Err(error), Some(_)) if is_gone(&error) => "removed",
            (Ok(found), None) => {
                // Another call may have been first.
                self.identity.get_or_init(|| identity(&found));
                return None;
            }
            _ => return None,
        };
        Some(format!(
            "the {} {} of the store was {verb}",
            self.name,
            file_name(&self.path)
        ))
    }
}

/// Returns the name of a file without its folder, since strangers may read the reason.
fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

/// Returns true if a path leads to nothing. Other errors can pass.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the reason after `harm` to a store with its log, both in a folder.
    fn lost_after(harm: impl FnOnce(&Path) -> io::Result<()>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("state.db"), "header").unwrap();
        let place = Place::of(&home.join("state.db")).unwrap();
        assert_eq!(place.lost(), None, "without a log");
        fs::write(home.join("state.db-wal"), "frame").unwrap();
        fs::write(home.join("state.db-shm"), "index").unwrap();
        assert_eq!(place.lost(), None);
        harm(&home).unwrap();
        place.lost()
    }

    #[test]
    fn every_loss_is_found() {
        let says = |harm: fn(&Path) -> io::Result<()>, words: &str| {
            let reason = lost_after(harm).expect(words);
            assert!(reason.contains(words), "{reason}");
        };
        says(|home| fs::remove_file(home.join("state.db")), "was removed");
        says(|home| fs::remove_dir_all(home), "was removed");
        says(
            |home| {
                fs::rename(home, home.with_extension("moved"))?;
                fs::write(home, "a file")
            },
            "was removed",
        );
        says(|home| fs::write(home.join("state.db"), ""), "was emptied");
        says(
            |home| {
                fs::copy(home.join("state.db"), home.join("copy"))?;
                fs::rename(home.join("copy"), home.join("state.db"))
            },
            "state.db was replaced",
        );
        says(
            |home| fs::remove_file(home.join("state.db-wal")),
            "state.db-wal of the store was removed",
        );
        says(
            |home| {
                fs::write(home.join("copy"), "")?;
                fs::rename(home.join("copy"), home.join("state.db-wal"))
            },
            "state.db-wal of the store was replaced",
        );
        says(
            |home| fs::remove_file(home.join("state.db-shm")),
            "state.db-shm of the store was removed",
        );
    }

    #[test]
    fn the_changes_of_sqlite_are_no_loss() {
        // A checkpoint grows the store and empties its log.
        let checkpoint = |home: &Path| {
            fs::write(home.join("state.db"), "header and pages")?;
            fs::write(home.join("state.db-wal"), "")
        };
        assert_eq!(lost_after(checkpoint), None);
        let moved_and_linked = |home: &Path| {
            let moved = home.with_extension("moved");
            fs::rename(home, &moved)?;
            std::os::unix::fs::symlink(moved, home)
        };
        assert_eq!(lost_after(moved_and_linked), None);
    }
}

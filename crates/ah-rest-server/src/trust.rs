//! Trust in the files of the host. Agents, command lines and keys come from the state folder and
//! the configuration, so both must belong to the user, and only the user may write to them.
//!
//! The checks precede every read. They trust files of this user and of root.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// The permissions of the group and of others.
const FOREIGN: u32 = 0o077;
/// The permission of the group and of others to write.
const FOREIGN_WRITE: u32 = 0o022;
/// The permission of others to write.
const OTHERS_WRITE: u32 = 0o002;
/// The user that stands for all users without a number in this user namespace, such as the root of
/// the host in a container (`/proc/sys/kernel/overflowuid`).
const UNMAPPED: u32 = 65_534;
/// The bit of a folder in which only the owner of a file may rename it.
const STICKY: u32 = 0o1000;

/// The reason that a file or a folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It belongs to another user.
    #[error(
        "{} belongs to user {owner}, not to you (user {}); use a file of your own, or run \
         `ah` as its owner",
        path.display(),
        user()
    )]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Other users can write to it.
    #[error(
        "other users can write to {} (mode {mode:04o}); run `chmod go-w {0}`",
        path.display()
    )]
    Writable {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not what it has to be.
    #[error("{} is not {expected}", path.display())]
    Kind {
        /// The path.
        path: PathBuf,
        /// The expected kind with its article.
        expected: &'static str,
    },
    /// It is a link to what other users can change, or to what is neither a file nor a folder.
    #[error(
        "{} is a link to {}, which is not a file or a folder that only you can change; replace the \
         link by a file or a folder of your own",
        path.display(),
        target.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
        /// The file or folder that it leads to.
        target: PathBuf,
    },
    /// It cannot be examined or made private.
    #[error("{} cannot be {verb}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The operation, as a participle.
        verb: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl TrustError {
    fn io(path: &Path, verb: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            verb,
            source,
        }
    }

    /// Returns true if the file does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Creates the state folder, accessible only to this user, unless it exists.
///
/// # Errors
/// If the folder cannot be created, or may not be used ([`check_home`]).
pub fn make_home(home: &Path) -> Result<(), TrustError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(home)
        .map_err(TrustError::io(home, "created"))?;
    check_home(home)
}

/// Checks a state folder before anything in it is read. A folder that does not exist is a success.
///
/// The folder and its entries must belong to this user or to root. Permissions of other users are
/// removed from them. A symbolic link must belong to the user as well, and its target is checked
/// when it is read. No folder above it may let other users replace it.
///
/// # Errors
/// The first fault that is found.
pub fn check_home(home: &Path) -> Result<(), TrustError> {
    match home.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(TrustError::io(home, "examined")(error)),
        Ok(link) => check_owner(home, &link)?,
    }
    let real = home
        .canonicalize()
        .map_err(TrustError::io(home, "examined"))?;
    for path in [home, &real] {
        check_parents(path)?;
    }
    let folder = examine(&real)?;
    if !folder.is_dir() {
        return Err(TrustError::Kind {
            path: real,
            expected: "a folder",
        });
    }
    check_owner(&real, &folder)?;
    make_private(&real, &folder)?;
    check_entries(&real)
}

/// Checks what is in a state folder. A pipe or a device would be waited for when it is read.
fn check_entries(real: &Path) -> Result<(), TrustError> {
    let entries = std::fs::read_dir(real).map_err(TrustError::io(real, "read"))?;
    for entry in entries {
        let path = entry.map_err(TrustError::io(real, "read"))?.path();
        let found = match path.symlink_metadata() {
            // Another process removes its temporary files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found.map_err(TrustError::io(&path, "examined"))?,
        };
        check_owner(&path, &found)?;
        if found.is_symlink() {
            check_target(&path)?;
        } else {
            check_kind(&path, &found)?;
            make_private(&path, &found)?;
        }
    }
    Ok(())
}

/// Checks the target of a symbolic link in a state folder: it must be a file or a folder of this user
/// or of root that others cannot write to or replace. A link without a target is no fault.
fn check_target(link: &Path) -> Result<(), TrustError> {
    let real = match link.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        real => real.map_err(TrustError::io(link, "examined"))?,
    };
    let found = examine(&real)?;
    let checked = check_kind(&real, &found)
        .and_then(|()| check_owner(&real, &found))
        .and_then(|()| check_writers(&real, &found, FOREIGN_WRITE))
        .and_then(|()| check_parents(&real));
    // The remedy is another link, unless the target is a file of the user. It may belong to the system.
    let is_own_file = found.is_file() && found.uid() == user();
    checked.map_err(|error| match error {
        error @ TrustError::Io { .. } => error,
        TrustError::Writable { path, mode } if is_own_file && path == real => {
            TrustError::Writable { path, mode }
        }
        _ => TrustError::Link {
            path: link.to_owned(),
            target: real,
        },
    })
}

fn check_kind(path: &Path, found: &Metadata) -> Result<(), TrustError> {
    if found.is_file() || found.is_dir() {
        return Ok(());
    }
    Err(TrustError::Kind {
        path: path.to_owned(),
        expected: "a file or a folder; remove it",
    })
}

/// Reads a file of the configuration. The file must belong to this user or to root, and no other
/// user may be able to write to it or to replace it; of a symbolic link, the target counts.
///
/// # Errors
/// If the file cannot be read, is not a file, or is not trusted.
pub(crate) fn read_file(path: &Path) -> Result<String, TrustError> {
    // The open file is checked, so that no other file can take its place meanwhile.
    // A pipe is opened without waiting for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty());
    let file = file.map_err(|error| TrustError::io(path, "read")(error.into()))?;
    let mut file = File::from(file);
    let found = file.metadata().map_err(TrustError::io(path, "examined"))?;
    if !found.is_file() {
        return Err(TrustError::Kind {
            path: path.to_owned(),
            expected: "a file",
        });
    }
    check_owner(path, &found)?;
    check_writers(path, &found, FOREIGN_WRITE)?;
    let named = std::path::absolute(path).map_err(TrustError::io(path, "examined"))?;
    let real = path
        .canonicalize()
        .map_err(TrustError::io(path, "examined"))?;
    for path in [named, real] {
        check_parents(&path)?;
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(TrustError::io(path, "read"))?;
    Ok(text)
}

/// Returns the user of this process.
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn examine(path: &Path) -> Result<Metadata, TrustError> {
    path.metadata().map_err(TrustError::io(path, "examined"))
}

fn check_owner(path: &Path, found: &Metadata) -> Result<(), TrustError> {
    let owner = found.uid();
    if owner == user() || owner == 0 {
        return Ok(());
    }
    Err(TrustError::Owner {
        path: path.to_owned(),
        owner,
    })
}

fn check_writers(path: &Path, found: &Metadata, writers: u32) -> Result<(), TrustError> {
    let mode = found.mode() & 0o7777;
    if mode & writers == 0 {
        return Ok(());
    }
    Err(TrustError::Writable {
        path: path.to_owned(),
        mode,
    })
}

/// Checks that others cannot replace `path` in one of the folders above it: as owners of a folder, or
/// because they can write to it. In a sticky folder such as `/tmp` they cannot, because the owner of
/// its entry is checked. The user's own group may write, since many systems give each user one, and
/// so may that of root.
fn check_parents(path: &Path) -> Result<(), TrustError> {
    for parent in path.ancestors().skip(1) {
        if parent.as_os_str().is_empty() {
            continue;
        }
        let found = examine(parent)?;
        if found.uid() != UNMAPPED {
            check_owner(parent, &found)?;
        }
        if found.mode() & STICKY == 0 {
            let own_group = rustix::process::getegid().as_raw();
            let is_own = [own_group, 0, UNMAPPED].contains(&found.gid());
            let writers = if is_own { OTHERS_WRITE } else { FOREIGN_WRITE };
            check_writers(parent, &found, writers)?;
        }
    }
    Ok(())
}

/// Removes the permissions of the group and of others. A failure matters only if they can write.
fn make_private(path: &Path, found: &Metadata) -> Result<(), TrustError> {
    let mode = found.mode() & 0o7777;
    if mode & FOREIGN == 0 {
        return Ok(());
    }
    match std::fs::set_permissions(path, Permissions::from_mode(mode & !FOREIGN)) {
        Ok(()) => {
            tracing::debug!(path = %path.display(), "permissions of other users were removed");
            Ok(())
        }
        Err(_) if mode & FOREIGN_WRITE == 0 => Ok(()),
        Err(error) => Err(TrustError::io(path, "made private")(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn home() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        make_home(&home).unwrap();
        (folder, home)
    }

    #[test]
    fn open_permissions_are_removed() {
        let (_folder, home) = home();
        let sessions = home.join("sessions");
        std::fs::create_dir(&sessions).unwrap();
        std::fs::write(home.join("config.toml"), "").unwrap();
        set_mode(&home, 0o777);
        set_mode(&sessions, 0o775);
        set_mode(&home.join("config.toml"), 0o666);
        check_home(&home).unwrap();
        assert_eq!(mode(&home), 0o700);
        assert_eq!(mode(&sessions), 0o700);
        assert_eq!(mode(&home.join("config.toml")), 0o600);
    }

    #[test]
    fn a_folder_that_others_can_replace_is_refused() {
        let (folder, home) = home();
        set_mode(folder.path(), 0o777);
        let error = check_home(&home).unwrap_err();
        assert!(matches!(error, TrustError::Writable { .. }), "{error}");
        assert!(error.to_string().contains("chmod go-w"), "{error}");
        // A sticky folder protects its entries.
        set_mode(folder.path(), 0o1777);
        check_home(&home).unwrap();
        // The same applies to the target of a link.
        let other = tempfile::tempdir().unwrap();
        let link = other.path().join("link");
        symlink(&home, &link).unwrap();
        check_home(&link).unwrap();
        set_mode(folder.path(), 0o777);
        assert!(check_home(&link).is_err());
    }

    #[test]
    fn entries_and_files_of_other_users_are_refused() {
        if user() != 0 {
            // Only root can give files away.
            return;
        }
        const OTHER: u32 = 12_345;
        let (folder, home) = home();
        let config = home.join("config.toml");
        std::fs::write(&config, "").unwrap();
        read_file(&config).unwrap();
        chown(&config, Some(OTHER), None).unwrap();
        for refused in [check_home(&home), read_file(&config).map(drop)] {
            let error = refused.unwrap_err();
            assert!(
                matches!(error, TrustError::Owner { owner: OTHER, .. }),
                "{error}"
            );
            assert!(error.to_string().contains("config.toml"), "{error}");
        }
        std::fs::remove_file(&config).unwrap();
        let sessions = home.join("sessions");
        std::fs::create_dir(&sessions).unwrap();
        check_home(&home).unwrap();
        chown(&sessions, Some(OTHER), None).unwrap();
        assert!(check_home(&home).is_err());
        std::fs::remove_dir(&sessions).unwrap();
        chown(&home, Some(OTHER), None).unwrap();
        assert!(check_home(&home).is_err());
        // The owner of a folder above it can replace it.
        chown(&home, Some(0), None).unwrap();
        check_home(&home).unwrap();
        chown(folder.path(), Some(OTHER), None).unwrap();
        let error = check_home(&home).unwrap_err();
        assert!(
            matches!(error, TrustError::Owner { owner: OTHER, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_configuration_file_that_others_can_write_is_not_read() {
        let (folder, home) = home();
        let real = folder.path().join("real.toml");
        std::fs::write(&real, "x = 1").unwrap();
        let link = home.join("config.toml");
        symlink(&real, &link).unwrap();
        set_mode(&real, 0o644);
        check_home(&home).unwrap();
        assert_eq!(read_file(&link).unwrap(), "x = 1");
        assert_eq!(mode(&real), 0o644, "the target of a link stays as it is");
        // No other user can put another file in its place.
        set_mode(folder.path(), 0o777);
        let error = read_file(&link).unwrap_err();
        assert!(
            matches!(error, TrustError::Writable { mode: 0o777, .. }),
            "{error}"
        );
        set_mode(folder.path(), 0o700);
        set_mode(&real, 0o664);
        let error = read_file(&link).unwrap_err();
        assert!(
            matches!(error, TrustError::Writable { mode: 0o664, .. }),
            "{error}"
        );
        assert!(read_file(&home).is_err());
        assert!(read_file(&home.join("missing")).unwrap_err().is_missing());
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_its_writer() {
        let (folder, home) = home();
        let pipe = folder.path().join("pipe");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        let error = read_file(&pipe).unwrap_err();
        assert!(matches!(error, TrustError::Kind { .. }), "{error}");
        for name in ["config.toml", "access-point.json", "state.db"] {
            let entry = home.join(name);
            for by_link in [true, false] {
                if by_link {
                    symlink(&pipe, &entry).unwrap();
                } else {
                    std::fs::rename(&pipe, &entry).unwrap();
                }
                let error = check_home(&home).unwrap_err();
                let is_refused = match by_link {
                    true => matches!(error, TrustError::Link { .. }),
                    false => matches!(error, TrustError::Kind { .. }),
                };
                assert!(is_refused, "{error}");
                if by_link {
                    std::fs::remove_file(&entry).unwrap();
                } else {
                    std::fs::rename(&entry, &pipe).unwrap();
                }
            }
        }
        // Other devices never end.
        symlink("/dev/zero", home.join("state.db")).unwrap();
        assert!(check_home(&home).is_err());
    }

    #[test]
    fn links_lead_to_files_that_only_the_user_can_write() {
        let (folder, home) = home();
        let (link, real) = (home.join("sessions"), folder.path().join("real"));
        symlink(&real, &link).unwrap();
        check_home(&home).unwrap();
        std::fs::create_dir(&real).unwrap();
        check_home(&home).unwrap();
        set_mode(&real, 0o777);
        let error = check_home(&home).unwrap_err();
        assert!(matches!(error, TrustError::Link { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("/sessions is a link to ") && text.contains("/real,"),
            "{text}"
        );
        std::fs::remove_file(&link).unwrap();
        symlink("/tmp", &link).unwrap();
        assert!(check_home(&home).is_err());
    }

    #[test]
    fn another_group_cannot_replace_the_folder() {
        if user() != 0 {
            // Only root can give a folder to any group.
            return;
        }
        let (folder, home) = home();
        set_mode(folder.path(), 0o770);
        check_home(&home).unwrap();
        chown(folder.path(), None, Some(12_345)).unwrap();
        let error = check_home(&home).unwrap_err();
        assert!(error.to_string().contains("(mode 0770)"), "{error}");
        set_mode(folder.path(), 0o750);
        check_home(&home).unwrap();
    }

    #[test]
    fn a_folder_that_does_not_exist_is_no_fault() {
        let (_folder, home) = home();
        check_home(&home.join("missing")).unwrap();
    }
}

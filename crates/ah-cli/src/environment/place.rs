//! The place of the state folder: an absolute path, outside of checkouts, on a file system that has
//! what the store and the recorders use.

use std::path::{Path, PathBuf};

use rustix::fs::statfs;

use crate::failure::Failure;
use crate::git;
use crate::variables::AH_HOME;

/// File systems that are not used, by the numbers of statfs(2), and the reason. Locks and shared
/// memory of SQLite do not work across a network, and without permissions every user reads the keys.
const UNSUITABLE: [(u64, &str, Lack); 9] = [
    (0x6969, "NFS", Lack::Locks),
    (0xff53_4d42, "CIFS", Lack::Locks),
    (0xfe53_4d42, "SMB", Lack::Locks),
    (0x517b, "SMB", Lack::Locks),
    (0x5346_414f, "AFS", Lack::Locks),
    (0x7375_7245, "Coda", Lack::Locks),
    (0x4d44, "FAT", Lack::Permissions),
    (0x2011_bab0, "exFAT", Lack::Permissions),
    (0x5346_544e, "NTFS", Lack::Permissions),
];

/// The property that a file system lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// Locks that hold between processes.
    Locks,
    /// Permissions of files.
    Permissions,
}

/// Checks the path in `AH_HOME` and returns it.
pub(super) fn named(path: PathBuf) -> Result<PathBuf, Failure> {
    if !path.is_absolute() {
        let failure = Failure::configuration(format!(
            "{} is `{}`, a relative path: the state folder would change with the current folder",
            AH_HOME.name,
            path.display()
        ));
        return Err(match std::path::absolute(&path) {
            Ok(absolute) => failure.hint(format!(
                "set AH_HOME to an absolute path, such as {}",
                absolute.display()
            )),
            Err(_) => failure.hint("set AH_HOME to an absolute path"),
        });
    }
    if let Some(checkout) = checkout_around(&path) {
        return Err(Failure::configuration(format!(
            "{} is {}, inside of the git checkout {}: agents without a repository would work in \
             that checkout, and `git clean` would remove the state",
            AH_HOME.name,
            path.display(),
            checkout.display()
        ))
        .hint("set AH_HOME to a folder outside of every checkout"));
    }
    Ok(path)
}

/// Returns the checkout that contains the folder, which may not exist yet.
fn checkout_around(path: &Path) -> Option<PathBuf> {
    let existing = path.ancestors().find_map(|path| path.canonicalize().ok())?;
    git::root_of(&existing)
}

/// Refuses a path that is not text: events and answers name files below it in JSON.
pub(super) fn check_text(home: &Path) -> Result<(), Failure> {
    if home.to_str().is_some() {
        return Ok(());
    }
    Err(Failure::configuration(format!(
        "the path of the state folder, {home:?}, is not valid UTF-8, so JSON cannot contain it"
    ))
    .hint(format!("set {} to a path in UTF-8", AH_HOME.name)))
}

/// Refuses a folder on a file system that cannot hold the state.
pub(super) fn check_file_system(home: &Path) -> Result<(), Failure> {
    let found = match statfs(home) {
        Ok(found) => found,
        Err(error) => {
            // The next use of the folder reports the fault.
            tracing::debug!(%error, "the file system of the state folder is unknown");
            return Ok(());
        }
    };
    // The type of the field differs between platforms; the numbers have 32 bits.
    #[expect(clippy::cast_sign_loss, reason = "the number is a bit pattern")]
    let number = found.f_type as u64 & 0xffff_ffff;
    match unsuitable(number) {
        None => Ok(()),
        Some((name, lack)) => {
            let lack = match lack {
                Lack::Locks => "whose locks do not protect the store",
                Lack::Permissions => "which has no permissions to keep keys and logs private",
            };
            Err(Failure::configuration(format!(
                "the state folder {} is on a {name} file system, {lack}",
                home.display()
            ))
            .hint(format!("set {} to a folder on a local disk", AH_HOME.name)))
        }
    }
}

fn unsuitable(number: u64) -> Option<(&'static str, Lack)> {
    let row = UNSUITABLE.iter().find(|(known, ..)| *known == number)?;
    Some((row.1, row.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_path_is_refused_with_the_absolute_one() {
        let failure = named("state".into()).expect_err("is relative");
        assert!(failure.to_string().contains("a relative path"), "{failure}");
        assert!(failure.hints()[0].ends_with("/state"), "{failure:?}");
    }

    #[test]
    fn path_that_is_not_text_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/\xff"));
        let failure = check_text(path).expect_err("is not UTF-8");
        assert!(failure.to_string().contains(r"/tmp/\xFF"), "{failure}");
        assert!(check_text(Path::new("/tmp/é")).is_ok());
    }

    #[test]
    fn path_in_a_checkout_is_refused() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let root = folder.path().canonicalize().expect("it exists");
        let deep = root.join("project/a/state");
        std::fs::create_dir_all(root.join("project/.git")).expect("a folder can be made");
        assert_eq!(named(deep.clone()).ok(), Some(deep.clone()));
        std::fs::write(root.join("project/.git/HEAD"), "").expect("a file can be written");
        let failure = named(deep).expect_err("is in a checkout");
        let checkout = root.join("project").display().to_string();
        assert!(failure.to_string().contains(&checkout), "{failure}");
    }

    #[test]
    fn network_file_system_is_refused() {
        assert_eq!(unsuitable(0x6969), Some(("NFS", Lack::Locks)));
        // ext4 and tmpfs.
        assert_eq!(unsuitable(0xef53), None);
        assert_eq!(unsuitable(0x0102_1994), None);
    }
}

//! A session's own home: where an agent keeps its state, apart from every other session's.
//!
//! What the agent keeps state in is the session's own, with what the user's login consists of
//! carried over. The agent finds it by variables; where there is a variable for all of it, the home
//! itself stays the user's, and so do the paths that the tools which the agent runs (git, cargo,
//! pyenv …) write down. Where there is none, the home is a view of the user's, in which everything
//! else is a link. Which paths are whose is for the catalogue to say; this module knows no agent.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SessionFolder;

/// How many entries of one folder of the user's are linked. A home has tens.
const ENTRIES_MAX: usize = 4096;

/// The largest file that is copied, in bytes. What a user's settings are has a hundredth of it.
const COPIED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How long the removal of a home may keep the end of its session waiting.
const REMOVAL_WAIT_MAX: Duration = Duration::from_secs(10);

/// The folders of a home that have a variable of their own (XDG Base Directory Specification), and
/// where they are when it is not set.
const BASE_FOLDERS: [(&str, &str); 3] = [
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
];

/// What each session has of its own in its home. Paths are relative to the home, of plain names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HomePlan {
    /// The files and folders that the agent keeps its state in: empty in a new session, but for
    /// what is named below.
    pub own: Vec<PathBuf>,
    /// What of them is the user's all the same, by a link: logins, whose tokens are renewed, and
    /// what agents only read.
    pub linked: Vec<PathBuf>,
    /// What of them begins as a copy of the user's: settings, which agents write to.
    pub copied: Vec<PathBuf>,
    /// The variables by which a user moves one of these folders elsewhere, or with an empty path
    /// all of them, and by which the agent is told where the session's are.
    pub variables: BTreeMap<String, PathBuf>,
    /// Where one of these paths is in the home of a user who has moved nothing.
    #[serde(default)]
    pub unmoved: BTreeMap<PathBuf, PathBuf>,
}

impl HomePlan {
    /// Whether variables lead to all that is the session's own.
    pub(crate) fn is_led_to(&self) -> bool {
        let base = BASE_FOLDERS.map(|(_, path)| Path::new(path));
        let variables = || self.variables.values().map(PathBuf::as_path).chain(base);
        self.own
            .iter()
            .all(|own| variables().any(|path| own.starts_with(path)))
    }
}

/// The environment of the user, as far as it says where a home is.
type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A home that was made.
#[derive(Debug, Default)]
pub(crate) struct Home {
    /// The variables by which an agent finds it.
    pub(crate) variables: BTreeMap<String, PathBuf>,
    /// What of the user's could not be carried over, in sentences.
    pub(crate) notes: Vec<String>,
}

/// Makes the home of a session, of what the user has, as `variables` tell. A user without a home
/// gets an empty one.
///
/// # Errors
/// When the home is there already, or cannot be made.
pub(crate) fn make(
    folder: &SessionFolder,
    plan: &HomePlan,
    variables: Variables<'_>,
) -> io::Result<Home> {
    let home = std::path::absolute(folder.home())?;
    let temporary = std::path::absolute(folder.temporary())?;
    for path in [&home, &temporary] {
        DirBuilder::new().mode(0o700).create(path)?;
    }
    let user = UserHome::find(plan, variables);
    let mut notes = Vec::new();
    let stays = plan.is_led_to() && user.path.is_some();
    let shared: BTreeSet<PathBuf> = ancestors(&plan.own)
        .into_iter()
        .filter(|path| !stays || is_in_base_folder(path))
        .collect();
    for path in &shared {
        make_folder(&home.join(path))?;
        let is_own =
            |child: &Path| shared.contains(child) || plan.own.iter().any(|own| own == child);
        user.link_all_but(path, &home, is_own, &mut notes)?;
    }
    for path in &plan.linked {
        user.link(path, &home)?;
    }
    for path in &plan.copied {
        user.copy(path, &home, &mut notes)?;
    }
    let mut found = BTreeMap::from([("TMPDIR".to_owned(), temporary)]);
    if !stays {
        found.insert("HOME".to_owned(), home.clone());
    }
    for (name, path) in BASE_FOLDERS {
        if shared.contains(Path::new(path)) {
            found.insert(name.to_owned(), home.join(path));
        }
    }
    for (name, path) in &plan.variables {
        if stays || set(variables, name).is_some() {
            let folder = place_of(path, &home);
            make_folder(&folder)?;
            found.insert(name.clone(), folder);
        }
    }
    Ok(Home {
        variables: found,
        notes,
    })
}

/// Removes the home and the temporary files of a session whose agent has ended. Links are removed,
/// never what they lead to.
///
/// # Errors
/// When something could not be removed, or not within ten seconds; the rest of it goes on being
/// removed then for as long as this process lives.
pub(crate) async fn remove(folder: &SessionFolder) -> io::Result<()> {
    let folders = [folder.home(), folder.temporary()];
    let removal =
        tokio::task::spawn_blocking(move || folders.iter().try_for_each(|path| remove_tree(path)));
    match tokio::time::timeout(REMOVAL_WAIT_MAX, removal).await {
        Ok(removed) => removed.map_err(io::Error::other)?,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("it takes longer than {} s", REMOVAL_WAIT_MAX.as_secs()),
        )),
    }
}

/// Removes a folder that need not be there.
fn remove_tree(path: &Path) -> io::Result<()> {
    let remove = || match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    match remove() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Some tools write-protect the folders they make, such as Go its modules.
            unlock(path)?;
            remove()
        }
        other => other,
    }
}

/// Lets its owner write to this folder and to those below it.
fn unlock(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // Of a link it is the type of the link.
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}

/// Every folder above one of `paths`, the home itself (an empty path) among them, from above.
fn ancestors(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let above = paths.iter().flat_map(|path| path.ancestors().skip(1));
    let mut all: BTreeSet<PathBuf> = above.map(Path::to_owned).collect();
    all.insert(PathBuf::new());
    all
}

/// Whether `path` of a home is one of the base folders, or in one.
fn is_in_base_folder(path: &Path) -> bool {
    BASE_FOLDERS.iter().any(|(_, base)| path.starts_with(base))
}

/// `path` in `folder`. Joining an empty path would end it with a slash.
fn place_of(path: &Path, folder: &Path) -> PathBuf {
    match path.as_os_str().is_empty() {
        true => folder.to_owned(),
        false => folder.join(path),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The value of a variable that is set to something.
fn set(variables: Variables<'_>, name: &str) -> Option<OsString> {
    variables(name).filter(|value| !value.is_empty())
}

/// Where what is in a user's home is.
struct UserHome {
    /// The home; `None` when the user has none.
    path: Option<PathBuf>,
    /// Folders of it that are elsewhere, by their path in it.
    moved: BTreeMap<PathBuf, PathBuf>,
    /// Paths in folders that could be moved, and where they are when these are not.
    unmoved: BTreeMap<PathBuf, PathBuf>,
}

impl UserHome {
    fn find(plan: &HomePlan, variables: Variables<'_>) -> Self {
        // A relative path is to be ignored, says the specification of the base folders.
        let folder = |name: &str| {
            set(variables, name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let base = BASE_FOLDERS.map(|(name, path)| (name, Path::new(path)));
        let moved = plan
            .variables
            .iter()
            .map(|(name, path)| (name.as_str(), path.as_path()))
            .chain(base)
            .filter_map(|(name, path)| Some((path.to_owned(), folder(name)?)))
            .collect();
        Self {
            path: folder("HOME"),
            moved,
            unmoved: plan.unmoved.clone(),
        }
    }

    /// Where `path` of the home is in truth.
    fn locate(&self, path: &Path) -> Option<PathBuf> {
        let moved = path.ancestors().find_map(|above| {
            let elsewhere = self.moved.get(above)?;
            Some((elsewhere, path.strip_prefix(above).ok()?))
        });
        let (folder, rest) = match moved {
            Some(moved) => moved,
            None => {
                let path = self.unmoved.get(path).map_or(path, PathBuf::as_path);
                (self.path.as_ref()?, path)
            }
        };
        Some(place_of(rest, folder))
    }

    /// Links everything in the folder `path` into the same folder of `home`, but what `is_own`.
    fn link_all_but(
        &self,
        path: &Path,
        home: &Path,
        is_own: impl Fn(&Path) -> bool,
        notes: &mut Vec<String>,
    ) -> io::Result<()> {
        let Some(folder) = self.locate(path) else {
            return Ok(());
        };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    notes.push(does_without(&folder, &error.to_string()));
                }
                return Ok(());
            }
        };
        for (count, entry) in entries.enumerate() {
            if count == ENTRIES_MAX {
                let rest = format!("what comes after its first {ENTRIES_MAX} entries is left out");
                notes.push(does_without(&folder, &rest));
                break;
            }
            let entry = entry?;
            let child = path.join(entry.file_name());
            if !is_own(&child) {
                symlink(entry.path(), home.join(child))?;
            }
        }
        Ok(())
    }

    /// Links `path` into `home`, where the user has it.
    fn link(&self, path: &Path, home: &Path) -> io::Result<()> {
        let Some(original) = self.locate(path).filter(|original| original.exists()) else {
            return Ok(());
        };
        symlink(original, place(path, home)?)
    }

    /// Copies the file `path` into `home`, where the user has it, for nobody but its owner.
    fn copy(&self, path: &Path, home: &Path, notes: &mut Vec<String>) -> io::Result<()> {
        let Some(original) = self.locate(path) else {
            return Ok(());
        };
        let unfit = match fs::metadata(&original) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => Some(error.to_string()),
            Ok(meta) if !meta.is_file() => Some("it is no file".to_owned()),
            Ok(meta) if meta.len() > COPIED_BYTES_MAX => {
                Some(format!("it has more than {COPIED_BYTES_MAX} bytes"))
            }
            Ok(_) => None,
        };
        let source = match unfit {
            None => File::open(&original).map_err(|error| error.to_string()),
            Some(why) => Err(why),
        };
        match source {
            Err(why) => notes.push(does_without(&original, &why)),
            Ok(source) => {
                let mut copy = File::options()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(place(path, home)?)?;
                io::copy(&mut source.take(COPIED_BYTES_MAX), &mut copy)?;
            }
        }
        Ok(())
    }
}

fn does_without(path: &Path, why: &str) -> String {
    format!("the agent does without {}: {why}", path.display())
}

/// The place of `path` in `home`, whose folder is made.
fn place(path: &Path, home: &Path) -> io::Result<PathBuf> {
    let place = home.join(path);
    if let Some(folder) = place.parent() {
        make_folder(folder)?;
    }
    Ok(place)
}

#[cfg(test)]
mod tests;

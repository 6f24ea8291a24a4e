//! The state of an agent, separate for each session.
//!
//! The agent's state folders belong to the session, and the user's login is carried over. Variables
//! tell the agent where they are. If variables cover all of its state, the home itself stays the
//! user's, so that paths written by tools (git, cargo, pyenv …) stay valid. Otherwise the home is a
//! view of the user's home, in which everything else is a link. The catalogue defines the paths;
//! this module knows no agent.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SessionFolder;

/// The maximum number of links per folder. A typical home has tens of entries.
const ENTRIES_MAX: usize = 4096;

/// The maximum size of a copied file, in bytes. Typical settings have a hundredth of it.
const COPIED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The maximum time that the removal of a home may delay the end of its session.
const REMOVAL_WAIT_MAX: Duration = Duration::from_secs(10);

/// The folders of a home with a variable of their own (XDG Base Directory Specification), and their
/// defaults.
const BASE_FOLDERS: [(&str, &str); 3] = [
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
];

/// The paths that belong to each session. They are relative to the home and consist of plain names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HomePlan {
    /// The agent's state: files and folders that are empty in a new session, except for the paths
    /// below.
    pub own: Vec<PathBuf>,
    /// Paths within the state that link to the user's: logins, whose tokens are renewed, and
    /// read-only files.
    pub linked: Vec<PathBuf>,
    /// The linked paths that the agent writes in place: logins, whose tokens are renewed.
    #[serde(default)]
    pub renewed: Vec<PathBuf>,
    /// Paths within the state that start as a copy of the user's: settings, which agents write.
    pub copied: Vec<PathBuf>,
    /// The variables that relocate these folders (with an empty path: all of them). They locate the
    /// user's folders, and tell the agent the session's.
    pub variables: BTreeMap<String, PathBuf>,
    /// The locations of these paths in a home without relocated folders.
    #[serde(default)]
    pub unmoved: BTreeMap<PathBuf, PathBuf>,
}

impl HomePlan {
    /// Returns true if variables cover all of the session's paths.
    pub(crate) fn is_covered_by_variables(&self) -> bool {
        let base = BASE_FOLDERS.map(|(_, path)| Path::new(path));
        let variables = || self.variables.values().map(PathBuf::as_path).chain(base);
        self.own
            .iter()
            .all(|own| variables().any(|path| own.starts_with(path)))
    }
}

/// The user's environment, for locating the home.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A created home.
#[derive(Debug, Default)]
pub struct Home {
    /// The variables that locate it for the agent.
    pub variables: BTreeMap<String, PathBuf>,
    /// Sentences about files that could not be carried over.
    pub notes: Vec<String>,
}

/// Creates the home of a session from the user's, which `variables` locate. A user without a home
/// gets an empty one.
///
/// # Errors
/// The home already exists, or cannot be created.
pub fn make(folder: &SessionFolder, plan: &HomePlan, variables: Variables<'_>) -> io::Result<Home> {
    let home = std::path::absolute(folder.home())?;
    let temporary = std::path::absolute(folder.temporary())?;
    for path in [&home, &temporary] {
        DirBuilder::new().mode(0o700).create(path)?;
    }
    let user = UserHome::find(plan, variables);
    let mut notes = Vec::new();
    let stays = plan.is_covered_by_variables() && user.path.is_some();
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

/// Removes the home and the temporary files of a session whose agent has ended. Links are removed
/// without following them.
///
/// # Errors
/// Something could not be removed, or not within ten seconds. In the latter case removal continues
/// until this process exits.
pub async fn remove(folder: &SessionFolder) -> io::Result<()> {
    let folders = [folder.home(), folder.temporary()];
    let removal =
        tokio::task::spawn_blocking(move || folders.iter().try_for_each(|path| remove_tree(path)));
    match tokio::time::timeout(REMOVAL_WAIT_MAX, removal).await {
        Ok(removed) => removed.map_err(io::Error::other)?,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("removal exceeded {} s", REMOVAL_WAIT_MAX.as_secs()),
        )),
    }
}

/// Removes a folder, if it exists.
fn remove_tree(path: &Path) -> io::Result<()> {
    let remove = || match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    match remove() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Some tools write-protect their folders, such as Go its module cache.
            unlock(path)?;
            remove()
        }
        other => other,
    }
}

/// Makes a folder and all folders below it writable for their owner.
fn unlock(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // For a link, this is the type of the link itself.
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}

/// Returns all ancestors of `paths`, including the home itself (an empty path), from the top.
fn ancestors(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let above = paths.iter().flat_map(|path| path.ancestors().skip(1));
    let mut all: BTreeSet<PathBuf> = above.map(Path::to_owned).collect();
    all.insert(PathBuf::new());
    all
}

/// Returns true if `path` is a base folder, or inside one.
fn is_in_base_folder(path: &Path) -> bool {
    BASE_FOLDERS.iter().any(|(_, base)| path.starts_with(base))
}

/// Returns `path` in `folder`. Joining an empty path would append a slash.
fn place_of(path: &Path, folder: &Path) -> PathBuf {
    match path.as_os_str().is_empty() {
        true => folder.to_owned(),
        false => folder.join(path),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Returns the value of a variable that is set and not empty.
fn set(variables: Variables<'_>, name: &str) -> Option<OsString> {
    variables(name).filter(|value| !value.is_empty())
}

/// The location of a user's files.
struct UserHome {
    /// The home, if any.
    path: Option<PathBuf>,
    /// Relocated folders, by their path in the home.
    moved: BTreeMap<PathBuf, PathBuf>,
    /// Paths in relocatable folders, and their locations if these are not relocated.
    unmoved: BTreeMap<PathBuf, PathBuf>,
}

impl UserHome {
    fn find(plan: &HomePlan, variables: Variables<'_>) -> Self {
        // The XDG specification requires relative paths to be ignored.
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

    /// Returns the actual location of `path` in the home.
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

    /// Links everything in the folder `path` into the same folder of `home`, except for paths that
    /// `is_own` accepts.
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
                let rest = format!("only its first {ENTRIES_MAX} entries are linked");
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

    /// Links `path` into `home`, if the user has it.
    fn link(&self, path: &Path, home: &Path) -> io::Result<()> {
        let Some(original) = self.locate(path).filter(|original| original.exists()) else {
            return Ok(());
        };
        symlink(original, place(path, home)?)
    }

    /// Copies the file `path` into `home`, if the user has it, readable only by its owner.
    fn copy(&self, path: &Path, home: &Path, notes: &mut Vec<String>) -> io::Result<()> {
        let Some(original) = self.locate(path) else {
            return Ok(());
        };
        let unfit = match fs::metadata(&original) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => Some(error.to_string()),
            Ok(meta) if !meta.is_file() => Some("not a file".to_owned()),
            Ok(meta) if meta.len() > COPIED_BYTES_MAX => {
                Some(format!("larger than {COPIED_BYTES_MAX} bytes"))
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
    format!("{} is not available to the agent: {why}", path.display())
}

/// Returns the location of `path` in `home`, and creates its folder.
fn place(path: &Path, home: &Path) -> io::Result<PathBuf> {
    let place = home.join(path);
    if let Some(folder) = place.parent() {
        make_folder(folder)?;
    }
    Ok(place)
}

#[cfg(test)]
mod tests;

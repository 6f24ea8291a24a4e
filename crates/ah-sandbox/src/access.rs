//! The places that a sandboxed process may read and write, resolved for this host.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::confine::Confinement;
use crate::places::{
    COVERED, DEVICES, HOME, HOME_SECRETS, HOST, HOST_SECRETS, SCRATCH, surrounding,
};
use crate::spread::spread;

/// The maximum number of interpreters of a program: a script may be run by a script.
const INTERPRETERS_MAX: usize = 4;

/// The maximum length of the first line of a script, in bytes, as the kernel reads it.
const FIRST_LINE_MAX: u64 = 256;

/// The places of a sandbox. All paths are canonical, and exist.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    /// Trees to read and to run programs of.
    pub(crate) read: BTreeSet<PathBuf>,
    /// Trees whose folders can be listed.
    pub(crate) listed: BTreeSet<PathBuf>,
    /// Trees to write.
    pub(crate) write: BTreeSet<PathBuf>,
    /// Devices, and folders of devices.
    pub(crate) devices: BTreeSet<PathBuf>,
    /// Folders of which nothing but the places above is there.
    pub(crate) covered: BTreeSet<PathBuf>,
    /// Covered folders that are empty and writable instead.
    pub(crate) scratch: BTreeSet<PathBuf>,
    /// Files and folders that nothing may use.
    pub(crate) denied: BTreeSet<PathBuf>,
    /// Links in covered folders, and the places that they lead to.
    pub(crate) links: BTreeSet<(PathBuf, PathBuf)>,
}

impl Access {
    /// Resolves the places of a process that becomes `command`, which is searched in `search`.
    pub(crate) fn resolve(
        confinement: &Confinement,
        command: &[String],
        search: Option<&OsStr>,
    ) -> Self {
        let mut resolving = Resolving::begin(confinement);
        for path in HOST.iter().map(Path::new) {
            resolving.read(path);
            resolving.list(path);
        }
        for path in confinement.home.iter().flat_map(|home| below(home, HOME)) {
            resolving.read(&path);
        }
        for path in &confinement.tools {
            resolving.read_unless_wide(path);
        }
        for path in programs(command, search) {
            resolving.read_unless_wide(&path);
        }
        for path in &confinement.read {
            resolving.read_configured(path);
        }
        for path in &confinement.given {
            resolving.give(path);
        }
        for path in DEVICES.iter().map(Path::new) {
            resolving.access.devices.extend(canonical(path));
        }
        let own = [&confinement.workspace];
        let written = own
            .into_iter()
            .chain(&confinement.own)
            .chain(&confinement.renewed)
            .chain(&confinement.write);
        for path in written {
            resolving.link(path);
            resolving.access.write.extend(canonical(path));
        }
        resolving.access
    }
}

/// The places so far, and what bounds them.
struct Resolving {
    access: Access,
    /// Places that no tree may include.
    denied: Vec<PathBuf>,
    /// Folders that are too wide for a derived place: all around them is, too.
    wide: Vec<PathBuf>,
}

impl Resolving {
    fn begin(confinement: &Confinement) -> Self {
        let home = confinement.home.as_deref();
        let secrets = HOST_SECRETS.iter().map(PathBuf::from);
        let secrets = secrets.chain(home.iter().flat_map(|home| below(home, HOME_SECRETS)));
        let denied = secrets
            .chain(confinement.deny.iter().cloned())
            .chain([confinement.state.clone()]);
        let denied: Vec<PathBuf> = denied.filter_map(|path| canonical(&path)).collect();
        let covered = COVERED.iter().map(Path::new).chain(home);
        let covered: BTreeSet<PathBuf> = covered
            .chain([confinement.state.as_path()])
            .filter_map(canonical)
            .filter(|path| path.is_dir() && !is_of_host(path))
            .collect();
        let mut wide: Vec<PathBuf> = covered.iter().cloned().collect();
        wide.extend(
            home.iter()
                .flat_map(|home| below(home, &[".local", ".config"])),
        );
        Self {
            access: Access {
                // Tools that write beside their own state find an empty home.
                scratch: SCRATCH
                    .iter()
                    .map(Path::new)
                    .chain(home)
                    .filter_map(canonical)
                    .filter(|path| covered.contains(path))
                    .collect(),
                covered,
                denied: confinement.deny.iter().filter_map(canonical).collect(),
                ..Access::default()
            },
            denied,
            wide,
        }
    }

    /// Permits to read a place, without its denied parts.
    fn read(&mut self, path: &Path) {
        let Some(tree) = canonical(path) else {
            return;
        };
        self.link(path);
        self.access.read.extend(spread(&tree, &self.denied));
    }

    /// Permits to list a place of the host that is spread.
    fn list(&mut self, path: &Path) {
        let tree = canonical(path).filter(|tree| !self.access.read.contains(tree));
        self.access.listed.extend(tree);
    }

    /// Permits to read a derived place, unless it is a whole home, or more.
    fn read_unless_wide(&mut self, path: &Path) {
        let is_wide =
            canonical(path).is_none_or(|path| self.wide.iter().any(|wide| wide.starts_with(&path)));
        if !is_wide {
            self.read(path);
        }
    }

    /// Permits to read a configured place, even within a secret one.
    fn read_configured(&mut self, path: &Path) {
        let Some(tree) = canonical(path) else {
            return;
        };
        let is_around = |part: &PathBuf| tree.starts_with(part) && !self.is_refused(part);
        let denied: Vec<PathBuf> = self
            .denied
            .iter()
            .filter(|part| !is_around(part))
            .cloned()
            .collect();
        self.link(path);
        self.access.read.extend(spread(&tree, &denied));
    }

    /// Returns true if a configured place cannot override this denied one: the state, or one that is
    /// denied by configuration.
    fn is_refused(&self, part: &Path) -> bool {
        self.access.denied.contains(part) || self.access.covered.contains(part)
    }

    /// Permits to read a place that the recorder gives, whatever it is in.
    fn give(&mut self, path: &Path) {
        self.link(path);
        self.access.read.extend(canonical(path));
    }

    /// Notes that a place is reached through a link in a covered folder.
    fn link(&mut self, path: &Path) {
        let (Some(parent), Some(name), Some(target)) = (
            path.parent().and_then(canonical),
            path.file_name(),
            canonical(path),
        ) else {
            return;
        };
        let link = parent.join(name);
        if link != target
            && self
                .access
                .covered
                .iter()
                .any(|covered| link.starts_with(covered))
        {
            self.access.links.insert((link, target));
        }
    }
}

/// Returns true for a folder that a host cannot do without, such as the home `/` of a service.
fn is_of_host(path: &Path) -> bool {
    let of_host = HOST.iter().map(Path::new);
    of_host
        .filter(|place| !place.starts_with("/run"))
        .any(|place| place.starts_with(path))
}

fn canonical(path: impl AsRef<Path>) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

fn below<'a>(home: &'a Path, names: &'a [&str]) -> impl Iterator<Item = PathBuf> + 'a {
    names.iter().map(move |name| home.join(name))
}

/// Returns the places of the programs of a command: the one that it runs, and files among its
/// arguments, such as a script.
fn programs(command: &[String], search: Option<&OsStr>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for (index, word) in command.iter().enumerate() {
        let path = Path::new(word);
        let found = if path.is_absolute() {
            canonical(path)
        } else if index == 0 {
            found_in(word, search)
        } else {
            None
        };
        if let Some(file) = found.filter(|path| path.is_file()) {
            places_of_program(file, search, &mut places);
        }
    }
    places
}

/// Adds the places of a program, and those of the interpreters that run it.
fn places_of_program(file: PathBuf, search: Option<&OsStr>, places: &mut Vec<PathBuf>) {
    let mut next = Some(file);
    for _ in 0..INTERPRETERS_MAX {
        let Some(file) = next.take() else {
            return;
        };
        let is_modules = |path: &&Path| path.file_name().is_some_and(|name| name == "node_modules");
        // The outermost one: packages are beside those that need them.
        places.extend(
            file.ancestors()
                .filter(is_modules)
                .last()
                .map(Path::to_owned),
        );
        if let Some(folder) = file.parent() {
            places.extend(surrounding(folder));
            places.push(folder.to_owned());
        }
        if let Some(interpreter) = interpreter(&file) {
            // An interpreter of a virtual environment is a link to another one.
            places.extend(interpreter.parent().and_then(surrounding));
            let name = interpreter.to_str().unwrap_or_default();
            next = canonical(&interpreter).or_else(|| found_in(name, search));
        }
        places.push(file);
    }
}

/// Returns the interpreter in the first line of a script.
fn interpreter(file: &Path) -> Option<PathBuf> {
    let mut line = Vec::new();
    File::open(file)
        .ok()?
        .take(FIRST_LINE_MAX)
        .read_to_end(&mut line)
        .ok()?;
    let line = line.strip_prefix(b"#!")?;
    let line = line.split(|&byte| byte == b'\n').next()?;
    let word = line
        .split(|byte| byte.is_ascii_whitespace())
        .find(|word| !word.is_empty())?;
    Some(PathBuf::from(OsStr::from_bytes(word)))
}

/// Returns the file that a name stands for in a list like that of `PATH`.
fn found_in(name: &str, search: Option<&OsStr>) -> Option<PathBuf> {
    let folders = std::env::split_paths(search?);
    let mut found = folders
        .map(|folder| folder.join(name))
        .filter(|path| path.is_file());
    canonical(found.next()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A home and a state folder in it, with one session.
    fn host() -> (tempfile::TempDir, Confinement) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let home = root.join("user");
        for path in [
            ".ssh",
            ".cargo/bin",
            ".local/state/ah/sessions/1/home",
            "repo/src",
            "tools",
        ] {
            fs::create_dir_all(home.join(path)).unwrap();
        }
        fs::write(home.join(".cargo/credentials.toml"), "token").unwrap();
        fs::write(home.join(".cargo/config.toml"), "").unwrap();
        let state = home.join(".local/state/ah");
        let confinement = Confinement {
            home: Some(home.clone()),
            workspace: home.join("repo"),
            own: vec![state.join("sessions/1/home")],
            state,
            ..Confinement::default()
        };
        (folder, confinement)
    }

    #[test]
    fn secrets_and_the_state_are_in_no_place_of_the_default() {
        let (_folder, mut confinement) = host();
        let home = confinement.home.clone().unwrap();
        confinement.tools = vec![home.clone(), home.join(".local"), home.join("tools")];
        let access = Access::resolve(
            &confinement,
            &["true".to_owned()],
            Some("/usr/bin".as_ref()),
        );
        let reaches = |path: &str| {
            access
                .read
                .iter()
                .any(|tree| home.join(path).starts_with(tree))
        };
        assert!(reaches("tools"));
        assert!(reaches(".cargo/bin"));
        assert!(reaches(".cargo/config.toml"));
        for path in [
            "",
            ".ssh",
            ".cargo/credentials.toml",
            ".local/state/ah",
            ".local/state/ah/state.db",
        ] {
            assert!(!reaches(path), "{path}: {:?}", access.read);
        }
        assert!(access.read.contains(Path::new("/usr")));
        assert_eq!(access.write.len(), 2, "{:?}", access.write);
        assert!(access.covered.contains(&home));
    }

    #[test]
    fn configured_places_reach_secrets_but_neither_the_state_nor_what_is_denied() {
        let (_folder, mut confinement) = host();
        let home = confinement.home.clone().unwrap();
        confinement.read = vec![
            home.clone(),
            home.join(".ssh"),
            confinement.state.join("sessions"),
        ];
        confinement.deny = vec![home.join("tools")];
        let access = Access::resolve(&confinement, &[], None);
        let reaches = |path: &str| {
            access
                .read
                .iter()
                .any(|tree| home.join(path).starts_with(tree))
        };
        assert!(reaches("repo/src"));
        assert!(reaches(".ssh"));
        for path in [
            ".local/state/ah/sessions",
            "tools",
            ".cargo/credentials.toml",
        ] {
            assert!(!reaches(path), "{path}: {:?}", access.read);
        }
    }

    #[test]
    fn a_program_is_reached_with_its_packages_and_its_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for path in [
            "lib/node_modules/agent/dist",
            "bin",
            "venv/bin",
            "python/bin",
        ] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        fs::write(root.join("python/bin/python3"), "").unwrap();
        symlink("../../python/bin/python3", root.join("venv/bin/python")).unwrap();
        let script = root.join("lib/node_modules/agent/dist/index.js");
        let line = format!("#! {}/venv/bin/python -s\nrest", root.display());
        fs::write(&script, line).unwrap();
        symlink(&script, root.join("bin/agent")).unwrap();
        let search = root.join("bin").into_os_string();
        let places = programs(&["agent".to_owned(), "--acp".to_owned()], Some(&search));
        for path in [
            "lib/node_modules",
            "venv",
            "python",
            "lib/node_modules/agent/dist",
        ] {
            assert!(places.contains(&root.join(path)), "{path}: {places:?}");
        }
        assert!(programs(&["no-such".to_owned()], Some(&search)).is_empty());
    }
}

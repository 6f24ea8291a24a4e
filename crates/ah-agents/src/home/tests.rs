use std::os::unix::fs::MetadataExt;

use super::*;

/// A user's home, a session's folder, and the user's variables.
struct Host {
    dir: tempfile::TempDir,
    variables: BTreeMap<&'static str, OsString>,
}

impl Host {
    /// Creates a user with these files, each containing its own path.
    fn with(files: &[&str]) -> Self {
        let host = Self {
            dir: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
        };
        fs::create_dir_all(host.folder().path()).unwrap();
        for file in files {
            host.write(&host.user().join(file), file);
        }
        host.set("HOME", "user")
    }

    /// Sets a variable to a folder beside the user's home.
    fn set(mut self, name: &'static str, folder: &str) -> Self {
        let path = self.dir.path().join(folder);
        fs::create_dir_all(&path).unwrap();
        self.variables.insert(name, path.into());
        self
    }

    fn write(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn user(&self) -> PathBuf {
        self.dir.path().join("user")
    }

    fn folder(&self) -> SessionFolder {
        SessionFolder::at(self.dir.path().join("sessions/one"))
    }

    fn make(&self, plan: &HomePlan) -> Home {
        make(&self.folder(), plan, &|name| {
            self.variables.get(name).cloned()
        })
        .unwrap()
    }

    /// Returns the text of a file in the session's home.
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder().home().join(path)).unwrap()
    }

    fn is_link(&self, path: &str) -> bool {
        self.folder().home().join(path).is_symlink()
    }
}

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

fn plan() -> HomePlan {
    HomePlan {
        own: paths(&[".agent", ".agent.json", ".local/share/agent"]),
        linked: paths(&[".agent/auth.json", ".local/share/agent/token"]),
        renewed: Vec::new(),
        copied: paths(&[".agent/config.toml", ".agent.json"]),
        variables: BTreeMap::from([("AGENT_HOME".to_owned(), ".agent".into())]),
        unmoved: BTreeMap::new(),
    }
}

/// The plan of an agent whose state is covered by variables.
fn led_plan() -> HomePlan {
    HomePlan {
        own: paths(&[".agent", ".local/share/agent"]),
        linked: paths(&[".agent/auth.json", ".local/share/agent/token"]),
        renewed: Vec::new(),
        copied: paths(&[".agent/.agent.json"]),
        variables: BTreeMap::from([("AGENT_HOME".to_owned(), ".agent".into())]),
        unmoved: BTreeMap::from([(".agent/.agent.json".into(), ".agent.json".into())]),
    }
}

const FILES: [&str; 8] = [
    ".gitconfig",
    ".config/git/ignore",
    ".agent.json",
    ".agent/auth.json",
    ".agent/config.toml",
    ".agent/history/yesterday",
    ".local/share/agent/token",
    ".local/share/other/file",
];

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

#[test]
fn agent_state_belongs_to_the_session_and_other_files_to_the_user() {
    let host = Host::with(&FILES);
    let home = host.make(&plan());
    assert_eq!(home.notes, Vec::<String>::new());
    for carried in [
        ".gitconfig",
        ".config/git/ignore",
        ".agent.json",
        ".agent/auth.json",
        ".agent/config.toml",
        ".local/share/agent/token",
        ".local/share/other/file",
    ] {
        assert_eq!(host.read(carried), carried);
    }
    assert!(!host.folder().home().join(".agent/history").exists());
    for link in [
        ".gitconfig",
        ".config",
        ".agent/auth.json",
        ".local/share/agent/token",
        ".local/share/other",
    ] {
        assert!(host.is_link(link), "{link}");
    }
    for own in [
        ".agent",
        ".agent.json",
        ".agent/config.toml",
        ".local",
        ".local/share/agent",
    ] {
        assert!(!host.is_link(own), "{own}");
    }
}

#[test]
fn renewed_login_is_saved_for_the_user_but_settings_are_not() {
    let host = Host::with(&FILES);
    host.make(&plan());
    let home = host.folder().home();
    for file in [".agent/auth.json", ".agent/config.toml"] {
        fs::write(home.join(file), "new").unwrap();
    }
    fs::write(home.join(".agent/state"), "new").unwrap();
    let user = |path: &str| fs::read_to_string(host.user().join(path)).unwrap();
    assert_eq!(user(".agent/auth.json"), "new");
    assert_eq!(user(".agent/config.toml"), ".agent/config.toml");
    assert!(!host.user().join(".agent/state").exists());
}

#[test]
fn home_is_readable_by_its_owner_only() {
    let host = Host::with(&FILES);
    fs::set_permissions(
        host.user().join(".agent/config.toml"),
        Permissions::from_mode(0o644),
    )
    .unwrap();
    host.make(&plan());
    let home = host.folder().home();
    for folder in ["", ".agent", ".local", ".local/share", ".local/share/agent"] {
        assert_eq!(mode(&home.join(folder)), 0o700, "{folder}");
    }
    assert_eq!(mode(&host.folder().temporary()), 0o700);
    assert_eq!(mode(&home.join(".agent/config.toml")), 0o600);
}

#[test]
fn variables_point_to_the_home() {
    let host = Host::with(&FILES);
    let home = host.folder().home();
    let expected = BTreeMap::from([
        ("HOME".to_owned(), home.clone()),
        ("TMPDIR".to_owned(), host.folder().temporary()),
        ("XDG_DATA_HOME".to_owned(), home.join(".local/share")),
    ]);
    assert_eq!(host.make(&plan()).variables, expected);
    assert!(!home.starts_with(host.folder().temporary()));
}

/// Paths that tools write stay valid after the session.
#[test]
fn agent_with_state_variables_uses_the_user_home() {
    let host = Host::with(&FILES);
    let made = host.make(&led_plan());
    let home = host.folder().home();
    let expected = BTreeMap::from([
        ("AGENT_HOME".to_owned(), home.join(".agent")),
        ("TMPDIR".to_owned(), host.folder().temporary()),
        ("XDG_DATA_HOME".to_owned(), home.join(".local/share")),
    ]);
    assert_eq!(made.variables, expected);
    assert!(host.is_link(".agent/auth.json"));
    assert_eq!(host.read(".agent/.agent.json"), ".agent.json");
    assert_eq!(
        host.read(".local/share/agent/token"),
        ".local/share/agent/token"
    );
    assert_eq!(
        host.read(".local/share/other/file"),
        ".local/share/other/file"
    );
    for users in [".gitconfig", ".config", ".agent/history", ".agent.json"] {
        assert!(!home.join(users).exists(), "{users}");
    }
}

#[test]
fn moved_folders_replace_their_default_locations() {
    let host = Host::with(&FILES).set("AGENT_HOME", "moved");
    host.write(&host.dir.path().join("moved/.agent.json"), "moved settings");
    host.make(&led_plan());
    assert_eq!(host.read(".agent/.agent.json"), "moved settings");
}

#[test]
fn variable_can_name_the_parent_of_all_state() {
    let mut plan = HomePlan {
        own: paths(&[".agent"]),
        linked: paths(&[".agent/auth.json"]),
        ..HomePlan::default()
    };
    plan.variables
        .insert("AGENT_ROOT".to_owned(), PathBuf::new());
    let host = Host::with(&FILES);
    let made = host.make(&plan);
    assert_eq!(made.variables["AGENT_ROOT"], host.folder().home());
    assert!(!made.variables.contains_key("HOME"));
    assert_eq!(host.read(".agent/auth.json"), ".agent/auth.json");
    let host = Host::with(&[]).set("AGENT_ROOT", "root");
    host.write(&host.dir.path().join("root/.agent/auth.json"), "moved");
    host.make(&plan);
    assert_eq!(host.read(".agent/auth.json"), "moved");
}

#[test]
fn folders_moved_by_the_user_are_found() {
    let host = Host::with(&FILES)
        .set("AGENT_HOME", "moved")
        .set("XDG_DATA_HOME", "data");
    host.write(&host.dir.path().join("moved/auth.json"), "moved login");
    host.write(&host.dir.path().join("data/agent/token"), "moved token");
    host.write(&host.dir.path().join("data/else"), "moved else");
    let made = host.make(&plan());
    assert_eq!(host.read(".agent/auth.json"), "moved login");
    assert_eq!(host.read(".local/share/agent/token"), "moved token");
    assert_eq!(host.read(".local/share/else"), "moved else");
    assert!(!host.folder().home().join(".agent/config.toml").exists());
    let home = host.folder().home();
    assert_eq!(made.variables["AGENT_HOME"], home.join(".agent"));
    assert!(home.join(".agent").is_dir());
}

#[test]
fn homes_of_two_sessions_are_separate() {
    let host = Host::with(&FILES);
    host.make(&plan());
    let other = SessionFolder::at(host.dir.path().join("sessions/two"));
    fs::create_dir_all(other.path()).unwrap();
    make(&other, &plan(), &|name| host.variables.get(name).cloned()).unwrap();
    fs::write(host.folder().home().join(".agent/state"), "of the first").unwrap();
    fs::write(host.folder().home().join(".agent.json"), "of the first").unwrap();
    assert!(!other.home().join(".agent/state").exists());
    let settings = fs::read_to_string(other.home().join(".agent.json")).unwrap();
    assert_eq!(settings, ".agent.json");
}

#[test]
fn user_without_state_gets_an_empty_home() {
    let host = Host::with(&[]);
    let no_one = make(&host.folder(), &plan(), &|_| None).unwrap();
    assert_eq!(no_one.notes, Vec::<String>::new());
    assert!(host.folder().home().join(".local/share").is_dir());
    assert!(!host.folder().home().join(".agent.json").exists());
}

#[test]
fn files_that_cannot_be_copied_are_reported() {
    let host = Host::with(&[".agent/config.toml/is a folder"]);
    let large = File::create(host.user().join(".agent.json")).unwrap();
    large.set_len(COPIED_BYTES_MAX + 1).unwrap();
    let notes = host.make(&plan()).notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("config.toml") && notes[0].contains("not a file"));
    assert!(notes[1].contains(".agent.json") && notes[1].contains("16777216"));
}

#[tokio::test]
async fn removal_keeps_all_files_of_the_user() {
    let host = Host::with(&FILES);
    host.make(&plan());
    let home = host.folder().home();
    fs::create_dir_all(home.join("go/pkg/mod")).unwrap();
    fs::write(home.join("go/pkg/mod/file"), "").unwrap();
    for folder in ["go/pkg/mod", "go/pkg"] {
        fs::set_permissions(home.join(folder), Permissions::from_mode(0o555)).unwrap();
    }
    symlink(host.user(), home.join("a way out")).unwrap();
    remove(&host.folder()).await.unwrap();
    assert!(!home.exists() && !host.folder().temporary().exists());
    for file in FILES {
        assert_eq!(fs::read_to_string(host.user().join(file)).unwrap(), file);
    }
    // Removing it again is a success.
    remove(&host.folder()).await.unwrap();
}

#[test]
fn write_protected_folder_can_be_removed() {
    let host = Host::with(&[]);
    let outside = host.user();
    fs::set_permissions(&outside, Permissions::from_mode(0o555)).unwrap();
    let tree = host.dir.path().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    symlink(&outside, tree.join("a/link")).unwrap();
    for folder in ["a/b", "a", ""] {
        fs::set_permissions(tree.join(folder), Permissions::from_mode(0o555)).unwrap();
    }
    unlock(&tree).unwrap();
    for folder in ["a/b", "a", ""] {
        assert_eq!(mode(&tree.join(folder)), 0o700, "{folder}");
    }
    assert_eq!(mode(&outside), 0o555);
}

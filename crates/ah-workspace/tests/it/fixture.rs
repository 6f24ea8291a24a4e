//! A folder with a repository and its workspaces.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use ah_executor::WorkspaceRequest;
use ah_rest_api_contract::{RepositorySource, SessionId, WorkspaceProvider};
use ah_workspace::{Workspace, Workspaces};
use tempfile::TempDir;
use ulid::Ulid;

/// A repository with two commits on `main` and one on `topic`, and a home for workspaces.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) workspaces: Workspaces,
}

impl Drop for Fixture {
    /// Unmounts the workspaces, whose folders could not be removed otherwise.
    fn drop(&mut self) {
        unmount_all(&self.home());
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self::empty();
        let repository = fixture.repository();
        fs::write(repository.join("a.txt"), "one\ntwo\nthree\n").unwrap();
        fs::write(repository.join("gone.txt"), "to be deleted\n").unwrap();
        fs::create_dir(repository.join("src")).unwrap();
        let lines: String = (1..=40).map(|n| format!("line {n}\n")).collect();
        fs::write(repository.join("src/long.txt"), lines).unwrap();
        fs::write(repository.join(".gitignore"), "ignored\n*.log\n").unwrap();
        commit(&repository, "first");
        git(&repository, &["checkout", "-q", "-b", "topic"]);
        fs::write(repository.join("topic.txt"), "topic\n").unwrap();
        commit(&repository, "topic");
        git(&repository, &["checkout", "-q", "main"]);
        fs::write(repository.join("a.txt"), "one\ntwo\nthree\nfour\n").unwrap();
        commit(&repository, "second");
        fixture
    }

    /// Creates the same with workspaces as overlays. `None` where this user may not mount.
    pub(crate) fn with_overlays() -> Option<Self> {
        let mut fixture = Self::new();
        fixture.workspaces = overlays_of(&fixture.home())?;
        Some(fixture)
    }

    /// Creates a repository without commits.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("project");
        fs::create_dir(&repository).unwrap();
        git(&repository, &["init", "-q", "-b", "main"]);
        let workspaces = workspaces_of(&folder.path().join("home"));
        Self { folder, workspaces }
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn request(&self) -> WorkspaceRequest {
        WorkspaceRequest {
            session: session(),
            source: Some(RepositorySource::Path(self.repository())),
            branch: None,
            commit: None,
            preference: Vec::new(),
        }
    }

    pub(crate) async fn provision(&self) -> Workspace {
        self.workspaces.provision(&self.request()).await.unwrap()
    }

    /// Returns the only mirror.
    pub(crate) fn mirror(&self) -> PathBuf {
        let repos = fs::read_dir(self.home().join("repos")).unwrap();
        let mut mirrors = repos
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "git"));
        let mirror = mirrors.next().unwrap();
        assert_eq!(mirrors.next(), None);
        mirror
    }
}

/// Returns workspaces in `home`, of a user who has configured only an identity.
pub(crate) fn workspaces_of(home: &Path) -> Workspaces {
    workspaces_with(home, [])
}

/// Returns such workspaces, with further variables for git.
pub(crate) fn workspaces_with<const N: usize>(
    home: &Path,
    variables: [(OsString, OsString); N],
) -> Workspaces {
    let config = home.with_extension("gitconfig");
    fs::write(&config, "[user]\nname = A\nemail = a@example.com\n").unwrap();
    let isolated = [
        ("GIT_CONFIG_GLOBAL", config.into()),
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
    ];
    let isolated = isolated.map(|(name, value): (&str, OsString)| (name.into(), value));
    let variables = std::env::vars_os().chain(isolated).chain(variables);
    Workspaces::with_environment(home.to_owned(), variables)
}

/// Returns such workspaces, which prefer overlays. `None` where this user may not mount.
pub(crate) fn overlays_of(home: &Path) -> Option<Workspaces> {
    let mut workspaces = workspaces_of(home);
    workspaces.set_providers(vec![WorkspaceProvider::Overlay]);
    let is_offered = workspaces.providers().contains(&WorkspaceProvider::Overlay);
    if !is_offered {
        eprintln!("skipped: overlays cannot be mounted here");
    }
    is_offered.then_some(workspaces)
}

/// Unmounts everything below a folder.
pub(crate) fn unmount_all(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| Path::new(place).starts_with(folder)) {
        rustix::mount::unmount(place, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

/// Returns a session id that is unique in this process.
pub(crate) fn session() -> SessionId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    SessionId::from_ulid(Ulid::from_parts(number, 7))
}

/// Runs git without the user's configuration, and returns its output.
pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let output = plain_git(folder, args).output().unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn plain_git(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(args);
    command
}

pub(crate) fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "--allow-empty", "-m", message]);
}

/// Returns the content, mode and time of every file of a checkout and its `.git`. Times of objects
/// are excluded: git refreshes the time of a hard-linked object that it need not write.
pub(crate) fn imprint(repository: &Path) -> BTreeMap<String, String> {
    let mut imprint = BTreeMap::new();
    let mut folders = vec![repository.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let content = if found.is_dir() {
                folders.push(path.clone());
                String::new()
            } else {
                format!("{:?}", fs::read(&path).unwrap())
            };
            let is_object = !found.is_dir() && path.starts_with(repository.join(".git/objects"));
            let time = (!is_object).then(|| (found.mtime(), found.mtime_nsec()));
            let state = format!("{:o} {time:?} {content}", found.mode());
            imprint.insert(path.display().to_string(), state);
        }
    }
    imprint
}

/// Asserts that the checkout did not change, and names the differences.
pub(crate) fn assert_untouched(repository: &Path, before: &BTreeMap<String, String>) {
    let after = imprint(repository);
    let paths = before.keys().chain(after.keys());
    let touched: Vec<_> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(touched.is_empty(), "{touched:?}");
}

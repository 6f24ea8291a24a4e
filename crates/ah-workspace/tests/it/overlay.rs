//! Workspaces that are overlay mounts on a prepared checkout. The tests are skipped where this user may
//! not mount.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ah_executor::WorkspaceRequest;
use ah_rest_api_contract::WorkspaceProvider;
use ah_workspace::{Workspace, WorkspaceError};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::fixture::{Fixture, commit, git, overlays_of, session, unmount_all, workspaces_of};

/// The variable with the home of a test that another test runs in a process of its own.
const CHILD: &str = "AH_TEST_CHILD_OF";

/// Returns the names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Returns the prepared checkouts.
fn bases(home: &Path) -> Vec<PathBuf> {
    let folder = home.join("bases");
    let is_base = |path: &PathBuf| path.join("base.json").exists();
    let all = names(&folder).into_iter().map(|name| folder.join(name));
    all.filter(is_base).collect()
}

/// Returns the mounts below a folder.
fn mounts(folder: &Path) -> usize {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    places
        .filter(|it| Path::new(it).starts_with(folder))
        .count()
}

fn inode(workspace: &Workspace, name: &str) -> u64 {
    fs::metadata(workspace.path.join(name)).unwrap().ino()
}

/// Changes the record of the only prepared checkout as if the host had been restarted since.
fn restart(base: &Path) {
    let file = base.join("base.json");
    let text = fs::read_to_string(&file).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["boot"] = "another".into();
    fs::write(file, record.to_string()).unwrap();
}

#[tokio::test]
async fn sessions_of_a_commit_share_one_checkout_and_no_changes() {
    let Some(fixture) = Fixture::with_overlays() else {
        return;
    };
    let requests: Vec<_> = (0..20).map(|_| fixture.request()).collect();
    let made = requests.iter().map(|it| fixture.workspaces.provision(it));
    let made = futures::future::try_join_all(made).await.unwrap();
    let [base] = &bases(&fixture.home())[..] else {
        panic!("{:?}", bases(&fixture.home()));
    };
    let shared = fs::metadata(base.join("tree/a.txt")).unwrap().ino();
    for workspace in &made {
        assert_eq!(workspace.provider, WorkspaceProvider::Overlay);
        assert_eq!(inode(workspace, "a.txt"), shared);
    }
    let [one, other, ..] = &made[..] else {
        panic!("{made:?}");
    };
    // Without `redirect_dir`, a rename of a folder of the lower layer fails.
    fs::rename(one.path.join("src"), one.path.join("moved")).unwrap();
    fs::write(one.path.join("a.txt"), "changed\n").unwrap();
    fs::write(one.path.join("new"), "new\n").unwrap();
    git(&one.path, &["add", "-A"]);
    git(&one.path, &["commit", "-q", "-m", "all"]);
    let changes = fixture.workspaces.changes(one).await.unwrap();
    let changed: Vec<_> = changes.files.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(changed, ["a.txt", "moved/long.txt", "new"]);
    assert_eq!(git(&other.path, &["status", "--porcelain"]), "");
    let untouched = fixture.workspaces.changes(other).await.unwrap();
    assert_eq!(untouched.files, []);
    let kept = names(&base.join("tree"));
    assert_eq!(kept, [".gitignore", "a.txt", "gone.txt", "src"]);
    let text = fs::read_to_string(base.join("tree/a.txt")).unwrap();
    assert_eq!(text, "one\ntwo\nthree\nfour\n");
}

#[tokio::test]
async fn removal_unmounts_and_leaves_only_the_checkout() {
    let Some(fixture) = Fixture::with_overlays() else {
        return;
    };
    let workspace = fixture.provision().await;
    assert_eq!(mounts(&fixture.home()), 1);
    fixture.workspaces.remove(workspace.session).await.unwrap();
    assert_eq!(mounts(&fixture.home()), 0);
    assert_eq!(names(&fixture.home().join("worktrees")), [""; 0]);
    assert_eq!(bases(&fixture.home()).len(), 1);
}

#[tokio::test]
async fn a_lost_mount_is_made_again_and_what_cannot_be_mounted_is_gone() {
    let Some(fixture) = Fixture::with_overlays() else {
        return;
    };
    let (kept, lost) = (fixture.provision().await, fixture.provision().await);
    for workspace in [&kept, &lost] {
        fs::write(workspace.path.join("a.txt"), "edited\n").unwrap();
    }
    fixture.workspaces.seal(&kept).await.unwrap();
    unmount_all(&fixture.home());
    let seen = fixture.workspaces.changes(&lost).await;
    assert!(matches!(seen, Err(WorkspaceError::WorkspaceGone { .. })));
    for workspace in [&kept, &lost] {
        let opened = fixture.workspaces.open(workspace.session).await.unwrap();
        assert_eq!(opened.as_ref(), Some(workspace));
        let text = fs::read_to_string(workspace.path.join("a.txt")).unwrap();
        assert_eq!(text, "edited\n");
        let changes = fixture.workspaces.changes(workspace).await.unwrap();
        assert_eq!(changes.summary.files_changed, 1);
    }
    unmount_all(&fixture.home());
    fs::remove_dir_all(&bases(&fixture.home())[0]).unwrap();
    let opened = fixture.workspaces.open(kept.session).await.unwrap();
    let changes = fixture.workspaces.changes(&opened.unwrap()).await.unwrap();
    assert_eq!(changes.summary.files_changed, 1, "those of its end");
    let sealed = fixture.workspaces.seal(&lost).await;
    assert!(matches!(sealed, Err(WorkspaceError::WorkspaceGone { .. })));
}

#[tokio::test]
async fn checkouts_are_removed_by_last_use_unless_a_workspace_needs_them() {
    let Some(mut fixture) = Fixture::with_overlays() else {
        return;
    };
    fixture.workspaces.set_bases_limit(0);
    let first = fixture.provision().await;
    let old = bases(&fixture.home());
    fs::write(fixture.repository().join("a.txt"), "next\n").unwrap();
    commit(&fixture.repository(), "next");
    let second = fixture.provision().await;
    assert_eq!(bases(&fixture.home()).len(), 2, "both are in use");
    fixture.workspaces.remove(first.session).await.unwrap();
    fs::write(fixture.repository().join("a.txt"), "last\n").unwrap();
    commit(&fixture.repository(), "last");
    fixture.provision().await;
    let left = bases(&fixture.home());
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&old[0]));
    let text = fs::read_to_string(second.path.join("a.txt")).unwrap();
    assert_eq!(text, "next\n");
}

#[tokio::test]
async fn after_a_restart_of_the_host_a_damaged_checkout_is_made_again() {
    let Some(fixture) = Fixture::with_overlays() else {
        return;
    };
    let first = fixture.provision().await;
    let base = bases(&fixture.home()).remove(0);
    restart(&base);
    let second = fixture.provision().await;
    assert_eq!(
        inode(&first, "a.txt"),
        inode(&second, "a.txt"),
        "it is whole"
    );
    fixture.workspaces.remove(first.session).await.unwrap();
    fixture.workspaces.remove(second.session).await.unwrap();
    fs::write(base.join("tree/a.txt"), "").unwrap();
    restart(&base);
    let third = fixture.provision().await;
    let text = fs::read_to_string(third.path.join("a.txt")).unwrap();
    assert_eq!(text, "one\ntwo\nthree\nfour\n");
    assert_eq!(git(&third.path, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn preference_of_the_task_decides_and_the_reasons_are_kept() {
    let Some(fixture) = Fixture::with_overlays() else {
        return;
    };
    let preferring = |names: &[&str]| WorkspaceRequest {
        preference: names.iter().map(|&name| name.to_owned()).collect(),
        ..fixture.request()
    };
    let plain = preferring(&["zfs", "worktree", "overlay"]);
    let plain = fixture.workspaces.provision(&plain).await.unwrap();
    assert_eq!(plain.provider, WorkspaceProvider::Worktree);
    assert_eq!(plain.notes, [""; 0]);
    let [zfs] = &plain.passed_over[..] else {
        panic!("{:?}", plain.passed_over);
    };
    assert_eq!(zfs.provider, "zfs");
    let unknown = preferring(&["zfs", "copy"]);
    let unknown = fixture.workspaces.provision(&unknown).await.unwrap();
    assert_eq!(unknown.provider, WorkspaceProvider::Worktree);
    assert!(unknown.notes[0].contains("(`zfs`, `copy`), so `worktree` is used"));
    let empty = Fixture::empty();
    let workspaces = overlays_of(&empty.home()).unwrap();
    let made = workspaces.provision(&empty.request()).await.unwrap();
    assert_eq!(made.provider, WorkspaceProvider::Worktree);
    assert!(made.passed_over[0].reason.contains("no commit"));
}

#[tokio::test]
async fn a_full_disk_is_stated_and_leaves_nothing() {
    let Some(mut fixture) = Fixture::with_overlays() else {
        return;
    };
    let home = fixture.home().join("small");
    fs::create_dir(&home).unwrap();
    mount("none", &home, "tmpfs", MountFlags::empty(), c"size=600k").unwrap();
    fs::write(fixture.repository().join("large"), vec![b'x'; 700 << 10]).unwrap();
    commit(&fixture.repository(), "large");
    fixture.workspaces = overlays_of(&home).unwrap();
    let request = fixture.request();
    let error = fixture.workspaces.provision(&request).await.unwrap_err();
    assert!(
        error.explanation().contains("space"),
        "{}",
        error.explanation()
    );
    fixture.workspaces.reclaim(request.session).await.unwrap();
    fixture.workspaces.remove(request.session).await.unwrap();
    fixture.workspaces.remains(9).unwrap();
    assert_eq!(mounts(&home), 1, "only the disk itself");
    assert_eq!(names(&home.join("worktrees")), [""; 0]);
    assert!(bases(&home).is_empty());
    let left = names(&home.join("bases"));
    assert!(left.iter().all(|name| name.ends_with(".lock")), "{left:?}");
    unmount(&home, UnmountFlags::DETACH).unwrap();
}

/// Returns the command that runs one test of this file in a process of its own.
fn child(program: &Path, name: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    let name = format!("overlay::{name}");
    command.args(["--exact", &name, "--ignored", "--nocapture"]);
    command.env(CHILD, home).stdout(Stdio::null());
    command
}

/// Returns the workspaces and the request of such a process.
fn request_of_child() -> (PathBuf, WorkspaceRequest) {
    let home = PathBuf::from(std::env::var_os(CHILD).unwrap());
    let source = home.with_file_name("project");
    let request = WorkspaceRequest {
        session: session(),
        source: Some(ah_rest_api_contract::RepositorySource::Path(source)),
        branch: None,
        commit: None,
        preference: Vec::new(),
    };
    (home, request)
}

#[tokio::test]
#[ignore = "run by another test"]
async fn child_provisions() {
    let (home, request) = request_of_child();
    let workspaces = overlays_of(&home).unwrap();
    workspaces.provision(&request).await.unwrap();
}

#[tokio::test]
async fn a_kill_at_any_time_leaves_nothing_that_is_not_found() {
    let Some(fixture) = Fixture::with_overlays() else {
        return;
    };
    let home = fixture.home();
    let program = std::env::current_exe().unwrap();
    // From the start of the process to about its end, so that every step is interrupted.
    for millis in (0..200).step_by(8) {
        let mut killed = tokio::process::Command::from(child(&program, "child_provisions", &home));
        let mut killed = killed.kill_on_drop(true).spawn().unwrap();
        let wait = tokio::time::timeout(Duration::from_millis(millis), killed.wait());
        drop(wait.await);
        killed.kill().await.unwrap();
        let workspaces = overlays_of(&home).unwrap();
        for session in workspaces.remains(9).unwrap() {
            workspaces.reclaim(session).await.unwrap();
        }
        let complete = names(&home.join("worktrees"));
        let complete = complete.iter().filter_map(|it| it.strip_suffix(".json"));
        let complete: Vec<_> = complete.map(|it| it.parse().unwrap()).collect();
        assert_eq!(
            mounts(&home.join("worktrees")),
            complete.len(),
            "after {millis} ms"
        );
        for session in complete {
            let workspace = workspaces.open(session).await.unwrap().unwrap();
            assert_eq!(git(&workspace.path, &["status", "--porcelain"]), "");
            workspaces.remove(session).await.unwrap();
        }
        let request = fixture.request();
        let next = workspaces.provision(&request).await.unwrap();
        assert_eq!(git(&next.path, &["status", "--porcelain"]), "");
        workspaces.remove(request.session).await.unwrap();
        assert_eq!(mounts(&home.join("worktrees")), 0);
        let left = names(&home.join("worktrees"));
        let left: Vec<_> = left.iter().filter(|it| !it.ends_with(".lock")).collect();
        assert_eq!(left, [""; 0], "after {millis} ms");
        if millis % 3 == 0 {
            // The next one prepares it anew. A killed probe is still mounted there for an hour.
            unmount_all(&home.join("bases"));
            fs::remove_dir_all(home.join("bases")).unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "run by another test"]
async fn child_of_an_ordinary_user_gets_a_checkout() {
    let (home, request) = request_of_child();
    let mut workspaces = workspaces_of(&home);
    workspaces.set_providers(vec![WorkspaceProvider::Overlay]);
    let workspace = workspaces.provision(&request).await.unwrap();
    assert_eq!(workspace.provider, WorkspaceProvider::Worktree);
    let [overlay] = &workspace.passed_over[..] else {
        panic!("{:?}", workspace.passed_over);
    };
    assert!(
        overlay.reason.contains("only root may mount"),
        "{}",
        overlay.reason
    );
    workspaces.remove(request.session).await.unwrap();
    assert_eq!(names(&home.join("worktrees")), [""; 0]);
}

#[test]
fn an_ordinary_user_gets_a_checkout_and_the_reason() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path();
    let program = folder.join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let name = "child_of_an_ordinary_user_gets_a_checkout";
    let mut command = child(&program, name, &fixture.home());
    if rustix::process::geteuid().is_root() {
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder, open.clone()).unwrap();
        fs::set_permissions(&program, open).unwrap();
        let all = Command::new("chown")
            .args(["-R", "65534:65534"])
            .arg(folder)
            .status();
        assert!(all.unwrap().success());
        let plain = command;
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(plain.get_program()).args(plain.get_args());
        command.env(CHILD, fixture.home()).env("HOME", folder);
    }
    let output = command
        .stdout(Stdio::piped())
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{output:?}"
    );
}

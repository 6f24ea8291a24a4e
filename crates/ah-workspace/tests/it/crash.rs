//! Provisioning after a kill.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ah_executor::WorkspaceRequest;

use crate::fixture::{Fixture, git, workspaces_of};

/// Changes a complete workspace to the state after a kill: its record is incomplete.
fn unfinish(fixture: &Fixture, request: &WorkspaceRequest) {
    let path = fixture
        .home()
        .join(format!("worktrees/{}.json", request.session));
    let text = fs::read_to_string(&path).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["workspace"] = serde_json::Value::Null;
    fs::write(&path, record.to_string()).unwrap();
}

async fn assert_made_again(fixture: &Fixture, request: &WorkspaceRequest) {
    // A new process.
    let workspaces = workspaces_of(&fixture.home());
    let workspace = workspaces.provision(request).await.unwrap();
    assert_eq!(git(&workspace.path, &["status", "--porcelain"]), "");
    let branch = git(&workspace.path, &["symbolic-ref", "--short", "HEAD"]);
    assert_eq!(branch.trim(), format!("ah/{}", request.session));
    assert!(!workspace.path.join("half").exists());
    git(&workspace.path, &["fsck", "--strict"]);
    git(workspace.store.as_ref().unwrap(), &["fsck", "--strict"]);
}

#[tokio::test]
async fn incomplete_mirror_is_recreated() {
    let fixture = Fixture::new();
    let request = fixture.request();
    fixture.provision().await;
    let mirror = fixture.mirror();
    fs::remove_dir_all(fixture.home().join("worktrees")).unwrap();
    fs::rename(&mirror, mirror.with_extension("tmp")).unwrap();
    fs::remove_dir_all(mirror.with_extension("tmp").join("refs")).unwrap();
    assert_made_again(&fixture, &request).await;
    assert!(!mirror.with_extension("tmp").exists());
}

#[tokio::test]
async fn incomplete_worktree_is_recreated_from_any_state() {
    type Damage = fn(&Path, &Path);
    let damages: [Damage; 7] = [
        |worktree, _| fs::write(worktree.join("half"), "").unwrap(),
        |worktree, _| fs::remove_dir_all(worktree).unwrap(),
        |worktree, _| fs::remove_dir_all(worktree.join(".git")).unwrap(),
        |worktree, _| fs::remove_file(worktree.join(".git/HEAD")).unwrap(),
        |worktree, _| fs::write(worktree.join(".git/index.lock"), "").unwrap(),
        |_, store| fs::remove_dir_all(store).unwrap(),
        |_, store| {
            fs::remove_file(store.join("HEAD")).unwrap();
            fs::write(store.join("packed-refs.lock"), "").unwrap();
        },
    ];
    let fixture = Fixture::new();
    for damage in damages {
        let request = fixture.request();
        let workspace = fixture.workspaces.provision(&request).await.unwrap();
        unfinish(&fixture, &request);
        damage(&workspace.path, workspace.store.as_ref().unwrap());
        assert_made_again(&fixture, &request).await;
    }
}

#[tokio::test]
async fn incomplete_empty_workspace_is_recreated() {
    let fixture = Fixture::new();
    let request = WorkspaceRequest {
        source: None,
        ..fixture.request()
    };
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    unfinish(&fixture, &request);
    fs::remove_file(workspace.repository.join("HEAD")).unwrap();
    fs::write(workspace.path.join("half"), "").unwrap();
    assert_made_again(&fixture, &request).await;
}

#[tokio::test]
async fn a_stale_lock_of_a_killed_git_is_removed() {
    let fixture = Fixture::new();
    fixture.provision().await;
    let lock = fixture.mirror().join("packed-refs.lock");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let file = File::create(&lock).unwrap();
    file.set_times(FileTimes::new().set_modified(long_ago))
        .unwrap();
    // The next fetch must delete a packed ref.
    git(&fixture.repository(), &["branch", "-q", "-D", "topic"]);
    assert_made_again(&fixture, &fixture.request()).await;
    assert!(!lock.exists());
}

#[tokio::test]
async fn a_folder_that_is_removed_by_hand_leaves_its_work() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::write(workspace.path.join("new"), "new\n").unwrap();
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    assert_eq!(sealed.summary.files_changed, 1);
    fs::remove_dir_all(&workspace.path).unwrap();
    assert_eq!(fixture.workspaces.remains(9).unwrap(), []);
    fixture.workspaces.reclaim(workspace.session).await.unwrap();
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(changes.summary, sealed.summary);
}

#[tokio::test]
async fn old_temporary_files_of_killed_processes_are_removed() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let (home, mirror) = (fixture.home(), fixture.mirror());
    let files = [
        mirror.join("objects/tmp_obj_1a2b3c"),
        mirror.join("objects/pack/tmp_pack_1a2b3c"),
    ];
    let folders = [
        home.join("repos/other-0123456789abcdef.tmp"),
        mirror.join("objects/incoming-abc"),
        workspace.store.as_ref().unwrap().join("look-abc"),
    ];
    let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    for is_old in [false, true] {
        for path in &files {
            File::create(path).unwrap();
        }
        for path in &folders {
            fs::create_dir_all(path.join("pack")).unwrap();
        }
        let all = files.iter().chain(&folders);
        if is_old {
            for path in all.clone() {
                File::open(path).unwrap().set_times(long_ago).unwrap();
            }
        }
        fixture.workspaces.remains(9).unwrap();
        for path in all {
            assert_eq!(path.exists(), !is_old, "{path:?}");
        }
    }
    assert!(workspace.path.join(".git").exists());
    git(&mirror, &["fsck", "--strict"]);
}

#[tokio::test]
async fn unfinished_records_of_killed_processes_are_removed() {
    let fixture = Fixture::new();
    fixture.provision().await;
    let folder = fixture.home().join("worktrees");
    let [of_a_killed_process, of_a_living_one] = [".new-Xy1234", ".new-Zz5678"];
    File::create(folder.join(of_a_killed_process)).unwrap();
    let file = File::create(folder.join(of_a_living_one)).unwrap();
    file.lock().unwrap();
    fixture.workspaces.remains(9).unwrap();
    assert!(!folder.join(of_a_killed_process).exists());
    assert!(folder.join(of_a_living_one).exists());
    drop(file);
    fixture.workspaces.remains(9).unwrap();
    assert!(!folder.join(of_a_living_one).exists());
}

#[tokio::test]
async fn aborted_provisioning_can_be_repeated() {
    let fixture = Fixture::new();
    // From before the first git call to about the last, so that every phase is interrupted.
    for millis in [0, 3, 10, 20, 40, 60, 80, 120] {
        let request = fixture.request();
        let limit = Duration::from_millis(millis);
        let workspaces = workspaces_of(&fixture.home());
        if let Ok(made) = tokio::time::timeout(limit, workspaces.provision(&request)).await {
            made.unwrap();
        }
        assert_made_again(&fixture, &request).await;
        fixture.workspaces.remove(request.session).await.unwrap();
    }
}

#[tokio::test]
async fn incomplete_workspace_can_be_removed() {
    let fixture = Fixture::new();
    let request = fixture.request();
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    unfinish(&fixture, &request);
    assert_eq!(
        fixture.workspaces.open(request.session).await.unwrap(),
        None
    );
    let complete = fixture.provision().await;
    assert_eq!(fixture.workspaces.remains(9).unwrap(), [request.session]);
    for session in [request.session, complete.session] {
        fixture.workspaces.reclaim(session).await.unwrap();
    }
    assert_eq!(fixture.workspaces.remains(9).unwrap(), []);
    assert!(complete.path.exists());
    fixture.workspaces.remove(complete.session).await.unwrap();
    assert!(!workspace.path.exists());
    let left = fs::read_dir(fixture.home().join("worktrees"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
    let refs = git(&fixture.mirror(), &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains(&request.session.to_string()), "{refs}");
}

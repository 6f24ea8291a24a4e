//! Agents that try to hide their changes, to reach another session, or to keep a session from
//! ending.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ah_rest_api_contract::DiffQuery;
use ah_workspace::{Workspace, WorkspaceError};
use rustix::fs::{CWD, FileType, Mode};

use crate::fixture::{Fixture, assert_untouched, commit, git, imprint, plain_git};

/// The maximum duration of a seal, far below the limits of git.
const PROMPTLY: Duration = Duration::from_secs(20);

async fn changed(fixture: &Fixture, workspace: &Workspace) -> Vec<String> {
    let changes = fixture.workspaces.changes(workspace).await.unwrap();
    changes.files.into_iter().map(|file| file.path).collect()
}

fn make_pipe(path: &Path) {
    fs::remove_file(path).ok();
    rustix::fs::mkfifoat(CWD, path, Mode::from_raw_mode(0o600)).unwrap();
}

/// Seals within [`PROMPTLY`], and returns the changed paths at the end and the notes.
async fn sealed(fixture: &Fixture, workspace: &Workspace) -> (Vec<String>, String) {
    let sealing = fixture.workspaces.seal(workspace);
    let sealed = tokio::time::timeout(PROMPTLY, sealing).await;
    let notes = sealed
        .expect("the end is bounded")
        .unwrap()
        .notes
        .join("\n");
    (changed(fixture, workspace).await, notes)
}

#[tokio::test]
async fn nothing_in_the_git_folder_of_one_session_reaches_another() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.provision().await, fixture.provision().await);
    let before = imprint(&fixture.repository());
    let marker = fixture.folder.path().join("ran");
    let hook = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let (path, git_dir) = (&one.path, one.path.join(".git"));
    fs::write(path.join("a.txt"), "stashed\n").unwrap();
    git(path, &["stash", "-q"]);
    for (name, value) in [
        ("user.email", "evil@example.com"),
        ("core.excludesFile", "/evil"),
        ("core.hooksPath", "/evil"),
        ("filter.f.clean", "sed s/^/evil:/"),
        ("alias.status", "!false"),
        ("url.file:///evil.insteadOf", "https://"),
    ] {
        git(path, &["config", name, value]);
    }
    fs::create_dir_all(git_dir.join("hooks")).unwrap();
    for name in [
        "pre-commit",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
    ] {
        let file = git_dir.join("hooks").join(name);
        fs::write(&file, &hook).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(git_dir.join("info/exclude"), "*\n").unwrap();
    fs::write(git_dir.join("info/attributes"), "* filter=f\n").unwrap();
    git(path, &["tag", "-f", "evil"]);
    git(path, &["branch", "-q", "-f", "main", "HEAD~1"]);
    git(path, &["update-ref", "-d", "refs/remotes/origin/topic"]);
    let tree = git(path, &["rev-parse", "HEAD^{tree}"]);
    let evil = git(path, &["commit-tree", "-m", "evil", tree.trim()]);
    git(path, &["replace", "-f", "HEAD", evil.trim()]);
    fs::write(
        git_dir.join("info/grafts"),
        format!("{}\n", one.base_commit),
    )
    .unwrap();

    let third = fixture.provision().await;
    for workspace in [&other, &third] {
        let path = &workspace.path;
        assert_eq!(git(path, &["stash", "list"]), "");
        let listed = git(path, &["config", "--local", "--list"]);
        assert!(
            !listed.contains("evil") && !listed.contains("alias"),
            "{listed}"
        );
        let refs = git(path, &["for-each-ref", "--format=%(refname)"]);
        assert!(
            !refs.contains("evil") && !refs.contains("replace"),
            "{refs}"
        );
        let branch = git(path, &["rev-parse", "main", "origin/main"]);
        let expected = format!("{0}\n{0}\n", workspace.base_commit);
        assert_eq!(branch, expected);
        assert_eq!(git(path, &["log", "--format=%s"]), "second\nfirst\n");
        fs::write(path.join("b.log.txt"), "seen\n").unwrap();
        commit(path, "work");
        assert_eq!(changed(&fixture, workspace).await, ["b.log.txt"]);
        let content = git(path, &["show", "HEAD:b.log.txt"]);
        assert_eq!(content, "seen\n", "no filter of another session");
    }
    assert!(!marker.exists());
    assert_untouched(&fixture.repository(), &before);
}

#[tokio::test]
async fn no_setting_or_bit_of_the_agent_hides_its_changes() {
    type Hide = fn(&Path);
    let hides: [(&str, Hide); 14] = [
        ("replace", |path| {
            commit(path, "evil");
            git(path, &["replace", "HEAD~1", "HEAD"]);
        }),
        ("assume-unchanged", |path| {
            git(path, &["update-index", "--assume-unchanged", "a.txt"]);
        }),
        ("skip-worktree", |path| {
            git(path, &["update-index", "--skip-worktree", "a.txt"]);
        }),
        ("sparse checkout", |path| {
            git(path, &["config", "core.sparseCheckout", "true"]);
            fs::write(path.join(".git/info/sparse-checkout"), "/src/\n").unwrap();
            git(path, &["update-index", "--skip-worktree", "a.txt"]);
        }),
        ("exclude", |path| {
            fs::write(path.join(".git/info/exclude"), "*\n").unwrap();
        }),
        ("excludesFile", |path| {
            fs::write(path.join(".git/all"), "*\n").unwrap();
            let file = path.join(".git/all");
            git(
                path,
                &["config", "core.excludesFile", file.to_str().unwrap()],
            );
        }),
        ("worktree", |path| {
            git(path, &["config", "core.worktree", "/nonexistent"]);
        }),
        ("fsmonitor", |path| {
            git(path, &["config", "core.fsmonitor", "true"]);
        }),
        ("filter", |path| {
            git(path, &["config", "filter.f.clean", "git show HEAD:a.txt"]);
            fs::write(path.join(".git/info/attributes"), "* filter=f\n").unwrap();
        }),
        ("bare", |path| {
            git(path, &["config", "core.bare", "true"]);
        }),
        ("format", |path| {
            git(path, &["config", "core.repositoryFormatVersion", "99"]);
        }),
        ("rewritten history", |path| {
            commit(path, "evil");
            let head = git(path, &["rev-parse", "HEAD"]);
            fs::write(path.join(".git/info/grafts"), head).unwrap();
        }),
        ("amended start", |path| {
            git(path, &["add", "-A"]);
            git(path, &["commit", "-q", "--amend", "-m", "second"]);
        }),
        ("no git folder", |path| {
            fs::remove_dir_all(path.join(".git")).unwrap();
        }),
    ];
    let fixture = Fixture::new();
    for (name, hide) in hides {
        let workspace = fixture.provision().await;
        fs::write(workspace.path.join("a.txt"), "evil\n").unwrap();
        fs::write(workspace.path.join("evil.sh"), "evil\n").unwrap();
        hide(&workspace.path);
        fs::write(workspace.path.join("a.txt"), "evil\nevil\n").unwrap();
        let expected = ["a.txt", "evil.sh"];
        assert_eq!(changed(&fixture, &workspace).await, expected, "{name}");
        let (at_end, _) = sealed(&fixture, &workspace).await;
        assert_eq!(at_end, expected, "{name}");
        let next = fixture.provision().await;
        assert!(!next.path.join("evil.sh").exists(), "{name}");
        assert_eq!(changed(&fixture, &next).await, [""; 0], "{name}");
    }
}

#[tokio::test]
async fn equal_size_and_time_do_not_hide_an_edit() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = workspace.path.join("gone.txt");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "TO BE DELETED\n").unwrap();
    let times = fs::FileTimes::new().set_modified(before);
    fs::File::options()
        .append(true)
        .open(&path)
        .unwrap()
        .set_times(times)
        .unwrap();
    assert_eq!(changed(&fixture, &workspace).await, ["gone.txt"]);
}

#[tokio::test]
async fn pipes_sockets_and_devices_do_not_delay_the_end() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = &workspace.path;
    fs::write(path.join("new.txt"), "new\n").unwrap();
    fs::create_dir(path.join("sub")).unwrap();
    // In the work tree, and in every file of git's that the end of a session might read.
    for name in [
        ".gitignore",
        ".gitattributes",
        "a.txt",
        "pipe",
        "sub/.gitignore",
        ".gitmodules",
    ] {
        make_pipe(&path.join(name));
    }
    let git_files = [
        "index",
        "HEAD",
        "config",
        "packed-refs",
        "info/exclude",
        "info/attributes",
        "info/grafts",
        "shallow",
        "refs/heads/x",
        "objects/info/alternates",
    ];
    for name in git_files {
        make_pipe(&path.join(".git").join(name));
    }
    let _socket = UnixListener::bind(path.join("socket")).unwrap();
    if rustix::process::geteuid().is_root() {
        let device = path.join("device");
        let mode = Mode::from_raw_mode(0o600);
        // The null device.
        let number = rustix::fs::makedev(1, 3);
        // A container may forbid it.
        rustix::fs::mknodat(CWD, &device, FileType::CharacterDevice, mode, number).ok();
    }
    let query = DiffQuery::default();
    let reading = fixture.workspaces.diff(&workspace, &query);
    let diff = tokio::time::timeout(PROMPTLY, reading).await;
    let diff = diff.expect("a diff is bounded").unwrap();
    assert!(diff.files.iter().any(|file| file.path == "new.txt"));
    let (at_end, notes) = sealed(&fixture, &workspace).await;
    assert_eq!(at_end, [".gitignore", "a.txt", "new.txt"], "{notes}");
    for name in ["`pipe`", "`socket`"] {
        let is_named = notes.contains(name) || notes.contains("more");
        assert!(
            is_named && notes.contains("Pipes, sockets and devices"),
            "{notes}"
        );
    }
    let removal = fixture.workspaces.remove(workspace.session);
    tokio::time::timeout(PROMPTLY, removal)
        .await
        .unwrap()
        .unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn huge_files_are_left_out_and_named() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = &workspace.path;
    fs::write(path.join("work.txt"), "work\n").unwrap();
    // They occupy no space on the disk: one that is new, and one that was in the repository.
    for name in ["model.bin", "a.txt"] {
        let file = fs::File::create(path.join(name)).unwrap();
        file.set_len(10 << 30).unwrap();
    }
    let (at_end, notes) = sealed(&fixture, &workspace).await;
    assert_eq!(at_end, ["a.txt", "model.bin", "work.txt"]);
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    let marks: Vec<_> = changes.files.iter().map(|it| it.is_truncated).collect();
    assert_eq!(marks, [true, true, false]);
    let named = [
        "Files over 32 MiB are not part of the changes: `model.bin`",
        "Files over 256 MiB are not part of the changes: `a.txt`",
    ];
    for sentence in named {
        assert!(notes.contains(sentence), "{notes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_vanish_fail_no_reading() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let stop = Arc::new(AtomicBool::new(false));
    let churn = std::thread::spawn({
        let (stop, build) = (stop.clone(), workspace.path.join("build"));
        move || {
            while !stop.load(Ordering::Relaxed) {
                fs::create_dir_all(&build).unwrap();
                for number in 0..30 {
                    let object = build.join(format!("o{number}"));
                    fs::write(&object, "x\n").unwrap();
                    // A folder takes the place of a file, and a link that of a folder.
                    fs::remove_file(&object).unwrap();
                    fs::create_dir(&object).unwrap();
                    fs::remove_dir(&object).unwrap();
                    symlink("..", &object).unwrap();
                }
                fs::remove_dir_all(&build).unwrap();
            }
        }
    });
    for _ in 0..25 {
        fixture.workspaces.changes(&workspace).await.unwrap();
    }
    let sealed = fixture.workspaces.seal(&workspace).await;
    stop.store(true, Ordering::Relaxed);
    churn.join().unwrap();
    sealed.unwrap();
}

#[tokio::test]
async fn links_lead_nowhere() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let outside = fixture.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("long.txt"), "secret\n").unwrap();
    fs::remove_dir_all(workspace.path.join("src")).unwrap();
    symlink(&outside, workspace.path.join("src")).unwrap();
    symlink(outside.join("long.txt"), workspace.path.join("secret")).unwrap();
    let query = DiffQuery::default();
    let diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
    let paths: Vec<_> = diff.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["secret", "src", "src/long.txt"]);
    assert!(
        diff.files
            .iter()
            .all(|file| !file.diff.contains("+secret\n"))
    );
}

#[tokio::test]
async fn removal_of_the_workspace_is_an_error_with_a_name() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::remove_dir_all(&workspace.path).unwrap();
    let error = fixture.workspaces.seal(&workspace).await.unwrap_err();
    let is_gone = matches!(error, WorkspaceError::WorkspaceGone { .. });
    assert!(is_gone, "{error}");
    // Another session of the repository is not affected.
    let next = fixture.provision().await;
    assert_eq!(git(&next.path, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_push_is_refused_in_words() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    for args in [
        &["push"][..],
        &["push", "origin", "HEAD:main"],
        &["push", "--all"],
    ] {
        let mut command = plain_git(&workspace.path, args);
        let output = command.env("LC_ALL", "C").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        if args.len() > 1 {
            assert!(
                said.contains("pushing is disabled in this workspace"),
                "{said}"
            );
        }
    }
}

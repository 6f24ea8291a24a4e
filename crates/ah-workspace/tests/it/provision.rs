//! The start, isolation and removal of workspaces.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use ah_executor::WorkspaceRequest;
use ah_rest_api_contract::WorkspaceProvider;
use ah_workspace::WorkspaceError;

use crate::fixture::{Fixture, assert_untouched, git, imprint, session};

#[tokio::test]
async fn workspace_is_a_clone_at_head_on_its_own_branch() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let head = git(&fixture.repository(), &["rev-parse", "HEAD"]);
    assert_eq!(workspace.base_commit, head.trim());
    assert_eq!(workspace.provider, WorkspaceProvider::Worktree);
    assert_eq!(workspace.default_branch.as_deref(), Some("main"));
    assert_eq!(workspace.branch, Some(format!("ah/{}", workspace.session)));
    assert!(workspace.notes.is_empty());
    let branch = git(&workspace.path, &["symbolic-ref", "--short", "HEAD"]);
    assert_eq!(Some(branch.trim()), workspace.branch.as_deref());
    assert_eq!(git(&workspace.path, &["status", "--porcelain"]), "");
    let a = fs::read_to_string(workspace.path.join("a.txt")).unwrap();
    assert_eq!(a, "one\ntwo\nthree\nfour\n");
    let opened = fixture.workspaces.open(workspace.session).await.unwrap();
    assert_eq!(opened, Some(workspace));
}

#[tokio::test]
async fn user_checkout_is_not_modified() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    fs::write(repository.join("a.txt"), "not committed\n").unwrap();
    fs::write(repository.join("staged.txt"), "staged\n").unwrap();
    git(&repository, &["add", "staged.txt"]);
    fs::write(repository.join("untracked.txt"), "untracked\n").unwrap();
    git(&repository, &["status", "--porcelain"]);
    let before = imprint(&repository);
    let workspace = fixture.provision().await;
    fs::write(workspace.path.join("new.txt"), "new\n").unwrap();
    git(&workspace.path, &["add", "-A"]);
    git(&workspace.path, &["commit", "-q", "-m", "work"]);
    fixture.workspaces.changes(&workspace).await.unwrap();
    fixture
        .workspaces
        .snapshot(&workspace, "end")
        .await
        .unwrap();
    fixture.provision().await;
    fixture.workspaces.remove(workspace.session).await.unwrap();
    assert_untouched(&repository, &before);
    // A push by habit also fails.
    let second = fixture.provision().await;
    let pushed = crate::fixture::plain_git(&second.path, &["push", "-q", "origin", "HEAD"])
        .output()
        .unwrap();
    assert!(!pushed.status.success());
    assert_untouched(&repository, &before);
    assert!(!second.path.join("untracked.txt").exists());
}

#[tokio::test]
async fn branch_and_commit_are_honoured() {
    let fixture = Fixture::new();
    let first = git(&fixture.repository(), &["rev-parse", "main~1"]);
    let topic = git(&fixture.repository(), &["rev-parse", "topic"]);
    for (branch, commit, expected) in [
        (Some("topic"), None, topic.trim()),
        (None, Some(&first.trim()[..7]), first.trim()),
        (Some("main"), Some(first.trim()), first.trim()),
    ] {
        let request = WorkspaceRequest {
            branch: branch.map(str::to_owned),
            commit: commit.map(str::to_owned),
            ..fixture.request()
        };
        let workspace = fixture.workspaces.provision(&request).await.unwrap();
        assert_eq!(workspace.base_commit, expected);
        assert_eq!(git(&workspace.path, &["status", "--porcelain"]), "");
    }
}

#[tokio::test]
async fn unknown_branch_or_commit_is_rejected_by_field_without_effect() {
    let fixture = Fixture::new();
    let cases = [
        (Some("nope"), None, "repo.branch"),
        (Some("nope"), Some("abcd"), "repo.branch"),
        (None, Some("abcdef0123"), "repo.commit"),
        (None, Some("--help"), "repo.commit"),
        (None, Some("main"), "repo.commit"),
    ];
    for (branch, commit, field) in cases {
        let request = WorkspaceRequest {
            branch: branch.map(str::to_owned),
            commit: commit.map(str::to_owned),
            ..fixture.request()
        };
        let error = fixture.workspaces.provision(&request).await.unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(
            fixture.workspaces.open(request.session).await.unwrap(),
            None
        );
    }
    let request = WorkspaceRequest {
        branch: Some("nope".to_owned()),
        ..fixture.request()
    };
    let error = fixture.workspaces.provision(&request).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("has no branch `nope`; it has main, topic"),
        "{text}"
    );
}

#[tokio::test]
async fn branch_resembling_a_commit_is_a_branch() {
    let fixture = Fixture::new();
    git(&fixture.repository(), &["tag", "abcdef"]);
    git(&fixture.repository(), &["branch", "abcdef"]);
    let request = WorkspaceRequest {
        commit: Some("abcdef".to_owned()),
        ..fixture.request()
    };
    let error = fixture.workspaces.provision(&request).await.unwrap_err();
    assert!(
        matches!(error, WorkspaceError::CommitUnknown { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn commits_and_refs_of_a_session_are_its_own() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    let first = fixture.provision().await;
    git(
        &first.path,
        &["commit", "-q", "--allow-empty", "-m", "work"],
    );
    git(&first.path, &["tag", "agents-own"]);
    let work = git(&first.path, &["rev-parse", "HEAD"]);
    git(&repository, &["branch", "-q", "-D", "topic"]);
    git(
        &repository,
        &["commit", "-q", "--allow-empty", "-m", "third"],
    );
    let second = fixture.provision().await;
    let head = git(&repository, &["rev-parse", "HEAD"]);
    assert_eq!(second.base_commit, head.trim());
    let refs = git(&fixture.mirror(), &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("origin/topic"), "{refs}");
    assert!(
        !refs.contains("agents-own") && !refs.contains("refs/heads"),
        "{refs}"
    );
    assert_eq!(git(&first.path, &["rev-parse", "HEAD"]), work);
    let seen = git(&second.path, &["for-each-ref", "--format=%(refname)"]);
    assert!(
        !seen.contains("agents-own") && !seen.contains("topic"),
        "{seen}"
    );
}

#[tokio::test]
async fn repository_without_commits_starts_empty() {
    let fixture = Fixture::empty();
    let workspace = fixture.provision().await;
    assert_eq!(workspace.notes.len(), 1, "{:?}", workspace.notes);
    fs::write(workspace.path.join("x"), "x\n").unwrap();
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(changes.summary.lines_added, 1);
    let request = WorkspaceRequest {
        branch: Some("main".to_owned()),
        ..fixture.request()
    };
    let error = fixture.workspaces.provision(&request).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has no branch `main`; it has none"),
        "{error}"
    );
    fs::write(fixture.repository().join("y"), "y\n").unwrap();
    crate::fixture::commit(&fixture.repository(), "first");
    let later = fixture.provision().await;
    assert!(later.notes.is_empty());
    assert!(later.path.join("y").exists());
}

#[tokio::test]
async fn workspace_without_a_source_is_an_empty_repository() {
    let fixture = Fixture::empty();
    let request = WorkspaceRequest {
        source: None,
        ..fixture.request()
    };
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    assert_eq!(workspace.provider, WorkspaceProvider::Empty);
    assert_eq!((&workspace.branch, workspace.notes.len()), (&None, 0));
    assert_eq!(git(&workspace.path, &["ls-files"]), "");
    assert_eq!(git(&workspace.path, &["fsck", "--strict"]), "");
    assert_eq!(git(&workspace.path, &["status", "--porcelain"]), "");
    let head = git(&workspace.path, &["rev-parse", "HEAD"]);
    assert_eq!(head.trim(), workspace.base_commit);
    let branch = git(&workspace.path, &["branch", "--show-current"]);
    assert_eq!(branch.trim(), format!("ah/{}", workspace.session));
    fs::write(workspace.path.join("x"), "x\n").unwrap();
    git(&workspace.path, &["add", "-A"]);
    git(&workspace.path, &["commit", "-q", "-m", "x"]);
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(changes.summary.files_changed, 1);
    fixture.workspaces.remove(workspace.session).await.unwrap();
    let repos = fs::read_dir(fixture.home().join("repos")).unwrap().count();
    assert_eq!(repos, 0);
}

#[tokio::test]
async fn complete_workspace_is_reused_with_its_edits() {
    let fixture = Fixture::new();
    let request = fixture.request();
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    fs::write(workspace.path.join("a.txt"), "edited\n").unwrap();
    let again = fixture.workspaces.provision(&request).await.unwrap();
    assert_eq!(again, workspace);
    let kept = fs::read_to_string(workspace.path.join("a.txt")).unwrap();
    assert_eq!(kept, "edited\n");
    fs::remove_dir_all(&workspace.path).unwrap();
    let error = fixture.workspaces.provision(&request).await.unwrap_err();
    assert!(
        matches!(error, WorkspaceError::WorkspaceGone { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn removal_deletes_exactly_the_files_of_the_session() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.provision().await, fixture.provision().await);
    fixture.workspaces.snapshot(&one, "end").await.unwrap();
    let outside = fixture.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "kept").unwrap();
    symlink(&outside, one.path.join("link")).unwrap();
    // Build tools leave read-only caches.
    let cache = one.path.join("cache");
    fs::create_dir(&cache).unwrap();
    fs::write(cache.join("file"), "x").unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o555)).unwrap();
    fixture.workspaces.remove(one.session).await.unwrap();
    fixture.workspaces.remove(one.session).await.unwrap();
    fixture.workspaces.remove(session()).await.unwrap();
    assert!(outside.join("kept").exists());
    assert_eq!(fixture.workspaces.open(one.session).await.unwrap(), None);
    let refs = git(&other.path, &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains(&one.session.to_string()), "{refs}");
    let left = fs::read_dir(fixture.home().join("worktrees")).unwrap();
    let left = left.map(|e| e.unwrap().file_name().into_string().unwrap());
    assert!(
        left.into_iter()
            .all(|name| !name.contains(&one.session.to_string()))
    );
    assert_eq!(git(&other.path, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn workspace_replaced_by_a_link_keeps_the_link_target() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let outside = fixture.folder.path().join("outside");
    fs::rename(&workspace.path, &outside).unwrap();
    symlink(&outside, &workspace.path).unwrap();
    let error = fixture.workspaces.changes(&workspace).await.unwrap_err();
    assert!(
        matches!(error, WorkspaceError::WorkspaceGone { .. }),
        "{error}"
    );
    fixture.workspaces.remove(workspace.session).await.unwrap();
    assert!(outside.join("a.txt").exists());
    assert!(fs::symlink_metadata(&workspace.path).is_err());
}

#[tokio::test]
async fn workspace_is_accessible_to_its_owner_only() {
    let fixture = Fixture::new();
    fixture.provision().await;
    for folder in ["repos", "worktrees"] {
        let mode = fs::metadata(fixture.home().join(folder))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn a_source_is_fetched_only_if_it_has_changed() {
    let fixture = Fixture::new();
    let calls = Calls::watch(&fixture);
    let provision = async || {
        let workspace = calls
            .workspaces
            .provision(&fixture.request())
            .await
            .unwrap();
        (workspace.base_commit, calls.take())
    };
    let fetches = |calls: &[String]| calls.iter().filter(|call| call.contains(" fetch ")).count();
    let (first, created) = provision().await;
    assert_eq!(fetches(&created), 1, "{created:#?}");
    let (same, unchanged) = provision().await;
    assert_eq!(
        (same, fetches(&unchanged)),
        (first.clone(), 0),
        "{unchanged:#?}"
    );
    let repository = fixture.repository();
    for change in [
        &["tag", "-a", "-m", "one", "v1"][..],
        &["tag", "-f", "-a", "-m", "two", "v1"],
        &["branch", "other"],
        &["branch", "-D", "other"],
        &["checkout", "-q", "-b", "another"],
    ] {
        git(&repository, change);
        let (_, calls) = provision().await;
        assert_eq!(fetches(&calls), 1, "{change:?}: {calls:#?}");
        let (_, calls) = provision().await;
        assert_eq!(fetches(&calls), 0, "after {change:?}: {calls:#?}");
    }
    crate::fixture::commit(&repository, "later");
    let (later, _) = provision().await;
    assert_eq!(later, git(&repository, &["rev-parse", "HEAD"]).trim());
    assert_ne!(later, first);
}

/// The calls of git by workspaces of a fixture.
struct Calls {
    workspaces: ah_workspace::Workspaces,
    log: std::path::PathBuf,
}

impl Calls {
    /// Creates workspaces whose git is a script that notes its arguments.
    fn watch(fixture: &Fixture) -> Self {
        let folder = fixture.home().join("programs");
        fs::create_dir_all(&folder).unwrap();
        let (program, log) = (folder.join("git"), folder.join("log"));
        let path = std::env::var_os("PATH").unwrap();
        let real = std::env::split_paths(&path)
            .map(|folder| folder.join("git"))
            .find(|file| file.is_file())
            .unwrap();
        let (real, shown) = (real.display(), log.display());
        let script = format!("#!/bin/sh\necho \"$*\" >> '{shown}'\nexec '{real}' \"$@\"\n");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)));
        let environment = [("PATH".into(), path.unwrap())];
        let workspaces = crate::fixture::workspaces_with(&fixture.home(), environment);
        Self { workspaces, log }
    }

    /// Returns the calls since the last one of this.
    fn take(&self) -> Vec<String> {
        let calls = fs::read_to_string(&self.log).unwrap();
        fs::remove_file(&self.log).unwrap();
        calls.lines().map(str::to_owned).collect()
    }
}

//! The commits of agents after the end of their sessions.

use std::fs;

use ah_executor::WorkspaceRequest;
use ah_workspace::Workspace;

use crate::fixture::{Fixture, commit, git};

/// Returns a ref of the session's store.
fn in_store(workspace: &Workspace, name: &str) -> String {
    let store = workspace.store.as_ref().unwrap();
    git(store, &["rev-parse", "--verify", name])
        .trim()
        .to_owned()
}

#[tokio::test]
async fn commits_on_any_branch_and_on_none_are_kept() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = &workspace.path;
    let id = workspace.session;
    fs::write(path.join("one"), "1\n").unwrap();
    commit(path, "on the session's branch");
    let own = git(path, &["rev-parse", "HEAD"]);
    git(path, &["switch", "-q", "-c", "feature/x", "origin/topic"]);
    fs::write(path.join("two"), "2\n").unwrap();
    commit(path, "on another branch");
    let feature = git(path, &["rev-parse", "HEAD"]);
    git(path, &["tag", "-a", "-m", "tagged", "v1"]);
    git(path, &["worktree", "add", "-q", "--detach", ".wt"]);
    fs::write(path.join(".wt/three"), "3\n").unwrap();
    commit(&path.join(".wt"), "in a worktree");
    let in_worktree = git(&path.join(".wt"), &["rev-parse", "HEAD"]);
    git(path, &["checkout", "-q", "--detach"]);
    commit(path, "on no branch");
    let detached = git(path, &["rev-parse", "HEAD"]);
    fs::write(path.join("two"), "stashed\n").unwrap();
    git(path, &["stash", "-q"]);
    let stash = git(path, &["rev-parse", "stash"]);
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    assert!(
        !sealed.notes.iter().any(|note| note.contains("kept")),
        "{:?}",
        sealed.notes
    );
    fs::remove_dir_all(path).unwrap();
    for (name, expected) in [
        (format!("refs/heads/ah/{id}"), own),
        ("refs/heads/feature/x".to_owned(), feature.clone()),
        ("refs/tags/v1^{commit}".to_owned(), feature),
        (format!("refs/ah/{id}/head"), detached),
        (format!("refs/ah/{id}/stash"), stash),
        (format!("refs/ah/{id}/worktree-0"), in_worktree),
    ] {
        assert_eq!(in_store(&workspace, &name), expected.trim(), "{name}");
    }
    let store = workspace.store.as_ref().unwrap();
    git(store, &["fsck", "--strict"]);
    let refs = git(store, &["for-each-ref", "--format=%(refname)"]);
    assert!(
        !refs.contains("refs/heads/main"),
        "unchanged branches are not kept: {refs}"
    );
}

#[tokio::test]
async fn a_worktree_of_the_agent_is_captured_and_removed_with_the_session() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = &workspace.path;
    git(path, &["worktree", "add", "-q", ".wt/feat", "-b", "feat"]);
    fs::write(path.join(".wt/feat/w.txt"), "w\n").unwrap();
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    let paths: Vec<_> = changes.files.iter().map(|file| &*file.path).collect();
    assert_eq!(
        paths,
        [".wt/feat/w.txt"],
        "what equals the start is no change"
    );
    commit(&path.join(".wt/feat"), "w");
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    assert!(sealed.notes[0].contains("`.wt/feat`"), "{:?}", sealed.notes);
    let kept = in_store(&workspace, "refs/heads/feat");
    assert_eq!(git(path, &["rev-parse", "feat"]).trim(), kept);
    fixture.workspaces.remove(workspace.session).await.unwrap();
    assert!(!path.exists());
    // Another session can use the name of the branch and of the worktree.
    let next = fixture.provision().await;
    git(
        &next.path,
        &["worktree", "add", "-q", ".wt/feat", "-b", "feat"],
    );
}

#[tokio::test]
async fn objects_under_false_names_are_not_kept_and_hide_nothing() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = &workspace.path;
    fs::write(path.join("a.txt"), "evil\n").unwrap();
    commit(path, "evil");
    // The content of the harmless file is stored under the name of the evil one.
    let evil = git(path, &["rev-parse", "HEAD:a.txt"]).trim().to_owned();
    // The end has another content, whose object the store writes itself.
    fs::write(path.join("a.txt"), "at the end\n").unwrap();
    commit(path, "the end");
    fs::write(path.join("harmless"), "harmless\n").unwrap();
    let harmless = git(path, &["hash-object", "-w", "harmless"])
        .trim()
        .to_owned();
    let object = |id: &str| path.join(".git/objects").join(&id[..2]).join(&id[2..]);
    let content = fs::read(object(&harmless)).unwrap();
    fs::remove_file(object(&evil)).unwrap();
    fs::write(object(&evil), content).unwrap();
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    let notes = sealed.notes.join("\n");
    assert!(notes.contains("could not be kept"), "{notes}");
    let diff = fixture
        .workspaces
        .diff(&workspace, &Default::default())
        .await
        .unwrap();
    assert!(diff.files[0].diff.contains("+at the end\n"), "{diff:?}");
}

#[tokio::test]
async fn objects_of_others_are_not_taken_over() {
    let fixture = Fixture::new();
    let (workspace, other) = (fixture.provision().await, fixture.provision().await);
    fs::write(other.path.join("secret"), "secret\n").unwrap();
    commit(&other.path, "secret");
    let secret = git(&other.path, &["rev-parse", "HEAD"]).trim().to_owned();
    let alternates = workspace.path.join(".git/objects/info/alternates");
    let mut lines = fs::read_to_string(&alternates).unwrap();
    lines += &format!("{}\n", other.path.join(".git/objects").display());
    fs::write(&alternates, lines).unwrap();
    git(
        &workspace.path,
        &["update-ref", "refs/heads/taken", &secret],
    );
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    let notes = sealed.notes.join("\n");
    assert!(
        notes.contains("objects/info/alternates` was changed"),
        "{notes}"
    );
    let store = workspace.store.as_ref().unwrap();
    let found = crate::fixture::plain_git(store, &["cat-file", "-e", &secret]).output();
    assert!(!found.unwrap().status.success());
}

#[tokio::test]
async fn a_session_can_start_from_the_end_of_another() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::write(workspace.path.join("new"), "new\n").unwrap();
    fixture.workspaces.seal(&workspace).await.unwrap();
    let end = in_store(&workspace, &format!("refs/ah/{}/end", workspace.session));
    let request = WorkspaceRequest {
        commit: Some(end.clone()),
        ..fixture.request()
    };
    let next = fixture.workspaces.provision(&request).await.unwrap();
    assert_eq!(next.base_commit, end);
    assert!(next.path.join("new").exists());
    // It does not depend on the first one.
    fixture.workspaces.remove(workspace.session).await.unwrap();
    git(&next.path, &["fsck", "--strict"]);
}

//! Workspaces of earlier versions: worktrees of the mirror.

use std::fs;

use ah_rest_api_contract::{DiffQuery, SessionId};

use crate::fixture::{Fixture, commit, git, session};

/// Makes a workspace as earlier versions did.
fn worktree(fixture: &Fixture) -> SessionId {
    let id = session();
    let mirror = fixture.mirror();
    let path = fixture.home().join(format!("worktrees/{id}"));
    let base = git(&mirror, &["rev-parse", "refs/ah-source/HEAD"]);
    let base = base.trim();
    let branch = format!("ah/{id}");
    git(
        &mirror,
        &["update-ref", &format!("refs/ah/{id}/base"), base],
    );
    let at = path.to_str().unwrap();
    git(
        &mirror,
        &["worktree", "add", "-q", "--lock", "-b", &branch, at, base],
    );
    let record = serde_json::json!({
        "repository": mirror,
        "ownsRepository": false,
        "workspace": {
            "session": id,
            "path": path,
            "provider": "worktree",
            "repository": mirror,
            "branch": branch,
            "baseCommit": base,
            "defaultBranch": "main",
        },
    });
    let file = path.with_extension("json");
    fs::write(file, record.to_string()).unwrap();
    id
}

#[tokio::test]
async fn a_worktree_of_an_earlier_version_is_read_and_removed() {
    let fixture = Fixture::new();
    let new = fixture.provision().await;
    let id = worktree(&fixture);
    let old = fixture.workspaces.open(id).await.unwrap().unwrap();
    assert_eq!(old.store, None);
    fs::write(old.path.join("a.txt"), "one\n").unwrap();
    fs::write(old.path.join("x.log"), "forced\n").unwrap();
    git(&old.path, &["add", "-f", "x.log"]);
    commit(&old.path, "work");
    let changes = fixture.workspaces.changes(&old).await.unwrap();
    let paths: Vec<_> = changes.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["a.txt", "x.log"]);
    let query = DiffQuery::default();
    let diff = fixture.workspaces.diff(&old, &query).await.unwrap();
    let sealed = fixture.workspaces.seal(&old).await.unwrap();
    assert_eq!(sealed.summary, changes.summary);
    // A session that starts meanwhile refreshes the mirror.
    let next = fixture.provision().await;
    assert_eq!(git(&old.path, &["status", "--porcelain"]), "");
    fs::remove_dir_all(&old.path).unwrap();
    assert_eq!(fixture.workspaces.diff(&old, &query).await.unwrap(), diff);
    assert_eq!(fixture.workspaces.remains(9).unwrap(), [id]);
    fixture.workspaces.reclaim(id).await.unwrap();
    assert_eq!(fixture.workspaces.remains(9).unwrap(), []);
    fixture.workspaces.remove(id).await.unwrap();
    assert_eq!(fixture.workspaces.open(id).await.unwrap(), None);
    let refs = git(&fixture.mirror(), &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains(&id.to_string()), "{refs}");
    for workspace in [new, next] {
        assert_eq!(git(&workspace.path, &["status", "--porcelain"]), "");
    }
}

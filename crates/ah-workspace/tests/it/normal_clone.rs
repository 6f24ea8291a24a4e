//! A workspace looks like a normal clone.

use std::fs;

use ah_executor::WorkspaceRequest;
use ah_rest_api_contract::RepositorySource;
use ah_workspace::PushPolicy;

use crate::fixture::{Fixture, commit, git, plain_git, workspaces_of};

/// A user's clone of a project that has a remote, with a branch and a tag of his own.
fn user_clone(fixture: &Fixture) -> std::path::PathBuf {
    let folder = fixture.folder.path();
    let url = format!("file://{}", fixture.repository().display());
    git(folder, &["clone", "-q", &url, "clone"]);
    let clone = folder.join("clone");
    git(&clone, &["branch", "-q", "mine"]);
    fs::write(clone.join("ahead"), "ahead\n").unwrap();
    commit(&clone, "not pushed");
    git(&clone, &["tag", "v1"]);
    clone
}

fn of_path(fixture: &Fixture, path: std::path::PathBuf) -> WorkspaceRequest {
    WorkspaceRequest {
        source: Some(RepositorySource::Path(path)),
        ..fixture.request()
    }
}

#[tokio::test]
async fn branches_tags_and_the_real_remote_are_those_of_the_user() {
    let fixture = Fixture::new();
    let clone = user_clone(&fixture);
    let request = of_path(&fixture, clone.clone());
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    let path = &workspace.path;
    // `topic` is known to the user as `origin/topic` only.
    for name in [
        "main",
        "mine",
        "v1",
        "origin/main",
        "origin/topic",
        "origin/HEAD",
        "HEAD",
    ] {
        let of = |folder| git(folder, &["rev-parse", name]);
        assert_eq!(of(path), of(&clone), "{name}");
    }
    git(path, &["switch", "-q", "topic"]);
    assert!(path.join("topic.txt").exists());
    let url = git(path, &["remote", "get-url", "origin"]);
    assert_eq!(url, git(&clone, &["remote", "get-url", "origin"]));
    git(path, &["fetch", "-q", "origin"]);
    let top = git(
        path,
        &["rev-parse", "--show-toplevel", "--absolute-git-dir"],
    );
    let expected = format!("{0}\n{0}/.git\n", fs::canonicalize(path).unwrap().display());
    assert_eq!(top, expected);
    // A branch that the user has only as `origin/topic` can be the start.
    let request = WorkspaceRequest {
        branch: Some("topic".to_owned()),
        ..of_path(&fixture, clone)
    };
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    assert!(workspace.path.join("topic.txt").exists());
}

#[tokio::test]
async fn relative_submodules_are_found_at_the_real_remote() {
    let fixture = Fixture::empty();
    let folder = fixture.folder.path();
    let (upstream, library) = (folder.join("up/project"), folder.join("up/library"));
    for path in [&upstream, &library] {
        fs::create_dir_all(path).unwrap();
        git(path, &["init", "-q", "-b", "main"]);
    }
    fs::write(library.join("code"), "code\n").unwrap();
    commit(&library, "code");
    let allow = "protocol.file.allow=always";
    git(
        &upstream,
        &[
            "-c",
            allow,
            "submodule",
            "--quiet",
            "add",
            "../library",
            "lib",
        ],
    );
    commit(&upstream, "with a library");
    let url = format!("file://{}", upstream.display());
    git(folder, &["clone", "-q", &url, "clone"]);
    let request = of_path(&fixture, folder.join("clone"));
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    let notes = workspace.notes.join("\n");
    assert!(
        notes.contains("submodules of the repository are empty"),
        "{notes}"
    );
    git(
        &workspace.path,
        &["-c", allow, "submodule", "--quiet", "update", "--init"],
    );
    assert!(workspace.path.join("lib/code").exists());
    let none = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(none.files, []);
    // A commit in the submodule is a change of its commit.
    let lib = workspace.path.join("lib");
    fs::write(lib.join("code"), "better code\n").unwrap();
    commit(&lib, "better");
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    let paths: Vec<_> = changes.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["lib"]);
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    assert!(sealed.notes[0].contains("`lib`"), "{:?}", sealed.notes);
}

#[tokio::test]
async fn a_remote_on_another_host_is_pushed_to_if_that_is_allowed() {
    let fixture = Fixture::new();
    let clone = user_clone(&fixture);
    git(
        &clone,
        &["remote", "add", "Up.Stream", "ssh://git@host.example/x.git"],
    );
    let request = of_path(&fixture, clone.clone());
    let mut workspaces = workspaces_of(&fixture.home());
    workspaces.set_push(PushPolicy::Allowed);
    let allowed = workspaces.provision(&request).await.unwrap();
    let refused = fixture
        .workspaces
        .provision(&of_path(&fixture, clone))
        .await
        .unwrap();
    let push_url = |path| git(path, &["remote", "get-url", "--push", "Up.Stream"]);
    assert_eq!(push_url(&allowed.path), "ssh://git@host.example/x.git\n");
    assert!(push_url(&refused.path).contains("pushing is disabled"));
    let local = of_path(&fixture, fixture.repository());
    let local = workspaces.provision(&local).await.unwrap();
    let mut command = plain_git(&local.path, &["push", "-q", "origin", "HEAD:refs/heads/x"]);
    assert!(
        !command.output().unwrap().status.success(),
        "a checkout is never written"
    );
}

#[tokio::test]
async fn passwords_of_remotes_stay_with_the_user() {
    let fixture = Fixture::new();
    let url = "https://me:s3cr3t@host.example/x.git";
    git(&fixture.repository(), &["remote", "add", "origin", url]);
    let workspace = fixture.provision().await;
    let listed = git(&workspace.path, &["config", "--list"]);
    assert!(listed.contains("https://host.example/x.git"), "{listed}");
    assert!(!listed.contains("s3cr3t"), "{listed}");
}

#[tokio::test]
async fn partial_clones_are_completed_from_their_remote() {
    for filter in ["blob:none", "tree:0"] {
        let fixture = Fixture::new();
        let folder = fixture.folder.path();
        git(
            &fixture.repository(),
            &["config", "uploadpack.allowFilter", "true"],
        );
        let url = format!("file://{}", fixture.repository().display());
        let filter = format!("--filter={filter}");
        git(folder, &["clone", "-q", &filter, &url, "partial"]);
        let clone = folder.join("partial");
        fs::write(clone.join("mine"), "mine\n").unwrap();
        commit(&clone, "mine");
        let objects = git(&clone, &["count-objects", "-v"]);
        for _ in 0..2 {
            let request = of_path(&fixture, clone.clone());
            let workspace = fixture.workspaces.provision(&request).await.unwrap();
            assert!(workspace.path.join("mine").exists());
            git(&workspace.path, &["log", "-p", "--all"]);
            git(&workspace.path, &["fsck", "--strict"]);
        }
        let after = git(&clone, &["count-objects", "-v"]);
        assert_eq!(objects, after, "the user's clone is not completed");
    }
}

#[tokio::test]
async fn shallow_clones_and_repositories_with_reftables_work() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path();
    let url = format!("file://{}", fixture.repository().display());
    git(folder, &["clone", "-q", "--depth=1", &url, "shallow"]);
    let request = of_path(&fixture, folder.join("shallow"));
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    assert_eq!(git(&workspace.path, &["log", "--format=%s"]), "second\n");
    git(&workspace.path, &["fsck", "--strict"]);
    fs::write(workspace.path.join("x"), "x\n").unwrap();
    commit(&workspace.path, "x");
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    assert_eq!((sealed.summary.files_changed, sealed.notes), (1, vec![]));

    let args = ["clone", "-q", "--ref-format=reftable", "project", "tables"];
    if !plain_git(folder, &args).output().unwrap().status.success() {
        eprintln!("skipped: this git has no reftables");
        return;
    }
    let request = of_path(&fixture, folder.join("tables"));
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    assert!(workspace.path.join("a.txt").exists());
}

#[tokio::test]
async fn pointers_of_large_files_are_stated() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    fs::write(
        repository.join(".gitattributes"),
        "*.bin filter=lfs diff=lfs -text\n",
    )
    .unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    fs::write(repository.join("x.bin"), pointer).unwrap();
    commit(&repository, "large");
    let workspace = fixture.provision().await;
    let [note] = &workspace.notes[..] else {
        panic!("{:?}", workspace.notes);
    };
    assert!(note.contains("`git lfs pull`"), "{note}");
    let content = fs::read_to_string(workspace.path.join("x.bin")).unwrap();
    assert_eq!(content, pointer);
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(changes.files, []);
}

#[tokio::test]
async fn line_endings_follow_the_attributes_of_the_repository() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    let attributes = "* text=auto\n*.bat eol=crlf\n*.u16 working-tree-encoding=UTF-16LE-BOM\n";
    fs::write(repository.join(".gitattributes"), attributes).unwrap();
    fs::write(repository.join("run.bat"), "one\r\ntwo\r\n").unwrap();
    let utf16 = |text: &str| -> Vec<u8> {
        let units = [0xfeff].into_iter().chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    fs::write(repository.join("x.u16"), utf16("a\n")).unwrap();
    commit(&repository, "attributes");
    let workspace = fixture.provision().await;
    let path = &workspace.path;
    assert_eq!(fs::read(path.join("run.bat")).unwrap(), b"one\r\ntwo\r\n");
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(changes.files, []);
    fs::write(path.join("run.bat"), "one\r\ntwo\r\nthree\r\n").unwrap();
    fs::write(path.join("x.u16"), utf16("a\nb\n")).unwrap();
    fs::write(path.join("new.txt"), "new\r\n").unwrap();
    crate::changes::assert_equal_to_git(&fixture, &workspace).await;
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(
        (changes.summary.lines_added, changes.summary.lines_removed),
        (3, 0)
    );
}

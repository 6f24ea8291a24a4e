//! The files of a workspace, changed or not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use ah_rest_api_contract::{
    ContentQuery, FILE_PART_BYTES_MAX, FileContent, FileEncoding, FileKind, FileNode,
    FileNodeQuery, FilePath, FileStatus,
};
use ah_workspace::Workspace;

use crate::fixture::{Fixture, commit, git};

fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

async fn read(fixture: &Fixture, workspace: &Workspace, file: &str) -> Option<FileContent> {
    let query = ContentQuery::default();
    let file = path(file);
    let read = fixture.workspaces.read_file(workspace, &file, query);
    read.await.unwrap()
}

async fn list(fixture: &Fixture, workspace: &Workspace, query: FileNodeQuery) -> Option<FileNode> {
    let list = fixture.workspaces.list_files(workspace, &query);
    list.await.unwrap()
}

/// Returns the files below a node, as `git ls-files` prints them.
fn files(node: &FileNode) -> Vec<String> {
    match &node.children {
        Some(children) => children.iter().flat_map(files).collect(),
        None => vec![node.path.clone()],
    }
}

/// Makes every kind of change and file.
fn change(workspace: &Workspace) {
    let folder = &workspace.path;
    fs::write(folder.join("a.txt"), "one\n").unwrap();
    fs::remove_file(folder.join("gone.txt")).unwrap();
    fs::create_dir(folder.join("new")).unwrap();
    fs::write(folder.join("new/-x *[b] \u{fc}.txt"), "new\n").unwrap();
    fs::write(folder.join("new/tool.sh"), "exit 0\n").unwrap();
    fs::set_permissions(
        folder.join("new/tool.sh"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    fs::write(folder.join("new/bytes"), [0xff, 0, 1]).unwrap();
    fs::write(folder.join("ignored"), "ignored\n").unwrap();
    symlink("/etc/passwd", folder.join("link")).unwrap();
    symlink("/etc", folder.join("out")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
}

#[tokio::test]
async fn files_are_described_as_they_are() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    change(&workspace);
    let details = async |file: &str| {
        let file = path(file);
        fixture.workspaces.file(&workspace, &file).await.unwrap()
    };
    let a = details("a.txt").await.unwrap();
    assert_eq!((a.status, a.lines_removed), (Some(FileStatus::Modified), 3));
    assert_eq!((a.size_bytes, a.mode.as_deref()), (Some(4), Some("100644")));
    let tool = details("new/tool.sh").await.unwrap();
    assert_eq!(tool.mode.as_deref(), Some("100755"));
    let long = details("src/long.txt").await.unwrap();
    assert_eq!((long.status, long.kind), (None, FileKind::File));
    assert_eq!(long.encoding, Some(FileEncoding::Utf8));
    let bytes = details("new/bytes").await.unwrap();
    assert_eq!(bytes.encoding, Some(FileEncoding::Base64));
    let gone = details("gone.txt").await.unwrap();
    assert_eq!((gone.status, gone.mode), (Some(FileStatus::Deleted), None));
    let folder = details("src").await.unwrap();
    assert_eq!((folder.kind, folder.encoding), (FileKind::Directory, None));
    let link = details("link").await.unwrap();
    assert_eq!(link.kind, FileKind::Symlink);
    for missing in [
        "ignored",
        "pipe",
        ".git/config",
        "out/passwd",
        "a.txt/b",
        "src/lon",
    ] {
        assert_eq!(details(missing).await, None, "{missing}");
    }
}

#[tokio::test]
async fn files_are_read_without_leaving_the_workspace() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    change(&workspace);
    let a = read(&fixture, &workspace, "a.txt").await.unwrap();
    assert_eq!((a.content.as_str(), a.is_modified), ("one\n", true));
    let long = read(&fixture, &workspace, "src/long.txt").await.unwrap();
    assert!(long.content.starts_with("line 1\n") && !long.is_modified);
    let odd = read(&fixture, &workspace, "new/-x *[b] \u{fc}.txt").await;
    assert_eq!(odd.unwrap().content, "new\n");
    let link = read(&fixture, &workspace, "link").await.unwrap();
    assert_eq!(link.content, "/etc/passwd");
    let bytes = read(&fixture, &workspace, "new/bytes").await.unwrap();
    assert_eq!((bytes.content.as_str(), bytes.size_bytes), ("/wAB", 3));
    for missing in ["src", "gone.txt", "ignored", "pipe", "out/passwd", "link/x"] {
        assert_eq!(read(&fixture, &workspace, missing).await, None, "{missing}");
    }
}

#[tokio::test]
async fn a_large_file_is_read_in_parts() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let whole = "0123456789 \u{20ac}\n".repeat(200_000);
    fs::write(workspace.path.join("large.txt"), &whole).unwrap();
    let (mut all, mut offset) = (String::new(), 0);
    while all.len() < whole.len() {
        let query = ContentQuery::new(offset, FILE_PART_BYTES_MAX).unwrap();
        let part = fixture
            .workspaces
            .read_file(&workspace, &path("large.txt"), query)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(part.size_bytes, whole.len() as u64);
        all.push_str(&part.content);
        match part.next_offset {
            Some(next) => offset = next,
            None => break,
        }
    }
    assert!(all == whole, "the parts are not the file");
}

#[tokio::test]
async fn a_folder_lists_what_git_lists() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    change(&workspace);
    let recursive = FileNodeQuery {
        recursive: true,
        ..FileNodeQuery::default()
    };
    let root = list(&fixture, &workspace, recursive.clone()).await.unwrap();
    assert!(root.is_modified && !root.is_truncated);
    let mut ours = files(&root);
    ours.sort();
    git(&workspace.path, &["add", "-A"]);
    let theirs = git(&workspace.path, &["ls-files", "-z"]);
    let mut theirs: Vec<&str> = theirs.split_terminator('\0').collect();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);

    let root = list(&fixture, &workspace, FileNodeQuery::default()).await;
    let children = root.unwrap().children.unwrap();
    let src = children.iter().find(|node| node.path == "src").unwrap();
    assert_eq!((src.is_modified, &src.children), (false, &None));
    let new = children.iter().find(|node| node.path == "new").unwrap();
    assert!(new.is_modified && new.kind == FileKind::Directory);

    let modified = FileNodeQuery {
        modified_only: true,
        ..recursive
    };
    let root = list(&fixture, &workspace, modified.clone()).await.unwrap();
    let changed = files(&root);
    assert!(changed.contains(&"new/tool.sh".to_owned()), "{changed:?}");
    assert!(
        !changed.iter().any(|file| file.starts_with("src")),
        "{changed:?}"
    );

    let of = |folder: &str| FileNodeQuery {
        path: Some(path(folder)),
        ..FileNodeQuery::default()
    };
    let src = list(&fixture, &workspace, of("src")).await.unwrap();
    assert_eq!(files(&src), ["src/long.txt"]);
    for missing in ["none", "a.txt", "link", "out", "ignored"] {
        assert_eq!(
            list(&fixture, &workspace, of(missing)).await,
            None,
            "{missing}"
        );
    }
}

#[tokio::test]
async fn submodules_and_ended_sessions_have_their_files() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    let other = fixture.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    git(&other, &["init", "-q"]);
    fs::write(other.join("x"), "x\n").unwrap();
    commit(&other, "x");
    let head = git(&other, &["rev-parse", "HEAD"]);
    let entry = format!("160000,{},sub", head.trim());
    git(
        &repository,
        &["update-index", "--add", "--cacheinfo", &entry],
    );
    git(&repository, &["commit", "-q", "-m", "submodule"]);
    let workspace = fixture.provision().await;
    change(&workspace);
    fixture.workspaces.seal(&workspace).await.unwrap();
    fs::remove_dir_all(&workspace.path).unwrap();
    let sub = fixture.workspaces.file(&workspace, &path("sub")).await;
    let sub = sub.unwrap().unwrap();
    assert_eq!((sub.kind, sub.size_bytes), (FileKind::Submodule, None));
    assert_eq!(read(&fixture, &workspace, "sub").await, None);
    let a = read(&fixture, &workspace, "a.txt").await.unwrap();
    assert_eq!((a.content.as_str(), a.is_modified), ("one\n", true));
    let root = list(&fixture, &workspace, FileNodeQuery::default()).await;
    assert!(files(&root.unwrap()).contains(&"sub".to_owned()));
}

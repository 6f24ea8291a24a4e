//! The sources of repositories.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ah_executor::WorkspaceRequest;
use ah_rest_api_contract::RepositorySource;
use ah_workspace::WorkspaceError;

use crate::fixture::{Fixture, commit, git, workspaces_of};

fn from(fixture: &Fixture, source: RepositorySource) -> WorkspaceRequest {
    WorkspaceRequest {
        source: Some(source),
        ..fixture.request()
    }
}

fn url_of(path: &Path) -> RepositorySource {
    RepositorySource::parse(&format!("file://{}", path.display())).unwrap()
}

#[tokio::test]
async fn unreachable_url_is_served_from_the_mirror_with_a_note() {
    let fixture = Fixture::new();
    let request = from(&fixture, url_of(&fixture.repository()));
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    assert!(workspace.notes.is_empty());
    fs::rename(fixture.repository(), fixture.folder.path().join("away")).unwrap();
    let request = from(&fixture, request.source.unwrap());
    let offline = fixture.workspaces.provision(&request).await.unwrap();
    assert_eq!(offline.base_commit, workspace.base_commit);
    assert_eq!(offline.default_branch.as_deref(), Some("main"));
    assert!(
        offline.notes[0].contains("could not be fetched"),
        "{:?}",
        offline.notes
    );
}

#[tokio::test]
async fn path_is_resolved_to_the_top_of_its_repository() {
    let fixture = Fixture::new();
    let link = fixture.folder.path().join("link");
    std::os::unix::fs::symlink(fixture.repository(), &link).unwrap();
    for path in [fixture.repository(), fixture.repository().join("src"), link] {
        let request = from(&fixture, RepositorySource::Path(path));
        fixture.workspaces.provision(&request).await.unwrap();
    }
    // Asserts that there is only one mirror.
    fixture.mirror();
}

#[tokio::test]
async fn bare_repositories_linked_worktrees_and_detached_heads_are_supported() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    let folder = fixture.folder.path();
    git(folder, &["clone", "-q", "--bare", "project", "bare.git"]);
    git(
        &repository,
        &["worktree", "add", "-q", "../linked", "topic"],
    );
    git(
        &repository,
        &["worktree", "add", "-q", "--detach", "../detached", "topic"],
    );
    git(
        &folder.join("detached"),
        &["commit", "-q", "--allow-empty", "-m", "nowhere else"],
    );
    for (name, branch) in [
        ("bare.git", Some("main")),
        ("linked", Some("topic")),
        ("detached", None),
    ] {
        let path = folder.join(name);
        let request = from(&fixture, RepositorySource::Path(path.clone()));
        let workspace = fixture.workspaces.provision(&request).await.unwrap();
        let head = git(&path, &["rev-parse", "HEAD"]);
        assert_eq!(workspace.base_commit, head.trim(), "{name}");
        assert_eq!(workspace.default_branch.as_deref(), branch, "{name}");
    }
}

#[tokio::test]
async fn mirror_shares_no_objects_with_its_source() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path();
    // A source that itself uses alternates.
    git(folder, &["clone", "-q", "--shared", "project", "borrowing"]);
    let request = from(&fixture, RepositorySource::Path(folder.join("borrowing")));
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    assert!(!fixture.mirror().join("objects/info/alternates").exists());
    fs::remove_dir_all(fixture.repository()).unwrap();
    fs::remove_dir_all(folder.join("borrowing")).unwrap();
    git(&workspace.path, &["fsck", "--strict"]);
}

#[tokio::test]
async fn sha256_and_shallow_repositories_are_supported() {
    let fixture = Fixture::empty();
    let folder = fixture.folder.path();
    let other = folder.join("sha256");
    fs::create_dir(&other).unwrap();
    git(&other, &["init", "-q", "--object-format=sha256"]);
    fs::write(other.join("x"), "x\n").unwrap();
    commit(&other, "one");
    commit(&other, "two");
    git(
        folder,
        &[
            "clone",
            "-q",
            "--depth=1",
            url_of(&other).to_string().as_str(),
            "shallow",
        ],
    );
    for source in [
        RepositorySource::Path(other.clone()),
        url_of(&other),
        RepositorySource::Path(folder.join("shallow")),
    ] {
        let request = from(&fixture, source);
        let workspace = fixture.workspaces.provision(&request).await.unwrap();
        assert_eq!(workspace.base_commit.len(), 64);
        assert!(workspace.path.join("x").exists());
    }
}

#[tokio::test]
async fn repository_of_another_owner_is_supported() {
    let fixture = Fixture::new();
    let mut folders = vec![fixture.repository()];
    while let Some(path) = folders.pop() {
        // Only root can change owners; other users cannot run this test.
        if chown(&path, Some(65534), Some(65534)).is_err() {
            return;
        }
        if path.is_dir() {
            folders.extend(fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        }
    }
    let workspace = fixture.provision().await;
    assert!(workspace.path.join("a.txt").exists());
    let source = RepositorySource::Path(fixture.repository());
    assert_eq!(fixture.workspaces.branches(&source).await.unwrap().len(), 2);
}

#[tokio::test]
async fn non_repository_is_rejected_by_field() {
    let fixture = Fixture::empty();
    let folder = fixture.folder.path();
    fs::write(folder.join("file"), "").unwrap();
    for path in ["missing", "file", "home/../"] {
        let request = from(&fixture, RepositorySource::Path(folder.join(path)));
        let error = fixture.workspaces.provision(&request).await.unwrap_err();
        assert_eq!(error.field(), Some("repo.url"), "{error}");
        assert!(!error.help().is_empty());
    }
    let request = from(&fixture, url_of(&folder.join("missing")));
    let error = fixture.workspaces.provision(&request).await.unwrap_err();
    assert_eq!(error.field(), Some("repo.url"), "{error}");
}

#[tokio::test]
async fn credentials_are_not_in_errors_or_readable_by_agents() {
    let fixture = Fixture::empty();
    // No server listens on the discard port of loopback.
    let source = RepositorySource::parse("http://me:s3cr3t@127.0.0.1:9/x.git").unwrap();
    let error = fixture.workspaces.branches(&source).await.unwrap_err();
    assert!(
        matches!(error, WorkspaceError::SourceUnreadable { .. }),
        "{error:?}"
    );
    assert!(
        !format!("{error} {error:?}").contains("s3cr3t"),
        "{error:?}"
    );
    assert_eq!(error.field(), Some("repo.url"));
}

#[tokio::test]
async fn branches_are_listed_with_the_default_first() {
    let fixture = Fixture::new();
    git(&fixture.repository(), &["branch", "another"]);
    let source = RepositorySource::Path(fixture.repository());
    let branches = fixture.workspaces.branches(&source).await.unwrap();
    let names: Vec<_> = branches
        .iter()
        .map(|b| (b.name.as_str(), b.is_default))
        .collect();
    assert_eq!(
        names,
        [("main", true), ("another", false), ("topic", false)]
    );
    let topic = git(&fixture.repository(), &["rev-parse", "topic"]);
    assert_eq!(branches[2].last_commit, topic.trim());
    // Listing branches creates nothing.
    let elsewhere = workspaces_of(&fixture.folder.path().join("elsewhere"));
    elsewhere.branches(&source).await.unwrap();
    assert!(!fixture.folder.path().join("elsewhere").exists());
}

#[tokio::test]
async fn head_without_a_commit_requires_a_branch() {
    let fixture = Fixture::new();
    git(
        &fixture.repository(),
        &["symbolic-ref", "HEAD", "refs/heads/unborn"],
    );
    let error = fixture
        .workspaces
        .provision(&fixture.request())
        .await
        .unwrap_err();
    assert!(
        matches!(error, WorkspaceError::NoDefaultBranch { .. }),
        "{error}"
    );
    let request = WorkspaceRequest {
        branch: Some("topic".to_owned()),
        ..fixture.request()
    };
    let workspace = fixture.workspaces.provision(&request).await.unwrap();
    assert!(workspace.path.join("topic.txt").exists());
}

/// Serves one connection after the other: a request without a login is asked for one, and any other
/// one is refused after `seen` was called with its login.
fn server_that_wants_a_login(seen: impl Fn(&str) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = String::new();
            for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                if line.is_empty() {
                    break;
                }
                request += &(line + "\n");
            }
            let login = request
                .lines()
                .find_map(|line| line.strip_prefix("Authorization: "));
            let head = match login {
                Some(login) => {
                    seen(login);
                    "HTTP/1.1 404 Not Found\r\n"
                }
                None => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n",
            };
            let reply = format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(reply.as_bytes()).ok();
        }
    });
    port
}

/// Returns true if a command line on this host contains the text.
fn is_on_a_command_line(text: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .any(|line| line.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[tokio::test]
async fn login_in_a_url_reaches_the_server_and_no_command_line() {
    let fixture = Fixture::new();
    let logins = Arc::new(Mutex::new(Vec::new()));
    let seen = logins.clone();
    let port = server_that_wants_a_login(move |login| {
        let is_public = is_on_a_command_line("correct-horse");
        seen.lock().unwrap().push((login.to_owned(), is_public));
    });
    let url = format!("http://bob:correct-horse%40%27%24x@127.0.0.1:{port}/x.git");
    let request = from(&fixture, RepositorySource::parse(&url).unwrap());
    let error = fixture.workspaces.provision(&request).await.unwrap_err();
    assert!(!error.to_string().contains("correct-horse"), "{error}");
    // `bob:correct-horse@'$x`, in base64.
    let sent = ("Basic Ym9iOmNvcnJlY3QtaG9yc2VAJyR4".to_owned(), false);
    assert_eq!(*logins.lock().unwrap(), [sent]);
}

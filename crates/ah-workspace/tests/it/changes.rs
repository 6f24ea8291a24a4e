//! Changes and diffs equal those of git.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ah_executor::WorkspaceRequest;
use ah_rest_api_contract::{DiffQuery, FileStatus, RepositorySource};
use ah_workspace::{Changes, Workspace, WorkspaceError};

use crate::fixture::{Fixture, commit, git, plain_git, workspaces_of};

/// A changed file: its path, its old path, added and removed lines unless it is binary.
type ChangedLines = (String, Option<String>, Option<(u64, u64)>);

/// Returns plain git's report about the workspace. It uses the agent's index, so it runs after
/// ours.
pub(crate) fn changes_by_git(workspace: &Workspace) -> (Vec<ChangedLines>, String) {
    git(&workspace.path, &["add", "-A"]);
    let base = workspace.base_commit.as_str();
    let diff = ["diff", "--cached", "-M", base];
    let output = plain_git(&workspace.path, &diff).output().unwrap();
    let diff = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = git(
        &workspace.path,
        &["diff", "--cached", "-M", "--numstat", "-z", base],
    );
    let mut told = Vec::new();
    let mut fields = numbers.split_terminator('\0');
    while let Some(field) = fields.next() {
        let parts: Vec<_> = field.splitn(3, '\t').collect();
        let lines = parts[0].parse().ok().zip(parts[1].parse().ok());
        let old = parts[2]
            .is_empty()
            .then(|| fields.next().unwrap().to_owned());
        let path = match old {
            Some(_) => fields.next().unwrap(),
            None => parts[2],
        };
        told.push((path.to_owned(), old, lines));
    }
    (told, diff)
}

/// Asserts that changes and diff equal git's.
pub(crate) async fn assert_equal_to_git(fixture: &Fixture, workspace: &Workspace) {
    let changes = fixture.workspaces.changes(workspace).await.unwrap();
    let diff = fixture
        .workspaces
        .diff(workspace, &DiffQuery::default())
        .await
        .unwrap();
    let (told, text) = changes_by_git(workspace);
    let ours: Vec<ChangedLines> = changes
        .files
        .iter()
        .map(|f| {
            let lines = (!f.is_binary).then_some((f.lines_added, f.lines_removed));
            (f.path.clone(), f.old_path.clone(), lines)
        })
        .collect();
    assert_eq!(ours, told);
    let sum = |of: fn((u64, u64)) -> u64| told.iter().filter_map(|t| t.2).map(of).sum::<u64>();
    let summary = changes.summary;
    assert_eq!(summary.files_changed, told.len() as u64);
    assert_eq!(summary.lines_added, sum(|(added, _)| added));
    assert_eq!(summary.lines_removed, sum(|(_, removed)| removed));
    assert_eq!(diff.total_lines_added, summary.lines_added);
    assert_eq!(diff.total_lines_removed, summary.lines_removed);
    let mut rest = text.as_str();
    for file in &diff.files {
        if file.is_binary {
            assert_eq!((file.diff.as_str(), file.hunks.len()), ("", 0));
            let end = rest[1..]
                .find("diff --git ")
                .map_or(rest.len(), |at| at + 1);
            rest = &rest[end..];
        } else {
            rest = rest
                .strip_prefix(file.diff.as_str())
                .expect("git's own text");
            let added: u64 = file.hunks.iter().map(|h| h.new_lines).sum();
            let removed: u64 = file.hunks.iter().map(|h| h.old_lines).sum();
            let marked = |mark| {
                let lines = file.hunks.iter().flat_map(|h| h.content.lines());
                lines.filter(|l| l.starts_with([mark, ' '])).count() as u64
            };
            assert_eq!(
                (added, removed),
                (marked('+'), marked('-')),
                "{}",
                file.diff
            );
        }
    }
    assert_eq!(rest, "");
}

#[tokio::test]
async fn every_kind_of_change_matches_git() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = &workspace.path;
    // Committed, staged, changed after staging, and untracked.
    fs::write(path.join("committed.txt"), "c\n").unwrap();
    commit(path, "work");
    fs::write(path.join("staged.txt"), "s\n").unwrap();
    git(path, &["add", "staged.txt"]);
    fs::write(path.join("staged.txt"), "s\nt\n").unwrap();
    fs::write(path.join("untracked.txt"), "no newline at the end").unwrap();
    fs::write(path.join("a.txt"), "one\r\ntwo\r\nthree\r\n").unwrap();
    fs::remove_file(path.join("gone.txt")).unwrap();
    let long = fs::read_to_string(path.join("src/long.txt")).unwrap();
    fs::remove_file(path.join("src/long.txt")).unwrap();
    fs::write(
        path.join("src/moved.txt"),
        long.replace("line 7\n", "line seven\n"),
    )
    .unwrap();
    fs::write(path.join(".gitattributes"), "*.dat binary\n").unwrap();
    fs::write(path.join("text.dat"), "binary by attribute\n").unwrap();
    fs::write(path.join("binary"), b"\0\x01\x02").unwrap();
    fs::write(path.join("empty"), "").unwrap();
    fs::write(
        path.join("with space and é \"quote\"\nnewline\tdiff --git "),
        "x\n",
    )
    .unwrap();
    fs::write(path.join("ignored"), "ignored\n").unwrap();
    fs::write(path.join("x.log"), "ignored\n").unwrap();
    symlink("a.txt", path.join("link")).unwrap();
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path.join(".gitignore"), mode).unwrap();
    assert_equal_to_git(&fixture, &workspace).await;
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    let of = |name: &str| changes.files.iter().find(|f| f.path == name).unwrap();
    assert_eq!(of("gone.txt").status, FileStatus::Deleted);
    assert_eq!(of("gone.txt").size_bytes, None);
    assert_eq!(of("src/moved.txt").status, FileStatus::Renamed);
    assert_eq!(of("staged.txt").lines_added, 2);
    assert_eq!(of(".gitignore").status, FileStatus::Modified);
    assert_eq!(of("binary").size_bytes, Some(3));
    assert!(of("binary").last_modified.is_some());
    assert!(!changes.files.iter().any(|f| f.path == "ignored"));
}

#[tokio::test]
async fn type_changes_and_non_utf8_names_are_counted() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::remove_file(workspace.path.join("a.txt")).unwrap();
    symlink("src/long.txt", workspace.path.join("a.txt")).unwrap();
    let name = Path::new(OsStr::from_bytes(b"caf\xe9.txt"));
    fs::write(workspace.path.join(name), "x\ny\n").unwrap();
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    let paths: Vec<_> = changes.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["a.txt", "caf\u{fffd}.txt"]);
    assert_eq!(changes.files[1].lines_added, 2);
    assert_eq!(changes.files[1].size_bytes, Some(4));
    let all = fixture
        .workspaces
        .diff(&workspace, &DiffQuery::default())
        .await
        .unwrap();
    assert_eq!(all.files[0].diff.matches("diff --git ").count(), 2);
    assert_eq!(all.files[0].hunks.len(), 2);
    let query = DiffQuery::new(vec!["caf\u{fffd}.txt".to_owned()], 3).unwrap();
    let one = fixture.workspaces.diff(&workspace, &query).await.unwrap();
    assert_eq!(one.files, all.files[1..]);
}

#[tokio::test]
async fn files_of_nested_repositories_are_changes() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let with_commit = workspace.path.join("with-commit");
    fs::create_dir(&with_commit).unwrap();
    git(&with_commit, &["init", "-q"]);
    fs::write(with_commit.join("x"), "x\n").unwrap();
    commit(&with_commit, "inside");
    let without = workspace.path.join("without-commit");
    fs::create_dir(&without).unwrap();
    git(&without, &["init", "-q"]);
    fs::write(without.join(".gitignore"), "build\n").unwrap();
    fs::write(without.join("build"), "ignored\n").unwrap();
    fs::write(workspace.path.join("zzz"), "z\n").unwrap();
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    let paths: Vec<_> = changes.files.iter().map(|f| f.path.as_str()).collect();
    let expected = ["with-commit/x", "without-commit/.gitignore", "zzz"];
    assert_eq!(paths, expected);
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    let [note] = &sealed.notes[..] else {
        panic!("{:?}", sealed.notes);
    };
    assert!(note.contains("but not their history"), "{note}");
    assert!(
        note.contains("`with-commit`") && note.contains("`without-commit`"),
        "{note}"
    );
}

#[tokio::test]
async fn edit_with_equal_length_and_time_is_detected() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    // As if checkout, edit and index had the same file time stamp.
    git(&workspace.path, &["config", "core.trustctime", "false"]);
    let path = workspace.path.join("gone.txt");
    let index = git(&workspace.path, &["rev-parse", "--git-path", "index"]);
    let tick = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let stamp = |path: &Path| {
        let file = File::options().append(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(tick)).unwrap();
    };
    stamp(&path);
    git(&workspace.path, &["update-index", "--refresh"]);
    fs::write(&path, "TO BE DELETED\n").unwrap();
    stamp(&path);
    stamp(&workspace.path.join(index.trim()));
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(changes.summary.files_changed, 1);
}

#[tokio::test]
async fn reading_changes_does_not_modify_the_workspace() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::write(workspace.path.join("new.txt"), "only looked at\n").unwrap();
    git(&workspace.path, &["add", "-N", "new.txt"]);
    let index = git(&workspace.path, &["rev-parse", "--git-path", "index"]);
    let index = workspace.path.join(index.trim());
    let state = || {
        let objects = git(&workspace.path, &["count-objects", "-v"]);
        let refs = git(&workspace.path, &["for-each-ref"]);
        (fs::read(&index).unwrap(), objects, refs)
    };
    let before = state();
    fixture.workspaces.changes(&workspace).await.unwrap();
    fixture
        .workspaces
        .diff(&workspace, &DiffQuery::default())
        .await
        .unwrap();
    assert_eq!(state(), before);
    let git_dir = index.parent().unwrap();
    let left = fs::read_dir(git_dir)
        .unwrap()
        .map(|e| e.unwrap().file_name());
    assert!(
        left.into_iter()
            .all(|n| !n.to_string_lossy().starts_with("ah-look-"))
    );
}

#[tokio::test]
async fn workspace_without_git_folder_is_readable() {
    let fixture = Fixture::new();
    fs::write(
        fixture.repository().join("kept.log"),
        "tracked though ignored\n",
    )
    .unwrap();
    git(&fixture.repository(), &["add", "-f", "kept.log"]);
    commit(&fixture.repository(), "an ignored file");
    let workspace = fixture.provision().await;
    let index = git(&workspace.path, &["rev-parse", "--git-path", "index"]);
    fs::remove_file(workspace.path.join(index.trim())).unwrap();
    fs::remove_dir_all(workspace.path.join(".git")).unwrap();
    fs::write(workspace.path.join("a.txt"), "one\n").unwrap();
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    assert_eq!(changes.files.len(), 1, "{changes:?}");
    assert_eq!(changes.summary.lines_removed, 3);
}

#[tokio::test]
async fn diff_respects_files_and_context() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let path = workspace.path.join("src/long.txt");
    let long = fs::read_to_string(&path).unwrap();
    fs::write(&path, long.replace("line 20\n", "line twenty\n")).unwrap();
    fs::rename(
        workspace.path.join("gone.txt"),
        workspace.path.join("here.txt"),
    )
    .unwrap();
    fs::write(workspace.path.join("new.txt"), "new\n").unwrap();
    let ask = |files: &[&str], context| {
        DiffQuery::new(files.iter().map(|f| (*f).to_owned()).collect(), context).unwrap()
    };
    for (context, lines) in [(0, 1), (3, 7), (10, 21)] {
        let query = ask(&["src/long.txt"], context);
        let diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
        assert_eq!(diff.files.len(), 1);
        let file = &diff.files[0];
        assert_eq!((file.hunks.len(), file.hunks[0].new_lines), (1, lines));
        assert_eq!((file.context_lines, file.full_file), (context, false));
    }
    let query = ask(&["src/long.txt"], 3).whole_files();
    let diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
    assert_eq!(diff.files[0].hunks[0].new_lines, 40);
    assert!(diff.files[0].full_file);
    let query = ask(&["a.txt", "no/such", "*.txt"], 3);
    let diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
    assert!(diff.files.is_empty());
    for name in ["gone.txt", "here.txt"] {
        let diff = fixture
            .workspaces
            .diff(&workspace, &ask(&[name], 3))
            .await
            .unwrap();
        assert_eq!(diff.files.len(), 1);
        assert_eq!(diff.files[0].old_path.as_deref(), Some("gone.txt"));
        assert_eq!(diff.files[0].status, FileStatus::Renamed);
    }
}

#[tokio::test]
async fn git_settings_of_the_agent_have_no_effect() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::write(workspace.path.join("a.txt"), "one\n").unwrap();
    let plain = fixture
        .workspaces
        .diff(&workspace, &DiffQuery::default())
        .await
        .unwrap();
    let marker = fixture.folder.path().join("ran");
    let run = format!("touch {}", marker.display());
    for (key, value) in [
        ("diff.external", run.as_str()),
        ("core.fsmonitor", &run),
        ("color.ui", "always"),
        ("diff.noprefix", "true"),
        ("diff.context", "0"),
        ("core.safecrlf", "true"),
    ] {
        git(&workspace.path, &["config", key, value]);
    }
    let diff = fixture
        .workspaces
        .diff(&workspace, &DiffQuery::default())
        .await
        .unwrap();
    assert_eq!(diff, plain);
    assert!(!marker.exists());
}

#[tokio::test]
async fn end_snapshot_replaces_a_removed_folder() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::write(workspace.path.join("a.txt"), "one\n").unwrap();
    fs::write(workspace.path.join("bin"), b"\0\0").unwrap();
    fs::write(workspace.path.join(".gitattributes"), "*.txt binary\n").unwrap();
    let commit = fixture
        .workspaces
        .snapshot(&workspace, "end")
        .await
        .unwrap();
    let store = workspace.store.as_ref().unwrap();
    let parent = git(store, &["rev-parse", &format!("{commit}^")]);
    assert_eq!(parent.trim(), workspace.base_commit);
    let query = DiffQuery::default();
    let live = fixture.workspaces.changes(&workspace).await.unwrap();
    let live_diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
    fs::remove_dir_all(&workspace.path).unwrap();
    assert!(live.files.iter().any(|f| f.path == "a.txt" && f.is_binary));
    let mut kept = fixture.workspaces.changes(&workspace).await.unwrap();
    assert!(kept.files.iter().all(|f| f.last_modified.is_none()));
    for (kept, live) in kept.files.iter_mut().zip(&live.files) {
        kept.last_modified = live.last_modified;
    }
    assert_eq!(kept, live);
    assert_eq!(
        fixture.workspaces.diff(&workspace, &query).await.unwrap(),
        live_diff
    );
    let error = fixture
        .workspaces
        .snapshot(&workspace, "later")
        .await
        .unwrap_err();
    assert!(
        matches!(error, WorkspaceError::WorkspaceGone { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_workspace_without_its_mirror_is_gone() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::remove_dir_all(fixture.mirror()).unwrap();
    let error = fixture.workspaces.changes(&workspace).await.unwrap_err();
    assert!(
        matches!(error, WorkspaceError::WorkspaceGone { .. }),
        "{error}"
    );
}

/// Damages every object file below `folder`.
fn damage(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
        } else {
            fs::remove_file(&path).unwrap();
            fs::write(&path, "damaged").unwrap();
        }
    }
}

#[tokio::test]
async fn changes_of_an_ended_session_are_read_without_its_mirror() {
    for lose in [
        |mirror: &Path| fs::remove_dir_all(mirror).unwrap(),
        |mirror: &Path| damage(&mirror.join("objects")),
        |mirror: &Path| fs::remove_dir_all(mirror.join("objects")).unwrap(),
        |mirror: &Path| fs::write(mirror.join("config"), "[").unwrap(),
    ] {
        for has_folder in [true, false] {
            let fixture = Fixture::new();
            let at = |name: &str| fixture.repository().join(name);
            fs::create_dir_all(at("deep/down")).unwrap();
            fs::write(at("deep/down/a.dat"), "one\n").unwrap();
            fs::write(at("deep/.gitattributes"), "*.dat binary\n").unwrap();
            let old: String = (0..100).map(|line| format!("{line}\n")).collect();
            fs::write(at("old.txt"), old).unwrap();
            commit(&fixture.repository(), "more");
            let workspace = fixture.provision().await;
            let at = |name: &str| workspace.path.join(name);
            fs::write(at("deep/down/a.dat"), "two\n").unwrap();
            fs::rename(at("old.txt"), at("new.txt")).unwrap();
            fs::write(at("added.txt"), "added\n").unwrap();
            fixture.workspaces.seal(&workspace).await.unwrap();
            if !has_folder {
                fs::remove_dir_all(&workspace.path).unwrap();
            }
            let query = DiffQuery::default();
            let diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
            assert_eq!(diff.files.len(), 3, "{diff:?}");
            let changes = fixture.workspaces.changes(&workspace).await.unwrap();
            lose(&fixture.mirror());
            let after = fixture.workspaces.diff(&workspace, &query).await.unwrap();
            assert_eq!(after, diff);
            let after = fixture.workspaces.changes(&workspace).await.unwrap();
            let sizes =
                |all: &Changes| all.files.iter().map(|it| it.size_bytes).collect::<Vec<_>>();
            assert_eq!(sizes(&after), sizes(&changes));
            assert_eq!(after.summary, changes.summary);
        }
    }
}

#[tokio::test]
async fn a_large_patch_leaves_the_others_whole() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let lines = 3_000_000;
    let large: String = (0..lines).map(|line| format!("{line}\n")).collect();
    assert!(large.len() > 16 << 20);
    fs::write(workspace.path.join("big.txt"), large).unwrap();
    fs::write(workspace.path.join("small.txt"), "small\n").unwrap();
    let query = DiffQuery::default();
    let diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
    let [big, small] = &diff.files[..] else {
        panic!("{} files", diff.files.len());
    };
    assert!(big.is_truncated && !big.is_binary);
    assert_eq!((big.lines_added, big.diff.as_str()), (lines, ""));
    assert!(big.hunks.is_empty());
    assert!(!small.is_truncated && small.diff.ends_with("+small\n"));
    assert_eq!(diff.total_lines_added, lines + 1);
}

#[tokio::test]
async fn files_over_the_limit_are_listed_without_content() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    let large = |name: &str, mib: u64| {
        let file = File::create(workspace.path.join(name)).unwrap();
        file.set_len(mib << 20).unwrap();
    };
    // The limit of a new file, and that of one that the base has.
    large("src/new.bin", 33);
    large("a.txt", 257);
    fs::write(workspace.path.join("small.txt"), "small\n").unwrap();
    let changes = fixture.workspaces.changes(&workspace).await.unwrap();
    let files = changes.files.iter();
    let files: Vec<_> = files
        .map(|it| (it.path.as_str(), it.status, it.is_truncated, it.size_bytes))
        .collect();
    let expected = [
        ("a.txt", FileStatus::Modified, true, Some(257 << 20)),
        ("small.txt", FileStatus::Added, false, Some(6)),
        ("src/new.bin", FileStatus::Added, true, Some(33 << 20)),
    ];
    assert_eq!(files, expected);
    let query = DiffQuery::default();
    let diff = fixture.workspaces.diff(&workspace, &query).await.unwrap();
    let truncated: Vec<_> = diff.files.iter().map(|it| it.is_truncated).collect();
    assert_eq!(truncated, [true, false, true]);
    assert!(diff.files[1].diff.ends_with("+small\n"));
    let sealed = fixture.workspaces.seal(&workspace).await.unwrap();
    assert_eq!(sealed.summary, changes.summary);
    assert_eq!(sealed.summary.files_changed, 3);
}

#[tokio::test]
async fn removed_folder_without_a_snapshot_is_an_error() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    fs::remove_dir_all(&workspace.path).unwrap();
    let error = fixture.workspaces.changes(&workspace).await.unwrap_err();
    assert!(error.to_string().contains("no longer exists at"), "{error}");
    let error = fixture
        .workspaces
        .diff(&workspace, &DiffQuery::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, WorkspaceError::WorkspaceGone { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn snapshot_names_are_validated() {
    let fixture = Fixture::new();
    let workspace = fixture.provision().await;
    for name in ["", "base", "../x", "A", "a b", &"x".repeat(65)] {
        let error = fixture
            .workspaces
            .snapshot(&workspace, name)
            .await
            .unwrap_err();
        assert!(
            matches!(error, WorkspaceError::SnapshotName { .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn non_utf8_text_has_counts_but_no_patch() {
    let fixture = Fixture::new();
    fs::write(fixture.repository().join("latin.txt"), b"caf\xe9\n").unwrap();
    commit(&fixture.repository(), "Write in Latin-1");
    let workspace = fixture.provision().await;
    fs::write(workspace.path.join("latin.txt"), b"caf\xe9\nth\xe9\n").unwrap();
    fs::write(workspace.path.join("plain.txt"), "plain\n").unwrap();
    let diff = fixture
        .workspaces
        .diff(&workspace, &DiffQuery::default())
        .await
        .unwrap();
    let [latin, plain] = &diff.files[..] else {
        panic!("{diff:#?}")
    };
    assert_eq!((latin.lines_added, latin.lines_removed), (1, 0));
    assert!(latin.is_binary && latin.diff.is_empty() && latin.hunks.is_empty());
    assert!(!plain.is_binary && plain.diff.contains("+plain"));
}

#[tokio::test]
async fn changes_are_counted_in_folders_of_any_name() {
    for name in [
        "co:lon",
        "\"quoted\"",
        "a\"b:c",
        "back\\sl:ash",
        "new\nli:ne",
        " sp ace ",
        "ünï",
        "*?[x]",
        "$HOME",
        "-dash",
        "~",
        "per%41",
    ] {
        let fixture = Fixture::new();
        let folder = fixture.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        let repository = folder.join(name);
        fs::rename(fixture.repository(), &repository).unwrap();
        let workspaces = workspaces_of(&folder.join("home"));
        let request = WorkspaceRequest {
            source: Some(RepositorySource::Path(repository)),
            ..fixture.request()
        };
        let workspace = workspaces.provision(&request).await.unwrap();
        fs::write(workspace.path.join(name.replace('/', "_")), "one\n").unwrap();
        let changes = workspaces.changes(&workspace).await;
        let changes = changes.unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(changes.summary.files_changed, 1, "{name:?}");
        workspaces.snapshot(&workspace, "end").await.unwrap();
    }
}

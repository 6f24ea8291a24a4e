//! Scans of folders without git.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::AtomicBool;

use rustix::fs::{CWD, Mode as FileMode};

use super::*;

fn scanned(folder: &Path, start: &Start, bounds: Bounds) -> (Vec<String>, Vec<(String, Reason)>) {
    let scan = scan(folder, start, bounds, &AtomicBool::new(false)).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut found: Vec<_> = scan
        .differences
        .iter()
        .map(|it| match it {
            Difference::Gone(path) => format!("gone {}", text(path)),
            Difference::File { path, .. } => format!("file {}", text(path)),
            Difference::Link(path) => format!("link {}", text(path)),
            Difference::Commit { path, id } => format!("commit {} {id}", text(path)),
        })
        .collect();
    found.sort();
    let mut left: Vec<_> = scan
        .left_out
        .iter()
        .map(|it| (text(&it.path), it.reason))
        .collect();
    left.sort();
    (found, left)
}

#[test]
fn pipes_sockets_and_names_that_git_refuses_are_named_and_never_opened() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mode = FileMode::from_raw_mode(0o600);
    for name in [".gitignore", ".gitattributes", "pipe"] {
        rustix::fs::mkfifoat(CWD, at(name), mode).unwrap();
    }
    let _socket = UnixListener::bind(at("socket")).unwrap();
    fs::create_dir(at(".GIT")).unwrap();
    fs::write(at(".GIT/x"), "x").unwrap();
    symlink("x", at(".gitmodules")).unwrap();
    symlink("nowhere", at("link")).unwrap();
    fs::write(at("file"), "x").unwrap();
    let (found, left) = scanned(folder.path(), &Start::default(), Bounds::default());
    assert_eq!(found, ["file file", "link link"]);
    let expected = [
        (".GIT", Reason::Name),
        (".gitattributes", Reason::Special),
        (".gitignore", Reason::Special),
        (".gitmodules", Reason::Name),
        ("pipe", Reason::Special),
        ("socket", Reason::Special),
    ];
    assert_eq!(
        left,
        expected.map(|(path, reason)| (path.to_owned(), reason))
    );
}

#[test]
fn bounds_of_size_leave_out_what_exceeds_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let sparse = fs::File::create(at("huge")).unwrap();
    sparse.set_len(10 << 30).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(at(name), [b'x'; 40]).unwrap();
    }
    let bounds = Bounds {
        file_bytes: 50,
        total_bytes: 100,
        ..Bounds::default()
    };
    let (found, left) = scanned(folder.path(), &Start::default(), bounds);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        left.contains(&("huge".to_owned(), Reason::TooLarge(50))),
        "{left:?}"
    );
    assert_eq!(
        left.iter().filter(|it| it.1 == Reason::Full(100)).count(),
        1
    );
}

#[test]
fn an_unfinished_scan_says_so_and_takes_nothing_for_gone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    for n in 0..600 {
        fs::write(folder.path().join(format!("a/{n}")), "x").unwrap();
    }
    let entry = |path: &str| Entry {
        path: path.into(),
        kind: Kind::File,
        id: vec![0; 20],
        stamp: Stamp {
            changed: (0, 0),
            modified: (0, 0),
            inode: 0,
            size: 0,
        },
    };
    let start = Start {
        entries: vec![entry("a/tracked"), entry("b")],
        ..Start::default()
    };
    let bounds = Bounds {
        entries: 100,
        ..Bounds::default()
    };
    let (found, left) = scanned(folder.path(), &start, bounds);
    assert_eq!(found, ["gone b"]);
    assert_eq!(left, [("a".to_owned(), Reason::Unfinished)]);
    let interrupted = AtomicBool::new(true);
    let scan = scan(folder.path(), &start, Bounds::default(), &interrupted).unwrap();
    assert_eq!(scan.differences, []);
}

#[test]
fn a_folder_that_cannot_be_read_is_named_and_its_files_are_not_gone() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root reads everything");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    let (found, left) = scanned(folder.path(), &Start::default(), Bounds::default());
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(found, [""; 0]);
    assert_eq!(left, [("closed".to_owned(), Reason::Unreadable)]);
}

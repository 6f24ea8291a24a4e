//! After arbitrary edits of a workspace, the reported changes equal git's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::changes::assert_equal_to_git;
use crate::fixture::{Fixture, git};

const NAMES: [&str; 8] = [
    "a.txt",
    "gone.txt",
    "src/long.txt",
    "src/new",
    "d/e/f",
    "sp ace",
    "é",
    ".gitignore",
];

#[derive(Clone, Debug)]
enum Edit {
    Write(usize, Vec<u8>),
    Append(usize, String),
    Delete(usize),
    Rename(usize, usize),
    Executable(usize),
    Link(usize),
    Stage,
    Unstage(usize),
    Commit,
}

fn edit() -> impl Strategy<Value = Edit> {
    let name = || 0..NAMES.len();
    let text = "([a-c]{0,3}\r?\n){0,6}[a-c]?";
    prop_oneof![
        3 => (name(), text).prop_map(|(n, t)| Edit::Write(n, t.into_bytes())),
        1 => (name(), vec(any::<u8>(), 0..40)).prop_map(|(n, b)| Edit::Write(n, b)),
        2 => (name(), text).prop_map(|(n, t)| Edit::Append(n, t)),
        2 => name().prop_map(Edit::Delete),
        3 => (name(), name()).prop_map(|(a, b)| Edit::Rename(a, b)),
        1 => name().prop_map(Edit::Executable),
        1 => name().prop_map(Edit::Link),
        1 => Just(Edit::Stage),
        1 => name().prop_map(Edit::Unstage),
        1 => Just(Edit::Commit),
    ]
}

/// Applies the edit if possible.
fn apply(root: &Path, edit: &Edit) {
    let at = |n: &usize| root.join(NAMES[*n]);
    let is_file = |path: &Path| fs::symlink_metadata(path).is_ok_and(|m| m.is_file());
    match edit {
        Edit::Write(n, bytes) => {
            fs::create_dir_all(at(n).parent().unwrap()).unwrap();
            fs::remove_file(at(n)).ok();
            fs::write(at(n), bytes).unwrap();
        }
        Edit::Append(n, text) if is_file(&at(n)) => {
            let mut bytes = fs::read(at(n)).unwrap();
            bytes.extend_from_slice(text.as_bytes());
            fs::write(at(n), bytes).unwrap();
        }
        Edit::Delete(n) => drop(fs::remove_file(at(n))),
        Edit::Rename(from, to) if fs::symlink_metadata(at(from)).is_ok() => {
            fs::create_dir_all(at(to).parent().unwrap()).unwrap();
            fs::rename(at(from), at(to)).unwrap();
        }
        Edit::Executable(n) if is_file(&at(n)) => {
            fs::set_permissions(at(n), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Edit::Link(n) => {
            fs::create_dir_all(at(n).parent().unwrap()).unwrap();
            fs::remove_file(at(n)).ok();
            symlink("nowhere", at(n)).unwrap();
        }
        Edit::Stage => drop(git(root, &["add", "-A"])),
        Edit::Unstage(n) => {
            // Forced, as it may be staged and changed.
            let args = [
                "rm",
                "-q",
                "-f",
                "--cached",
                "--ignore-unmatch",
                "--",
                NAMES[*n],
            ];
            git(root, &args);
        }
        Edit::Commit => {
            git(root, &["commit", "-q", "--allow-empty", "-m", "work"]);
        }
        Edit::Append(..) | Edit::Rename(..) | Edit::Executable(..) => {}
    }
}

#[test]
fn changes_match_git_for_any_edits() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let fixture = Fixture::new();
    let config = Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&vec(edit(), 1..14), |edits| {
        runtime.block_on(async {
            let workspace = fixture.provision().await;
            for edit in &edits {
                apply(&workspace.path, edit);
            }
            assert_equal_to_git(&fixture, &workspace).await;
            fixture.workspaces.remove(workspace.session).await.unwrap();
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

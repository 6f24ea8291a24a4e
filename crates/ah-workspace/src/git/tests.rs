use std::time::Duration;

use super::{Git, OUTPUT_MAX};
use crate::WorkspaceError;
use crate::lock::FileLock;

const LONG: Duration = Duration::from_secs(30);

fn git() -> Git {
    Git::new(std::env::vars_os())
}

#[tokio::test]
async fn timed_out_call_ends_with_its_child_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.lock");
    let lock = FileLock::acquire(&path, LONG).await.unwrap();
    let git = git();
    let call = git.call("wait", ["-c", "alias.wait=!sleep 600 & wait", "wait"]);
    let call = call.under(&lock).within(Duration::from_millis(100));
    let error = call.run().await.unwrap_err();
    assert!(
        matches!(error, WorkspaceError::GitTimeout { .. }),
        "{error}"
    );
    drop(lock);
    // Free only after the last process with the lock as its standard input has ended.
    FileLock::acquire(&path, LONG).await.unwrap();
}

#[tokio::test]
async fn oversized_output_is_an_error() {
    let git = git();
    let call = git.call("go on and on", ["-c", "alias.y=!cat /dev/zero", "y"]);
    let error = call.run().await.unwrap_err();
    let limited = |e: &WorkspaceError| matches!(e, WorkspaceError::GitOutput { limit_bytes, .. } if *limit_bytes == OUTPUT_MAX);
    assert!(limited(&error), "{error}");
}

#[tokio::test]
async fn environment_does_not_redirect_git() {
    let lead = |name: &str| (name.into(), "/elsewhere".into());
    let names = [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_CONFIG_COUNT",
    ];
    let git = Git::new(std::env::vars_os().chain(names.map(lead)));
    let call = git.call("tell", ["-c", "alias.e=!env", "e"]);
    let seen = call.text().await.unwrap();
    assert!(!seen.contains("/elsewhere"), "{seen}");
}

#[tokio::test]
async fn missing_git_is_reported() {
    let git = Git::new([("PATH".into(), "/nowhere".into())]);
    let error = git.check().await.unwrap_err();
    assert_eq!(error.to_string(), "failed to start `git`");
    assert!(error.help().starts_with("Install git"));
}

#[tokio::test]
async fn error_contains_the_reason_of_git() {
    let git = git();
    let call = git.call("do what it cannot", ["no-such-command"]);
    let error = call.run().await.unwrap_err().to_string();
    assert!(
        error.starts_with("git failed to do what it cannot: git: 'no-such"),
        "{error}"
    );
}

//! Reads of workspaces that are being removed, are gone, or cannot be read.

use ah_engine::LocalTaskManager;
use ah_engine::testing::Behavior;
use ah_executor::{ExecutorError, WorkspaceLost};
use ah_rest_api_contract::{
    DiffQuery, ErrorKind, FileQuery, SessionId, SessionStatus as S, TaskManager, TaskManagerError,
};

use crate::world::{World, a_task, launch, until_status};

/// An error as git reports it, with a path of the host.
fn words_of_git() -> ExecutorError {
    ExecutorError::caused_by(
        "git failed to list the changed files",
        std::io::Error::other("fatal: unable to stat '/workspaces/01/d11/f0.txt'"),
    )
}

/// Returns the errors of both kinds of reads.
async fn reads(engine: &LocalTaskManager, id: SessionId) -> [TaskManagerError; 2] {
    let files = engine.list_session_files(id, FileQuery::default()).await;
    let diff = engine.get_session_diff(id, DiffQuery::default()).await;
    [files.unwrap_err(), diff.unwrap_err()]
}

fn assert_all(errors: [TaskManagerError; 2], kind: ErrorKind) {
    for error in errors {
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(
            !text.contains("git") && !text.contains("/workspaces"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_a_cancellation_removes_is_a_conflict() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    assert!(
        engine
            .list_session_files(id, FileQuery::default())
            .await
            .is_ok()
    );
    world.host.make_unreadable(words_of_git);
    engine.cancel_session(id).await.unwrap();
    // Before and after the end of the session.
    assert_all(reads(&engine, id).await, ErrorKind::Conflict);
    until_status(&engine, id, S::Cancelled).await;
    assert_all(reads(&engine, id).await, ErrorKind::Conflict);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_gone_or_unreadable_is_reported_without_the_words_of_git() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    world.host.make_unreadable(words_of_git);
    assert_all(reads(&engine, id).await, ErrorKind::Internal);
    world.host.make_unreadable(|| {
        ExecutorError::caused_by("the workspace is gone at `/workspaces/01`", WorkspaceLost)
    });
    assert_all(reads(&engine, id).await, ErrorKind::Gone);
    world.host.make_unreadable(|| {
        ExecutorError::caused_by(
            "failed to start git in `/workspaces/01`",
            std::io::Error::from_raw_os_error(24),
        )
    });
    assert_all(reads(&engine, id).await, ErrorKind::Unavailable);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_after_the_end_is_gone_unless_a_retry_may_help() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    engine.stop_session(id, None).await.unwrap();
    until_status(&engine, id, S::Stopped).await;
    world.host.make_unreadable(words_of_git);
    let errors = reads(&engine, id).await;
    let text = errors[0].to_string();
    for part in ["damaged or removed after its end", "launch the task again"] {
        assert!(text.contains(part), "{text}");
    }
    assert_all(errors, ErrorKind::Gone);
    world.host.make_unreadable(|| {
        let cause = std::io::Error::from(std::io::ErrorKind::TimedOut);
        ExecutorError::caused_by("git did not print the diff within 60 s", cause)
    });
    assert_all(reads(&engine, id).await, ErrorKind::Unavailable);
    engine.shutdown().await;
}

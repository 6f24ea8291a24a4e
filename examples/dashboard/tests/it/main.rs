//! The dashboard with a mock on a paused clock: a session of minutes takes milliseconds, and every
//! run is identical.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    ErrorKind, EventSeq, PageRequest, PermissionAnswer, PermissionState, PromptState,
    RECENT_EVENTS_MAX, RepoConfig, SessionId, TaskLaunchParams, TaskManager,
};
use ah_rest_mock_client::{Fault, MockBuilder, MockMethod, MockTaskManager, ScriptBuilder};
use dashboard::{Board, Dashboard, draw};
use tokio::time::{Instant, timeout};

/// Longer than any session of these tests, on the mock's clock.
const LONG: Duration = Duration::from_secs(3600);

async fn open(mock: MockBuilder) -> (Arc<MockTaskManager>, Dashboard) {
    let mock = Arc::new(mock.build());
    let dashboard = Dashboard::open(mock.clone()).await.unwrap();
    (mock, dashboard)
}

/// A mock whose agent requests permission for one command.
fn asking() -> MockBuilder {
    let script = ScriptBuilder::new("asks")
        .ask("runCmd", "cargo publish")
        .say("done");
    MockTaskManager::builder().script(script.build())
}

async fn launch(dashboard: &mut Dashboard) -> SessionId {
    let launched = dashboard.launch("Take stock", None, "scenario").await;
    launched.unwrap().session_ids[0]
}

/// Applies changes until the board is as wanted.
async fn until(dashboard: &mut Dashboard, wanted: impl Fn(&Board) -> bool) {
    let follow = async {
        while !wanted(dashboard.board()) {
            dashboard.changed().await;
        }
    };
    let reached = timeout(LONG, follow).await;
    assert!(reached.is_ok(), "{}", draw(dashboard.board()));
}

fn nothing_lives(board: &Board) -> bool {
    board.counts().live() == 0
}

fn permission_is_pending(board: &Board) -> bool {
    board.counts().asking == 1
}

#[tokio::test(start_paused = true)]
async fn session_is_shown_from_launch_to_end() {
    let begun = Instant::now();
    let (_mock, mut dashboard) = open(MockTaskManager::builder()).await;
    launch(&mut dashboard).await;
    let mut seen = String::new();
    while !nothing_lives(dashboard.board()) {
        let card = dashboard.board().cards()[0];
        assert!(card.session().recent_events.len() <= RECENT_EVENTS_MAX);
        seen.push_str(&draw(dashboard.board()));
        dashboard.changed().await;
    }
    for shown in [
        "1 running",
        "Take stock",
        "    thinks",
        "    uses",
        "    has used",
        "    edits",
    ] {
        assert!(seen.contains(shown), "{shown}: {seen}");
    }
    // An ended session has neither requests nor activity.
    let end = draw(dashboard.board());
    assert!(end.contains("1 completed"), "{end}");
    assert!(!end.contains("    thinks"), "{end}");
    assert!(
        begun.elapsed() > Duration::from_secs(60),
        "by the mock's clock"
    );
}

#[tokio::test(start_paused = true)]
async fn session_of_another_client_appears() {
    let (mock, mut dashboard) = open(MockTaskManager::builder()).await;
    let params = TaskLaunchParams::builder("By another", RepoConfig::none(), "scenario").build();
    mock.launch_task(params.unwrap()).await.unwrap();
    until(&mut dashboard, |board| board.counts().running == 1).await;
    assert!(draw(dashboard.board()).contains("By another"));
}

#[tokio::test(start_paused = true)]
async fn permission_request_is_shown_until_answered() {
    let (mock, mut dashboard) = open(asking()).await;
    let session = launch(&mut dashboard).await;
    until(&mut dashboard, permission_is_pending).await;
    let asked = draw(dashboard.board());
    assert!(
        asked.contains("waits    for permission to use runCmd"),
        "{asked}"
    );
    // A client that connects later sees the request as well.
    let late = Dashboard::open(mock.clone()).await.unwrap();
    assert!(permission_is_pending(late.board()));

    let permission = mock
        .list_permissions(session, PageRequest::largest())
        .await
        .unwrap()
        .items
        .remove(0);
    assert_eq!(permission.state, PermissionState::Pending);
    let leave = permission.request.option_for(true).unwrap().id.clone();
    let answer = PermissionAnswer::Select(leave);
    mock.answer_permission(session, permission.request.request_id, answer)
        .await
        .unwrap();
    until(&mut dashboard, |board| board.counts().asking == 0).await;
    until(&mut dashboard, nothing_lives).await;
}

#[tokio::test(start_paused = true)]
async fn prompt_is_sent_while_the_agent_runs() {
    let (mock, mut dashboard) = open(asking()).await;
    let session = launch(&mut dashboard).await;
    until(&mut dashboard, permission_is_pending).await;
    assert!(dashboard.board().card(session).unwrap().takes_prompts());
    let receipt = dashboard.prompt(session, "Now the tests").await.unwrap();
    let prompts = mock
        .list_prompts(session, PageRequest::largest())
        .await
        .unwrap()
        .items;
    let prompt = prompts
        .iter()
        .find(|prompt| prompt.id == receipt.prompt_id)
        .unwrap();
    assert_eq!(prompt.state, PromptState::Queued);

    mock.stop_session(session, None).await.unwrap();
    until(&mut dashboard, nothing_lives).await;
    assert!(!dashboard.board().card(session).unwrap().takes_prompts());
    let error = dashboard.prompt(session, "And now?").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
}

#[tokio::test(start_paused = true)]
async fn broken_streams_do_not_change_the_view() {
    let mut ends = Vec::new();
    for cut in [None, Some(3), Some(20)] {
        let mut mock = MockTaskManager::builder();
        if let Some(seq) = cut {
            mock = mock.cut_streams_at(EventSeq::new(seq));
        }
        let (_mock, mut dashboard) = open(mock).await;
        launch(&mut dashboard).await;
        until(&mut dashboard, nothing_lives).await;
        // After one more reading of the list, everything is shown.
        dashboard.changed().await;
        ends.push(draw(dashboard.board()));
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0], ends[2]);
}

#[tokio::test(start_paused = true)]
async fn errors_are_shown_until_the_next_success() {
    let (mock, mut dashboard) = open(MockTaskManager::builder()).await;
    mock.fail(
        MockMethod::ListSessions,
        Fault::new(ErrorKind::Unavailable).times(1),
    );
    until(&mut dashboard, |board| board.notice().is_some()).await;
    assert!(draw(dashboard.board()).contains("\n! "));
    until(&mut dashboard, |board| board.notice().is_none()).await;
}

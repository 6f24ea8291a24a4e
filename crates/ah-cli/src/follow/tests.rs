use ah_rest_mock_client::MockTaskManager;

use crate::fake::script::{EventScript, SESSION, demo};
use crate::fake::session;
use crate::terminal::Terminal;

use super::*;

/// Follows a scripted session, with no stream attached to a terminal.
async fn watched(
    events: Vec<SessionEvent>,
    change: impl FnOnce(&mut ah_rest_api_contract::Session),
) -> Result<FollowEnd, String> {
    let mut session = session(SESSION);
    change(&mut session);
    let mock = MockTaskManager::builder().session(session, events);
    let manager: Arc<dyn TaskManager> = Arc::new(mock.build());
    let watch_this = Watch {
        sessions: vec![SESSION.parse().expect("is an id")],
        after: EventSeq::START,
        form: Form::Text,
    };
    let mut screen = Screen::new(Terminal::detect(true));
    let mut signals = Signals::listen().map_err(|failure| failure.to_string())?;
    watch(&manager, &watch_this, &mut screen, &mut signals)
        .await
        .map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn session_is_followed_to_its_end() {
    assert_eq!(
        watched(demo(), |_| {}).await,
        Ok(FollowEnd::Ended(ExitCode::Ok))
    );
}

#[tokio::test]
async fn exit_code_reflects_the_end() {
    let events = EventScript::default()
        .status("running")
        .status("stopped")
        .events();
    let ended = watched(events, |session| {
        session.status = ah_rest_api_contract::SessionStatus::Stopped;
    });
    assert_eq!(ended.await, Ok(FollowEnd::Ended(ExitCode::Stopped)));
}

#[tokio::test]
async fn broken_stream_is_a_failure() {
    let events = EventScript::default().status("running").events();
    assert_eq!(
        watched(events, |_| {}).await,
        Err(format!(
            "the event stream of session {SESSION} ended before the session did"
        ))
    );
}

#[test]
fn a_detach_names_the_command_to_attach_again() {
    let id = SESSION.parse().expect("is an id");
    let (that, how) = reattach_message(&[id]);
    assert_eq!(that, format!("session {SESSION} keeps running"));
    assert_eq!(how, "follow it with `ah session follow AAAAAAA1`");
    assert_eq!(reattach_message(&[id, id]).0, "2 sessions keep running");
}

use ah_recorder::protocol::EndCause;

use crate::fixture::Session;

#[tokio::test]
async fn session_without_an_attendant_ends_at_its_time_limit() {
    let mut session = Session::new("hang");
    session.spec.timeout_ms = Some(100);
    session.spawn().await.unwrap();
    let end = session.assert_over().await;
    assert_eq!(end.cause, Some(EndCause::TimedOut));
    assert_eq!(
        end.reason.as_deref(),
        Some("the session exceeded its time limit")
    );
}

#[tokio::test]
async fn time_limit_applies_during_a_pause_and_with_an_idle_attendant() {
    use ah_recorder::protocol::Request;
    let mut session = Session::new("hang");
    session.spec.timeout_ms = Some(100);
    let mut attended = session.begin().await;
    attended.send(Request::Pause).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.cause, Some(EndCause::TimedOut));
}

#[tokio::test]
async fn interactive_agent_without_an_attendant_ends_at_its_idle_limit() {
    let mut session = Session::new("log done");
    session.spec.idle_ms = Some(50);
    session.spawn().await.unwrap();
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.cause), (Some(0), Some(EndCause::Idle)));
}

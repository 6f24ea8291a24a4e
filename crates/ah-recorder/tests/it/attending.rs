use ah_recorder::protocol::{Fact, JournalEntry, RecorderFrame, Request, ShutdownManner};
use ah_recorder::{AttachError, RecorderConnection};
use ah_recorder::{SpawnError, is_alive};

use ah_rest_api_contract::{AgentState, RecorderInfo};

use crate::fixture::{PATIENCE, Session, is_turn_end, log_text};

#[tokio::test]
async fn agent_continues_without_an_attendant_and_no_record_is_lost() {
    let session = Session::new("logs 3000");
    let mut attended = session.begin().await;
    let agent = attended.connection.welcome().agent_pid.unwrap();
    attended.until_log("7").await;
    let from = attended.next;
    let mut seen = attended.seen.clone();
    drop(attended);

    let mut attended = session.attach(2, from).await;
    assert_eq!(attended.connection.welcome().agent_pid, Some(agent));
    attended.until_turn_end().await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    seen.append(&mut attended.seen);
    assert_eq!(seen, session.journal(), "each record once");
    let numbers: Vec<String> = seen
        .iter()
        .filter_map(log_text)
        .map(str::to_owned)
        .collect();
    assert_eq!(
        numbers,
        (0..3000).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    session.assert_over().await;
}

#[tokio::test]
async fn attendant_with_the_highest_fence_wins() {
    let session = Session::new("log begun\nhang");
    let mut first = session.begin().await;
    first.until_log("begun").await;
    let mut second = session.attach(5, 0).await;
    // Requests of the former owner are ignored, and its connection reports an error eventually.
    let late = async { while first.connection.send(Request::Interrupt).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, late).await.unwrap();
    first.until_closed().await;
    let refused = RecorderConnection::attach(&session.folder, 4, 0).await;
    assert!(
        matches!(refused, Err(AttachError::Refused(_))),
        "{refused:?}"
    );
    second.send(Request::Pause).await;
    second
        .until(|record| matches!(record.entry, JournalEntry::Fact(Fact::Paused)))
        .await;
    assert!(!second.seen.iter().any(is_turn_end), "{:#?}", second.seen);
}

#[tokio::test]
async fn many_sessions_run_side_by_side() {
    let sessions: Vec<Session> = (0..50).map(|_| Session::new("logs 20")).collect();
    let lives = sessions.iter().map(|session| async {
        let mut attended = session.begin().await;
        attended.until_turn_end().await;
        attended.shutdown(ShutdownManner::Finish).await;
        attended.until_closed().await;
        assert_eq!(attended.seen, session.journal());
        assert_eq!(session.assert_over().await.exit_code, Some(0));
    });
    futures::future::join_all(lives).await;
}

#[tokio::test]
async fn position_inside_a_record_is_rejected() {
    let session = Session::new("log begun");
    session.begin().await.until_turn_end().await;
    for from in [1, 1_000_000] {
        let refused = RecorderConnection::attach(&session.folder, 1, from).await;
        assert!(
            matches!(refused, Err(AttachError::Refused(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn ephemeral_events_follow_the_preceding_records() {
    let session = Session::new("log before\ndeltas 5\nlog after");
    let mut attended = session.begin().await;
    let mut order = Vec::new();
    let mut caught_up = 0;
    while order.last().map(String::as_str) != Some("after") {
        match attended.frame().await.unwrap() {
            RecorderFrame::Record { record, .. } => {
                order.extend(log_text(&record).map(str::to_owned));
            }
            RecorderFrame::CaughtUp => caught_up += 1,
            RecorderFrame::Ephemeral { event } => {
                assert_eq!(
                    order.last().map(String::as_str),
                    Some("before"),
                    "{event:?}"
                );
            }
        }
    }
    assert!(caught_up <= 1);
}

#[tokio::test]
async fn folder_is_used_by_one_recorder_once() {
    let session = Session::new("log begun");
    let (first, second) = tokio::join!(session.spawn(), session.spawn());
    first.unwrap();
    second.unwrap();
    let mut attended = session.attach(1, 0).await;
    attended.until_turn_end().await;
    assert_eq!(session.marked().len(), 1, "one agent");
    session.spawn().await.unwrap();
    assert_eq!(session.marked().len(), 1, "still one agent");
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    session.assert_over().await;
    assert!(!is_alive(&session.folder).unwrap());
    assert!(matches!(
        session.spawn().await,
        Err(SpawnError::AlreadyRan { .. })
    ));
    let attached = RecorderConnection::attach(&session.folder, 9, 0).await;
    assert!(matches!(attached, Err(AttachError::NotRunning)));
}

#[tokio::test]
async fn recorder_that_cannot_start_reports_the_reason() {
    let session = Session::new("log begun");
    std::fs::create_dir_all(session.folder.journal()).unwrap();
    let error = session.spawn().await.unwrap_err();
    assert!(
        matches!(&error, SpawnError::Failed { reason } if reason.contains("journal")),
        "{error}"
    );
}

/// Asks the recorder for its state until it satisfies the condition.
async fn until_info(session: &Session, holds: impl Fn(&RecorderInfo) -> bool) -> RecorderInfo {
    tokio::time::timeout(PATIENCE, async {
        loop {
            let info = ah_recorder::info(&session.folder).await.unwrap();
            if let Some(info) = info.filter(&holds) {
                return info;
            }
        }
    })
    .await
    .expect("the recorder never reached the state")
}

#[tokio::test]
async fn the_state_is_answered_beside_the_attendant() {
    let session = Session::new("log begun\nhang");
    assert_eq!(ah_recorder::info(&session.folder).await.unwrap(), None);
    let mut attended = session.begin().await;
    attended.until_log("begun").await;
    let info = until_info(&session, |info| info.agent == AgentState::InTurn).await;
    assert_eq!(i32::try_from(info.pid).unwrap(), session.recorder_pid());
    assert!(info.is_attended && !info.is_paused && info.processes >= 1);
    assert_eq!((info.waiting_prompts, info.pending_permissions), (0, 0));
    assert!(info.journal_len >= attended.next);
    attended.prompt("log more").await;
    until_info(&session, |info| info.waiting_prompts == 1).await;
    attended.send(Request::Interrupt).await;
    attended.until_log("more").await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    session.assert_over().await;
    assert_eq!(ah_recorder::info(&session.folder).await.unwrap(), None);
}

#[tokio::test]
async fn a_recorder_that_waits_for_its_owner_answers() {
    let mut session = Session::new("log begun");
    session.spec.fence = Some(7);
    session.spawn().await.unwrap();
    let info = until_info(&session, |_| true).await;
    assert_eq!(info.agent, AgentState::NotStarted);
    assert_eq!((info.agent_pid, info.is_attended), (None, false));
    let mut attended = session.attach(7, 0).await;
    attended.until_log("begun").await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    session.assert_over().await;
}

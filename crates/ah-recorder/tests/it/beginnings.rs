use ah_recorder::protocol::{EndCause, Fact, JournalEntry, JournalRecord, Request, TurnOutcome};
use ah_recorder::{AttachError, RecorderConnection, SESSION_MARK};
use rustix::process::Signal;

use crate::fixture::{Session, kill};

/// Creates an agent that becomes ready once its folder contains a file `go`.
fn late(prompt: &str) -> Session {
    let mut session = Session::new(prompt);
    let probe = session.spec.agent.argv[0].clone();
    let script = "while [ ! -e go ]; do sleep 0.01; done; exec \"$0\" \"$@\"";
    session.spec.agent.argv = ["sh", "-c", script, &probe, "play"]
        .map(str::to_owned)
        .to_vec();
    session
}

fn outcome(ended: &JournalRecord) -> &TurnOutcome {
    match &ended.entry {
        JournalEntry::Fact(Fact::TurnEnded { outcome, .. }) => outcome,
        other => panic!("not the end of a turn: {other:?}"),
    }
}

#[tokio::test]
async fn interrupt_before_ready_ends_only_the_first_turn() {
    let session = late("hang");
    let mut attended = session.begin().await;
    attended.send(Request::Interrupt).await;
    // The pause was processed only after the interrupt.
    attended.send(Request::Pause).await;
    attended
        .until(|record| record.entry == JournalEntry::Fact(Fact::Paused))
        .await;
    attended.send(Request::Resume).await;
    std::fs::write(session.spec.workspace.join("go"), "").unwrap();
    let ended = attended.until(crate::fixture::is_turn_end).await;
    assert_eq!(outcome(&ended), &TurnOutcome::Interrupted);
    attended.prompt("log second").await;
    let ended = attended.until(crate::fixture::is_turn_end).await;
    assert_eq!(outcome(&ended), &TurnOutcome::Completed);
}

#[tokio::test]
async fn agent_is_started_only_for_an_attendant_with_a_sufficient_fence() {
    let mut session = Session::new("log hello");
    session.spec.fence = Some(7);
    session.spawn().await.unwrap();
    let refused = RecorderConnection::attach(&session.folder, 6, 0)
        .await
        .unwrap_err();
    assert!(matches!(refused, AttachError::Refused(_)), "{refused}");
    assert_eq!(session.journal().len(), 1, "{:?}", session.journal());
    assert_eq!(session.marked(), [0_i32; 0], "nothing was started");
    let mut attended = session.attach(7, 0).await;
    assert!(attended.connection.welcome().agent_pid.is_some());
    attended.until_log("hello").await;
}

#[tokio::test]
async fn recorder_signalled_before_an_attendant_starts_no_agent() {
    let mut session = Session::new("log hello");
    session.spec.fence = Some(7);
    session.spawn().await.unwrap();
    kill(session.recorder_pid(), Signal::TERM);
    let end = session.assert_over().await;
    assert_eq!(end.cause, Some(EndCause::Signalled));
    assert!(end.reason.unwrap().contains("before the agent was started"));
}

#[tokio::test]
async fn recorder_and_agent_have_different_marks() {
    let session = Session::new("run env > seen");
    let mut attended = session.begin().await;
    attended.until_turn_end().await;
    let seen = std::fs::read_to_string(session.spec.workspace.join("seen")).unwrap();
    assert!(
        seen.contains(SESSION_MARK) && !seen.contains("AH_RECORDER"),
        "{seen}"
    );
}

use ah_recorder::protocol::{Fact, JournalEntry, Request, ShutdownManner};
use ah_recorder::sweep_session;

use crate::fixture::{PROBE, Session, wait_for};

/// Creates a session whose agent starts another one, as an agent that runs `ah task` does.
async fn nested() -> (
    Session,
    crate::fixture::Attended,
    Session,
    crate::fixture::Attended,
) {
    let inner = Session::new("log inner\nhang");
    let spec = inner.spec.workspace.join("spec.json");
    std::fs::write(&spec, serde_json::to_vec(&inner.spec).unwrap()).unwrap();
    let outer = Session::new(&format!(
        "run {PROBE} nest {} {}\nlog outer\nhang",
        inner.folder.path().display(),
        spec.display()
    ));
    let mut outside = outer.begin().await;
    outside.until_log("outer").await;
    let mut inside = inner.attach(1, 0).await;
    inside.until_log("inner").await;
    (outer, outside, inner, inside)
}

fn state(pid: i32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    rest.trim_start().chars().next().unwrap()
}

#[tokio::test]
async fn nested_session_survives_the_end_of_the_outer_one() {
    let (outer, mut outside, inner, mut inside) = nested().await;
    outside.shutdown(ShutdownManner::Kill).await;
    outside.until_closed().await;
    outer.assert_over().await;
    assert_eq!(sweep_session(outer.spec.session_id).await.unwrap(), 0);
    inside.send(Request::Interrupt).await;
    inside.until_turn_end().await;
    inside.prompt("log still here").await;
    inside.until_log("still here").await;
    inside.shutdown(ShutdownManner::Stop).await;
    inside.until_closed().await;
    assert_eq!(inner.assert_over().await.exit_code, Some(0));
}

#[tokio::test]
async fn nested_session_is_not_paused_with_the_outer_one() {
    let (_outer, mut outside, inner, mut inside) = nested().await;
    outside.send(Request::Pause).await;
    outside
        .until(|record| record.entry == JournalEntry::Fact(Fact::Paused))
        .await;
    assert_ne!(state(inner.recorder_pid()), 'T');
    assert!(inner.marked().iter().all(|pid| state(*pid) != 'T'));
    inside.send(Request::Interrupt).await;
    inside.until_turn_end().await;
    inside.send(Request::Pause).await;
    inside
        .until(|record| record.entry == JournalEntry::Fact(Fact::Paused))
        .await;
    wait_for(|| {
        inner
            .marked()
            .iter()
            .all(|pid| state(*pid) == 'T')
            .then_some(())
    })
    .await;
}

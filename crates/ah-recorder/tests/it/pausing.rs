use ah_recorder::protocol::{Fact, JournalEntry, JournalRecord, Request, ShutdownManner};

use crate::fixture::Session;

const BUSY: &str = "\
sh setsid sh -c 'while :; do sleep 0.01; done'
sh while :; do sleep 0.01; done
log busy
hang";

fn is(fact: &Fact) -> impl Fn(&JournalRecord) -> bool {
    move |record| matches!(&record.entry, JournalEntry::Fact(it) if it == fact)
}

fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[tokio::test]
async fn pause_stops_every_process_and_resume_continues_them() {
    let session = Session::new(BUSY);
    let mut attended = session.begin().await;
    attended.until_log("busy").await;
    for _ in 0..3 {
        attended.send(Request::Pause).await;
        attended.send(Request::Pause).await;
        attended.until(is(&Fact::Paused)).await;
        let pids = session.marked();
        assert!(pids.len() >= 3, "{pids:?}");
        let states: Vec<_> = pids.iter().filter_map(|pid| state(*pid)).collect();
        // A shell whose `vfork` child is stopped before its `exec` stays in state `D` until that
        // continues. Like a stopped process it makes no step.
        assert!(
            states.iter().all(|state| matches!(state, 'T' | 'Z' | 'D')),
            "{states:?}"
        );
        assert!(states.contains(&'T'), "{states:?}");
        attended.send(Request::Resume).await;
        attended.send(Request::Resume).await;
        attended.until(is(&Fact::Resumed)).await;
        session
            .until_marked(|pids| pids.iter().all(|pid| state(*pid) != Some('T')))
            .await;
    }
    let paused = session
        .journal()
        .iter()
        .filter(|record| is(&Fact::Paused)(record))
        .count();
    assert_eq!(paused, 3, "a second request changes nothing");
    attended.send(Request::Interrupt).await;
    attended.until_turn_end().await;
}

#[tokio::test]
async fn paused_session_can_be_stopped_gracefully() {
    let session = Session::new(BUSY);
    let mut attended = session.begin().await;
    attended.until_log("busy").await;
    attended.send(Request::Pause).await;
    attended.until(is(&Fact::Paused)).await;
    attended.shutdown(ShutdownManner::Stop).await;
    attended.until_turn_end().await;
    attended.until_closed().await;
    assert_eq!(session.assert_over().await.exit_code, Some(0));
}

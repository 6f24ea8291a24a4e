use ah_recorder::protocol::{EndCause, Fact, JournalEntry, ShutdownManner};
use ah_recorder::sweep_session;
use rustix::process::Signal;

use crate::fixture::{Session, kill};

/// Children in their own sessions, a daemon of two forks, and processes that ignore signals.
const LITTER: &str = "\
sh setsid sleep 3600
sh (setsid sh -c 'sleep 3601 & sleep 3602' &) &
sh trap '' INT TERM HUP; sleep 3603; sleep 3604";

fn with_litter(last: &str) -> Session {
    Session::new(&format!("{LITTER}\nlog littered\n{last}"))
}

#[tokio::test]
async fn finishing_leaves_nothing() {
    let session = with_litter("log done");
    let mut attended = session.begin().await;
    attended.until_turn_end().await;
    session.until_marked(|pids| pids.len() >= 6).await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.reason), (Some(0), None));
    assert!(end.swept >= 5, "{}", end.swept);
}

#[tokio::test]
async fn stopping_cancels_the_turn_first() {
    let session = with_litter("hang");
    let mut attended = session.begin().await;
    attended.until_log("littered").await;
    attended.shutdown(ShutdownManner::Stop).await;
    attended.until_turn_end().await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(
        (end.exit_code, end.signal, end.reason),
        (Some(0), None, None)
    );
}

#[tokio::test]
async fn an_agent_that_hears_nothing_is_killed_in_the_end() {
    let mut session = Session::new("log begun").deaf();
    let probe = session.spec.agent.argv[0].clone();
    let script = "trap '' INT TERM; exec \"$0\" \"$@\"";
    session.spec.agent.argv = ["sh", "-c", script, &probe, "play"]
        .map(str::to_owned)
        .to_vec();
    session.spec.stop_grace_ms = 50;
    let mut attended = session.begin().await;
    attended.until_turn_end().await;
    attended.shutdown(ShutdownManner::Stop).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!((end.signal, end.swept), (Some(9), 0));
    assert_eq!(end.reason.as_deref(), Some("the agent was killed"));
}

#[tokio::test]
async fn an_agent_that_ignores_its_input_s_end_takes_a_signal() {
    let mut session = Session::new("log begun").deaf();
    session.spec.stop_grace_ms = 50;
    let mut attended = session.begin().await;
    attended.until_turn_end().await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.signal, Some(2));
    assert!(end.reason.unwrap().contains("SIGINT"));
}

#[tokio::test]
async fn an_agent_that_can_say_nothing_more_is_ended() {
    let mut session = Session::new("log begun");
    let script = "echo '{\"ready\":{\"version\":\"1\"}}'; exec >&-; exec sleep 3605";
    session.spec.agent.argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    session.spec.stop_grace_ms = 50;
    let mut attended = session.begin().await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.signal, Some(2));
    assert!(end.reason.unwrap().contains("closed its output"));
}

#[tokio::test]
async fn killing_is_done_at_once() {
    let session = with_litter("hang");
    let mut attended = session.begin().await;
    attended.until_log("littered").await;
    attended.shutdown(ShutdownManner::Kill).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.signal, Some(9));
}

#[tokio::test]
async fn an_agent_that_exits_in_a_turn_is_told_of_as_it_was() {
    let session = with_litter("stderr out of cheese\nexit 3");
    let mut attended = session.begin().await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.cause), (Some(3), Some(EndCause::Agent)));
    assert_eq!(
        end.reason.as_deref(),
        Some("the agent exited with code 3 in the middle of a turn; it said: out of cheese")
    );
    assert!(
        std::fs::read_to_string(session.folder.log())
            .unwrap()
            .contains("out of cheese")
    );
}

#[tokio::test]
async fn an_agent_killed_from_outside_is_told_of_with_its_signal() {
    let session = with_litter("hang");
    let mut attended = session.begin().await;
    attended.until_log("littered").await;
    let agent = attended.connection.welcome().agent_pid.unwrap();
    kill(i32::try_from(agent).unwrap(), Signal::KILL);
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.signal), (None, Some(9)));
    assert!(
        end.reason
            .unwrap()
            .contains("SIGKILL) in the middle of a turn")
    );
}

#[tokio::test]
async fn a_swarm_that_forks_without_end_is_swept() {
    // Each process exits after it has started its successor, so that no single scan finds both.
    let swarm = "f() { [ $1 -gt 20000 ] && exit; (setsid sh -c \"$S\" x $(($1 + 1)) &) ; }; f $1";
    let prompt = format!(
        "sh export S='{swarm}'; for i in 1 2 3 4; do sh -c \"$S\" x 0 & done\nrun sleep 0.2\nlog swarming"
    );
    let session = Session::new(&prompt);
    let mut attended = session.begin().await;
    attended.until_log("swarming").await;
    attended.shutdown(ShutdownManner::Kill).await;
    attended.until_closed().await;
    session.assert_over().await;
}

#[tokio::test]
async fn an_agent_that_cannot_be_started_is_told_of() {
    let mut session = Session::new("log begun");
    session.spec.agent.argv = vec!["/nowhere/agent".to_owned()];
    session.spawn().await.unwrap();
    let end = session.assert_over().await;
    assert!(
        end.reason
            .unwrap()
            .contains("`/nowhere/agent` could not be started")
    );
    let journal = session.journal();
    assert_eq!(journal.len(), 2, "it was not started: {journal:?}");
}

#[tokio::test]
async fn an_agent_that_cannot_be_recorded_is_not_let_run() {
    let session = with_litter("hang");
    std::fs::create_dir_all(session.folder.path()).unwrap();
    std::os::unix::fs::symlink("/dev/full", session.folder.journal()).unwrap();
    let error = session.spawn().await.unwrap_err().to_string();
    assert!(error.contains("could not append to"), "{error}");
    assert!(error.contains("No space left"), "{error}");
    session.until_recorder_gone().await;
    assert_eq!(session.marked(), [0_i32; 0]);
}

#[tokio::test]
async fn a_recorder_that_is_told_to_end_stops_the_agent() {
    let session = with_litter("hang");
    let mut attended = session.begin().await;
    attended.until_log("littered").await;
    kill(session.recorder_pid(), Signal::HUP);
    kill(session.recorder_pid(), Signal::TERM);
    attended.until_turn_end().await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.exit_code, Some(0));
    assert!(end.reason.unwrap().contains("signal"));
    assert_eq!(end.cause, Some(EndCause::Signalled));
}

#[tokio::test]
async fn an_idle_agent_without_an_attendant_is_ended() {
    let mut session = with_litter("log done");
    session.spec.interactive = false;
    session.spec.orphan_idle_ms = 10;
    session.spawn().await.unwrap();
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.reason), (Some(0), None));
    assert_eq!(end.cause, Some(EndCause::Unattended));
}

#[tokio::test]
async fn what_a_killed_recorder_leaves_is_swept_by_the_mark() {
    let session = with_litter("hang");
    let mut attended = session.begin().await;
    attended.until_log("littered").await;
    session.until_marked(|pids| pids.len() >= 6).await;
    let agent = i32::try_from(attended.connection.welcome().agent_pid.unwrap()).unwrap();
    kill(session.recorder_pid(), Signal::KILL);
    session.until_recorder_gone().await;
    let left = session.until_marked(|pids| !pids.contains(&agent)).await;
    assert!(
        left.len() >= 5,
        "the agent died with its recorder and the rest did not: {left:?}"
    );
    let swept = sweep_session(session.spec.session_id).await.unwrap();
    assert!(swept >= 5, "{swept}");
    assert_eq!(session.marked(), [0_i32; 0]);
    assert_eq!(sweep_session(session.spec.session_id).await.unwrap(), 0);
    let ended = |record: &ah_recorder::protocol::JournalRecord| {
        matches!(record.entry, JournalEntry::Fact(Fact::Ended(_)))
    };
    assert!(
        !session.journal().iter().any(ended),
        "no recorder was left to write the end"
    );
}

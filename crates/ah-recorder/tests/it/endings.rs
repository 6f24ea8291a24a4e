use ah_recorder::protocol::{EndCause, Fact, JournalEntry, ShutdownManner};
use ah_recorder::sweep_session;
use rustix::process::Signal;

use crate::fixture::{Session, kill, log_text, wait_for};

/// Children in their own sessions, a daemon of two forks, and processes that ignore signals.
const LITTER: &str = "\
sh setsid sleep 3600
sh (setsid sh -c 'sleep 3601 & sleep 3602' &) &
sh trap '' INT TERM HUP; sleep 3603; sleep 3604";

fn with_litter(last: &str) -> Session {
    Session::new(&format!("{LITTER}\nlog littered\n{last}"))
}

#[tokio::test]
async fn finish_leaves_no_process() {
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
async fn unresponsive_agent_is_killed_after_the_grace_periods() {
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
async fn agent_that_ignores_the_end_of_input_gets_a_signal() {
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
async fn agent_with_closed_output_is_ended() {
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
async fn kill_is_immediate() {
    let session = with_litter("hang");
    let mut attended = session.begin().await;
    attended.until_log("littered").await;
    attended.shutdown(ShutdownManner::Kill).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.signal, Some(9));
}

#[tokio::test]
async fn exit_during_a_turn_is_recorded() {
    let session = with_litter("stderr out of cheese\nexit 3");
    let mut attended = session.begin().await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.cause), (Some(3), Some(EndCause::Agent)));
    assert_eq!(
        end.reason.as_deref(),
        Some(
            "the agent exited with code 3 in the middle of a turn; its last output: out of cheese"
        )
    );
    assert!(
        std::fs::read_to_string(session.folder.log())
            .unwrap()
            .contains("out of cheese")
    );
    let journal = session.journal();
    let logged = journal.iter().filter_map(log_text);
    let logged: Vec<&str> = logged.filter(|text| text.starts_with("stderr: ")).collect();
    assert_eq!(logged, ["stderr: out of cheese"]);
}

#[tokio::test]
async fn external_kill_is_recorded_with_its_signal() {
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
async fn endlessly_forking_processes_are_swept() {
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
async fn failed_start_is_recorded() {
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
async fn agent_is_ended_if_the_journal_is_unwritable() {
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
async fn signalled_recorder_stops_the_agent() {
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
async fn idle_agent_without_an_attendant_is_ended() {
    let mut session = with_litter("log done");
    session.spec.interactive = false;
    session.spec.orphan_idle_ms = 10;
    session.spawn().await.unwrap();
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.reason), (Some(0), None));
    assert_eq!(end.cause, Some(EndCause::Unattended));
}

#[tokio::test]
async fn processes_of_a_killed_recorder_are_swept_by_their_mark() {
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

#[tokio::test]
async fn agent_whose_folder_is_removed_is_ended() {
    let mut session = with_litter("hang");
    // The session waits for prompts, so nothing else ends it.
    assert!(session.spec.interactive);
    session.spec.orphan_idle_ms = 100;
    let mut attended = session.begin().await;
    attended.until_log("littered").await;
    session.until_marked(|pids| pids.len() >= 6).await;
    let recorder = session.recorder_pid();
    let moved = session.folder.path().with_extension("moved");
    std::fs::rename(session.folder.path(), &moved).unwrap();
    drop(attended);
    session.until_marked(<[i32]>::is_empty).await;
    wait_for(|| (!std::path::Path::new(&format!("/proc/{recorder}/exe")).exists()).then_some(()))
        .await;
}

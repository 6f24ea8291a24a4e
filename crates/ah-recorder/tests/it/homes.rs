//! The home and the environment of an agent.

use std::fs;
use std::path::PathBuf;

use ah_agents::{HomePlan, Inheritance};
use ah_recorder::RecorderCommand;
use ah_recorder::protocol::ShutdownManner;
use ah_recorder::sweep_folder;
use rustix::process::Signal;

use crate::fixture::{Attended, PROBE, Session, kill};

/// A session whose agent has its own home and does not inherit the keys of others.
struct AtHome {
    session: Session,
    user: PathBuf,
}

impl AtHome {
    fn new(prompt: &str) -> Self {
        let mut session = Session::new(prompt);
        let user = session.spec.workspace.join("user");
        fs::create_dir_all(user.join(".agent")).unwrap();
        fs::write(user.join(".gitconfig"), "[user]\n\tname = Ann\n").unwrap();
        fs::write(user.join(".agent/login"), "old").unwrap();
        session.spec.agent.home = Some(HomePlan {
            own: vec![".agent".into()],
            linked: vec![".agent/login".into()],
            ..HomePlan::default()
        });
        session.spec.agent.inherits = Inheritance {
            withheld: vec!["OTHER_*".into(), "KEY_*".into()],
            passed: vec!["KEY_MINE".into()],
        };
        Self { session, user }
    }

    /// Starts the recorder in an environment with keys of the agent and of others.
    async fn begin(&self) -> Attended {
        let home = format!("HOME={}", self.user.display());
        let words = [
            &home,
            "OTHER_AGENT=1",
            "KEY_MINE=m",
            "KEY_YOURS=y",
            PROBE,
            "record",
        ];
        let command = RecorderCommand {
            program: "env".into(),
            args: words.map(ToString::to_string).to_vec(),
        };
        self.session.begin_with(&command).await
    }

    fn seen(&self, file: &str) -> String {
        fs::read_to_string(self.session.spec.workspace.join(file)).unwrap()
    }

    fn assert_nothing_is_left(&self) {
        assert!(!self.session.folder.home().exists());
        assert!(!self.session.folder.temporary().exists());
        let login = fs::read_to_string(self.user.join(".agent/login")).unwrap();
        assert_eq!(login, "new");
    }
}

const LOOK_AROUND: &str = "run env > env\n\
                           run git config user.name > name\n\
                           run mktemp > temporary\n\
                           run printf new > ~/.agent/login; echo s > ~/.agent/state\n\
                           log done";

#[tokio::test]
async fn agent_runs_in_the_session_home_without_withheld_variables() {
    let at_home = AtHome::new(LOOK_AROUND);
    let mut attended = at_home.begin().await;
    attended.until_log("done").await;
    let (env, folder) = (at_home.seen("env"), &at_home.session.folder);
    let home = folder.home();
    let home_line = format!("HOME={}", home.display());
    assert!(env.lines().any(|line| line == home_line), "{env}");
    assert!(env.contains("KEY_MINE=m"), "{env}");
    for withheld in ["OTHER_AGENT", "KEY_YOURS"] {
        assert!(!env.contains(withheld), "{env}");
    }
    assert_eq!(at_home.seen("name"), "Ann\n");
    let temporary = folder.temporary();
    assert!(
        at_home
            .seen("temporary")
            .starts_with(temporary.to_str().unwrap())
    );
    assert!(home.join(".agent/state").exists());
    assert!(!at_home.user.join(".agent/state").exists());
    attended.shutdown(ShutdownManner::Stop).await;
    attended
        .until(|record| crate::fixture::ended(record).is_some())
        .await;
    // The home is removed before the end is recorded.
    at_home.assert_nothing_is_left();
}

#[tokio::test]
async fn task_variables_override_the_home() {
    let mut at_home = AtHome::new("run echo $TMPDIR $OTHER_AGENT > seen\nlog done");
    let env = &mut at_home.session.spec.agent.env;
    env.insert("TMPDIR".to_owned(), "/tmp".to_owned());
    env.insert("OTHER_AGENT".to_owned(), "set".to_owned());
    at_home.begin().await.until_log("done").await;
    assert_eq!(at_home.seen("seen"), "/tmp set\n");
}

#[tokio::test]
async fn home_of_a_killed_recorder_is_removed_with_its_processes() {
    let at_home = AtHome::new(LOOK_AROUND);
    at_home.begin().await.until_log("done").await;
    let session = &at_home.session;
    kill(session.recorder_pid(), Signal::KILL);
    session.until_recorder_gone().await;
    assert!(session.folder.home().exists());
    sweep_folder(session.spec.session_id, &session.folder)
        .await
        .unwrap();
    at_home.assert_nothing_is_left();
}

#[tokio::test]
async fn home_is_removed_after_a_failed_start() {
    let mut at_home = AtHome::new("log never");
    at_home.session.spec.agent.argv = vec!["/nowhere/agent".to_owned()];
    fs::write(at_home.user.join(".agent/login"), "new").unwrap();
    let mut attended = at_home.begin().await;
    let ended = attended
        .until(|record| crate::fixture::ended(record).is_some())
        .await;
    let reason = crate::fixture::ended(&ended)
        .unwrap()
        .reason
        .clone()
        .unwrap();
    assert!(reason.contains("/nowhere/agent"), "{reason}");
    at_home.assert_nothing_is_left();
}

//! A session with a real recorder and an agent that executes its prompts.

use std::collections::BTreeMap;
use std::time::Duration;

use ah_agents::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};
use ah_recorder::RecorderCommand;
use ah_recorder::protocol::{
    AgentEnd, Fact, JournalEntry, JournalRecord, RecorderFrame, Request, ShutdownManner,
};
use ah_recorder::{RecorderConnection, SESSION_MARK, journal, sweep_session};
use ah_rest_api_contract::{EventPayload, PermissionPolicy, PromptId, SessionId};
use rustix::process::Signal;
use serde_json::json;
use ulid::Ulid;

/// The maximum time of each wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const PROBE: &str = env!("CARGO_BIN_EXE_ah-recorder-probe");

/// Returns a number that no other test on this machine has.
fn fresh() -> Ulid {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    Ulid::from_bytes(bytes)
}

pub(crate) fn prompt_id() -> PromptId {
    PromptId::from_ulid(fresh())
}

/// A session. Its remaining processes are ended on drop, also after a failed test.
pub(crate) struct Session {
    _dir: tempfile::TempDir,
    pub(crate) folder: SessionFolder,
    pub(crate) spec: LaunchSpec,
}

impl Session {
    /// Creates a session with the first prompt `prompt`.
    pub(crate) fn new(prompt: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Deeper than a socket address permits.
        let folder = SessionFolder::at(dir.path().join("deep".repeat(30)).join("session"));
        let spec = LaunchSpec {
            session_id: SessionId::from_ulid(fresh()),
            agent: AgentProgram {
                agent_type: "scenario".to_owned(),
                driver: DriverKind::Scenario,
                argv: vec![PROBE.to_owned(), "play".to_owned()],
                env: BTreeMap::new(),
                inherits: ah_agents::Inheritance::default(),
                home: None,
                model: None,
                version: None,
                settings: serde_json::Map::new(),
            },
            sandbox: None,
            workspace: dir.path().to_owned(),
            prompt: prompt.into(),
            prompt_id: prompt_id(),
            author: "tester".to_owned(),
            permissions: PermissionPolicy::default(),
            interactive: true,
            orphan_idle_ms: 60_000,
            timeout_ms: None,
            idle_ms: None,
            fence: None,
            stop_grace_ms: 10_000,
            ready_ms: 60_000,
        };
        Self {
            _dir: dir,
            folder,
            spec,
        }
    }

    /// Makes the agent continue after the end of its input.
    pub(crate) fn deaf(mut self) -> Self {
        self.spec
            .agent
            .settings
            .insert("deaf".to_owned(), json!(true));
        self
    }

    /// Starts the recorder.
    pub(crate) async fn spawn(&self) -> Result<(), ah_recorder::SpawnError> {
        ah_recorder::spawn(&recorder(), &self.folder, &self.spec).await
    }

    pub(crate) async fn attach(&self, fence: u64, from: u64) -> Attended {
        let connection = RecorderConnection::attach(&self.folder, fence, from)
            .await
            .unwrap();
        Attended {
            connection,
            next: from,
            seen: Vec::new(),
        }
    }

    /// Starts the recorder and attaches to it.
    pub(crate) async fn begin(&self) -> Attended {
        self.begin_with(&recorder()).await
    }

    /// Starts a recorder with `command` and attaches to it. The agent waits for that, so that it
    /// cannot end before.
    pub(crate) async fn begin_with(&self, command: &RecorderCommand) -> Attended {
        let fence = self.spec.fence.unwrap_or(1);
        let spec = LaunchSpec {
            fence: Some(fence),
            ..self.spec.clone()
        };
        let begun = ah_recorder::spawn(command, &self.folder, &spec).await;
        begun.unwrap();
        self.attach(fence, 0).await
    }

    pub(crate) fn recorder_pid(&self) -> i32 {
        let pid = ah_recorder::pid(&self.folder).unwrap().expect("a recorder");
        i32::try_from(pid).unwrap()
    }

    /// Returns the processes with the session's mark.
    pub(crate) fn marked(&self) -> Vec<i32> {
        let mark = format!("{SESSION_MARK}={}", self.spec.session_id);
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                    environment
                        .split(|byte| *byte == 0)
                        .any(|entry| entry == mark.as_bytes())
                })
            })
            .collect()
    }

    /// Waits until the marked processes satisfy the condition.
    pub(crate) async fn until_marked(&self, holds: impl Fn(&[i32]) -> bool) -> Vec<i32> {
        wait_for(|| Some(self.marked()).filter(|pids| holds(pids))).await
    }

    pub(crate) async fn until_recorder_gone(&self) {
        wait_for(|| (!ah_recorder::is_alive(&self.folder).unwrap()).then_some(())).await;
    }

    /// Returns the whole journal from the file.
    pub(crate) fn journal(&self) -> Vec<JournalRecord> {
        let records = journal::read_from(&self.folder, 0, usize::MAX).unwrap();
        records.into_iter().map(|(record, _)| record).collect()
    }

    /// Asserts that only the files of the session are left, and that the last record is its end.
    pub(crate) async fn assert_over(&self) -> AgentEnd {
        self.until_recorder_gone().await;
        assert_eq!(
            self.marked(),
            [0_i32; 0],
            "no process with the mark is left"
        );
        // The socket is removed a moment after the lock is released.
        wait_for(|| (!self.folder.socket().exists()).then_some(())).await;
        let journal = self.journal();
        let ends: Vec<&AgentEnd> = journal.iter().filter_map(ended).collect();
        assert_eq!(ends.len(), 1, "{journal:#?}");
        ended(journal.last().unwrap())
            .expect("the end is the last record")
            .clone()
    }
}

fn recorder() -> RecorderCommand {
    RecorderCommand {
        program: PROBE.into(),
        args: vec!["record".to_owned()],
    }
}

impl Drop for Session {
    /// Ends the remaining recorder, and the processes with the session's mark.
    fn drop(&mut self) {
        if let Ok(Some(recorder)) = ah_recorder::pid(&self.folder) {
            kill(i32::try_from(recorder).unwrap(), Signal::KILL);
        }
        let session = self.spec.session_id;
        // A separate runtime on a separate thread, since this drop blocks the test's runtime.
        let sweeper = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(sweep_session(session))
        });
        let swept = sweeper.join().unwrap();
        if !std::thread::panicking() {
            swept.unwrap();
        }
    }
}

pub(crate) fn kill(pid: i32, signal: Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Polls, with a bound, for a state of other processes that cannot be awaited.
pub(crate) async fn wait_for<T>(look: impl Fn() -> Option<T>) -> T {
    tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it did not come to be in time")
}

pub(crate) fn ended(record: &JournalRecord) -> Option<&AgentEnd> {
    match &record.entry {
        JournalEntry::Fact(Fact::Ended(end)) => Some(end),
        _ => None,
    }
}

pub(crate) fn log_text(record: &JournalRecord) -> Option<&str> {
    match &record.entry {
        JournalEntry::Event(EventPayload::Log(log)) => Some(&log.message),
        _ => None,
    }
}

pub(crate) fn is_turn_end(record: &JournalRecord) -> bool {
    matches!(record.entry, JournalEntry::Fact(Fact::TurnEnded { .. }))
}

/// A connection to a recorder and the records that it has received.
pub(crate) struct Attended {
    pub(crate) connection: RecorderConnection,
    /// The position from which to continue.
    pub(crate) next: u64,
    pub(crate) seen: Vec<JournalRecord>,
}

impl Attended {
    pub(crate) async fn frame(&mut self) -> Option<RecorderFrame> {
        let frame = tokio::time::timeout(PATIENCE, self.connection.next())
            .await
            .unwrap_or_else(|_| panic!("no frame in time after {:#?}", self.seen))
            .unwrap();
        if let Some(RecorderFrame::Record { next, record }) = &frame {
            self.next = *next;
            self.seen.push(record.clone());
        }
        frame
    }

    /// Reads up to a record that satisfies the condition, and returns it.
    pub(crate) async fn until(&mut self, holds: impl Fn(&JournalRecord) -> bool) -> JournalRecord {
        loop {
            match self.frame().await {
                Some(RecorderFrame::Record { record, .. }) if holds(&record) => return record,
                Some(_) => {}
                None => panic!("the journal ended after {:#?}", self.seen),
            }
        }
    }

    pub(crate) async fn until_log(&mut self, text: &str) {
        self.until(|record| log_text(record) == Some(text)).await;
    }

    pub(crate) async fn until_turn_end(&mut self) {
        self.until(is_turn_end).await;
    }

    /// Reads until the recorder closes the connection.
    pub(crate) async fn until_closed(&mut self) {
        while self.frame().await.is_some() {}
    }

    pub(crate) async fn send(&self, request: Request) {
        self.connection.send(request).await.unwrap();
    }

    pub(crate) async fn prompt(&self, text: &str) {
        self.send(Request::Prompt {
            prompt_id: prompt_id(),
            content: text.into(),
            author: "tester".to_owned(),
            steer: false,
        })
        .await;
    }

    pub(crate) async fn shutdown(&self, manner: ShutdownManner) {
        self.send(Request::Shutdown { manner }).await;
    }
}

//! A host whose agents are played by the test: journals in memory, no process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ah_agents::LaunchSpec;
use ah_agents::protocol::{
    AgentEnd, Fact, Frame, JournalEntry, JournalRecord, Request, ShutdownManner, TurnOutcome,
};
use ah_engine::{
    Attachment, Clock as _, Executor, ExecutorError, Provisioned, RecorderState, Requests,
    SystemClock, WorkspaceRequest,
};
use ah_rest_api_contract::{
    Branch, ChangeSummary, DiffQuery, EphemeralEvent, EventPayload, ExecutorId, FileEntry, Log,
    LogLevel, PermissionAnswer, PermissionOutcome, PermissionResolved, PromptDelivery, PromptId,
    RepositorySource, SessionDiff, SessionId, SessionWorkspace, Thought, WorkspaceProvider,
};
use ah_store::{Fence, JournalPosition};
use async_trait::async_trait;
use futures::stream;
use tokio::sync::{broadcast, watch};

#[derive(Default)]
struct Recorder {
    journal: Vec<JournalRecord>,
    alive: bool,
    prompts: Vec<PromptId>,
    launched_with: Vec<(String, String)>,
}

/// The host. Its journals outlive the servers that attend to them.
pub(crate) struct Play {
    /// The recorders. It protects only them: nothing waits while it is held.
    recorders: Mutex<HashMap<SessionId, Recorder>>,
    moved: watch::Sender<u64>,
    shown: broadcast::Sender<(SessionId, EphemeralEvent)>,
}

impl Play {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            recorders: Mutex::default(),
            moved: watch::Sender::new(0),
            shown: broadcast::Sender::new(16),
        })
    }

    fn with<T>(&self, session: SessionId, act: impl FnOnce(&mut Recorder) -> T) -> T {
        let result = act(self.recorders.lock().unwrap().entry(session).or_default());
        self.moved.send_modify(|count| *count += 1);
        result
    }

    fn append(&self, session: SessionId, entry: JournalEntry) {
        let ts = SystemClock.now();
        self.with(session, |recorder| {
            if recorder.alive {
                recorder.journal.push(JournalRecord {
                    ts,
                    entry,
                    raw: None,
                });
            }
        });
    }

    /// The agent says or does something.
    pub(crate) fn event(&self, session: SessionId, payload: EventPayload) {
        self.append(session, JournalEntry::Event(payload));
    }

    pub(crate) fn thought(&self, session: SessionId, text: &str) {
        let thought = Thought {
            thought: text.into(),
            reasoning: None,
        };
        self.event(session, EventPayload::Thought(thought));
    }

    pub(crate) fn log(&self, session: SessionId, level: LogLevel, message: &str) {
        let log = Log {
            level,
            message: message.into(),
            tool_execution_id: None,
        };
        self.event(session, EventPayload::Log(log));
    }

    /// The agent shows something that is not written down.
    pub(crate) fn show(&self, session: SessionId, event: EphemeralEvent) {
        self.shown.send((session, event)).unwrap();
    }

    pub(crate) fn end_turn(&self, session: SessionId) {
        let outcome = TurnOutcome::Completed;
        self.append(session, JournalEntry::Fact(Fact::TurnEnded { outcome }));
    }

    /// The environment that the session's agent was launched with.
    pub(crate) fn environment(&self, session: SessionId) -> Vec<(String, String)> {
        self.with(session, |recorder| recorder.launched_with.clone())
    }

    fn end(&self, session: SessionId, end: AgentEnd) {
        self.append(session, JournalEntry::Fact(Fact::Ended(end)));
        self.with(session, |recorder| recorder.alive = false);
    }

    fn begin_turn(&self, session: SessionId, prompt_id: PromptId, delivery: PromptDelivery) {
        self.append(
            session,
            JournalEntry::Fact(Fact::TurnStarted {
                prompt_id,
                delivery,
            }),
        );
    }

    fn take(&self, session: SessionId, request: &Request) {
        match request {
            Request::Prompt { prompt_id, .. } => {
                self.with(session, |recorder| recorder.prompts.push(*prompt_id));
            }
            Request::Withdraw { .. } => {}
            Request::Answer {
                request_id,
                answer,
                by,
            } => {
                let (outcome, option_id) = match answer {
                    PermissionAnswer::Select(option) => {
                        (PermissionOutcome::Selected, Some(option.clone()))
                    }
                    PermissionAnswer::Cancel => (PermissionOutcome::Cancelled, None),
                };
                let resolved = PermissionResolved {
                    request_id: *request_id,
                    outcome,
                    option_id,
                    by: by.clone(),
                };
                self.event(session, EventPayload::PermissionResolved(resolved));
            }
            Request::Interrupt => {
                let outcome = TurnOutcome::Interrupted;
                self.append(session, JournalEntry::Fact(Fact::TurnEnded { outcome }));
            }
            Request::Pause => self.append(session, JournalEntry::Fact(Fact::Paused)),
            Request::Resume => self.append(session, JournalEntry::Fact(Fact::Resumed)),
            Request::Shutdown { manner } => {
                let (exit_code, signal) = match manner {
                    ShutdownManner::Finish => (Some(0), None),
                    ShutdownManner::Stop => (None, Some(15)),
                    ShutdownManner::Kill => (None, Some(9)),
                };
                let end = AgentEnd {
                    exit_code,
                    signal,
                    ..AgentEnd::default()
                };
                self.end(session, end);
            }
        }
    }
}

struct Line {
    play: Arc<Play>,
    session: SessionId,
}

#[async_trait]
impl Requests for Line {
    async fn send(&mut self, request: &Request) -> std::io::Result<()> {
        self.play.take(self.session, request);
        Ok(())
    }
}

/// The host as an engine holds it.
pub(crate) struct Stage(pub(crate) Arc<Play>);

#[async_trait]
impl Executor for Stage {
    async fn provision(&self, request: &WorkspaceRequest) -> Result<Provisioned, ExecutorError> {
        Ok(Provisioned {
            workspace: SessionWorkspace {
                provider: WorkspaceProvider::Empty,
                path: format!("/workspaces/{}", request.session).into(),
                executor_id: ExecutorId::local(),
                branch: None,
            },
            commit: None,
            default_branch: None,
            notes: Vec::new(),
        })
    }

    async fn launch(&self, spec: &LaunchSpec) -> Result<(), ExecutorError> {
        let session = spec.session_id;
        let environment = spec.agent.env.clone().into_iter().collect();
        self.0.with(session, |recorder| {
            recorder.alive = true;
            recorder.launched_with = environment;
        });
        let fact = |fact| self.0.append(session, JournalEntry::Fact(fact));
        fact(Fact::AgentStarted { pid: 1 });
        fact(Fact::AgentReady {
            version: Some("1.0".into()),
            agent_session_id: None,
        });
        self.0
            .begin_turn(session, spec.prompt_id, PromptDelivery::Initial);
        Ok(())
    }

    async fn recorder_state(&self, session: SessionId) -> Result<RecorderState, ExecutorError> {
        Ok(match self.0.recorders.lock().unwrap().get(&session) {
            None => RecorderState::Never,
            Some(recorder) if recorder.alive => RecorderState::Alive,
            Some(_) => RecorderState::Gone,
        })
    }

    async fn attach(
        &self,
        session: SessionId,
        _fence: Fence,
        from: JournalPosition,
    ) -> std::io::Result<Attachment> {
        let play = self.0.clone();
        let caught_up = play.with(session, |recorder| recorder.journal.len() as u64);
        let state = (
            play.clone(),
            (play.moved.subscribe(), play.shown.subscribe()),
            from.0,
            caught_up,
            false,
        );
        let frames = stream::unfold(state, move |(play, mut news, at, end, said)| async move {
            loop {
                let (moved, shown) = &mut news;
                moved.mark_unchanged();
                if at >= end && !said {
                    return Some((Ok(Frame::CaughtUp), (play, news, at, end, true)));
                }
                let (record, alive) = {
                    let recorders = play.recorders.lock().unwrap();
                    let recorder = recorders.get(&session)?;
                    let index = usize::try_from(at).unwrap();
                    (recorder.journal.get(index).cloned(), recorder.alive)
                };
                if let Some(record) = record {
                    let frame = Frame::Record {
                        next: at + 1,
                        record,
                    };
                    return Some((Ok(frame), (play, news, at + 1, end, said)));
                }
                if !alive {
                    return None;
                }
                tokio::select! {
                    moved = moved.changed() => moved.ok()?,
                    Ok((of, event)) = shown.recv() => if of == session {
                        let frame = Frame::Ephemeral { event };
                        return Some((Ok(frame), (play, news, at, end, said)));
                    }
                }
            }
        });
        let line = Line {
            play: self.0.clone(),
            session,
        };
        Ok(Attachment {
            frames: Box::pin(frames),
            requests: Box::new(line),
        })
    }

    async fn left_over(
        &self,
        session: SessionId,
        from: JournalPosition,
        limit: usize,
    ) -> Result<Vec<(JournalRecord, JournalPosition)>, ExecutorError> {
        Ok(self.0.with(session, |recorder| {
            let from = usize::try_from(from.0).unwrap();
            let journal = recorder.journal.iter().enumerate().skip(from).take(limit);
            journal
                .map(|(at, record)| (record.clone(), JournalPosition(at as u64 + 1)))
                .collect()
        }))
    }

    async fn sweep(&self, _session: SessionId) -> Result<u32, ExecutorError> {
        Ok(0)
    }

    async fn changes(
        &self,
        _session: SessionId,
    ) -> Result<(ChangeSummary, Vec<FileEntry>), ExecutorError> {
        Ok((ChangeSummary::default(), Vec::new()))
    }

    async fn diff(
        &self,
        _session: SessionId,
        _query: &DiffQuery,
    ) -> Result<SessionDiff, ExecutorError> {
        Ok(SessionDiff::default())
    }

    async fn seal(&self, _session: SessionId) -> Result<ChangeSummary, ExecutorError> {
        Ok(ChangeSummary::default())
    }

    async fn discard(&self, _session: SessionId) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn branches(&self, _source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError> {
        Ok(vec![Branch {
            name: "main".into(),
            is_default: true,
            last_commit: "0".repeat(40),
        }])
    }
}

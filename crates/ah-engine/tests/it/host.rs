//! A host whose agents are played by the test: journals in memory, no process.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ah_agents::LaunchSpec;
use ah_agents::protocol::{
    AgentEnd, Fact, Frame, JournalEntry, JournalRecord, Request, ShutdownManner, TurnOutcome,
};
use ah_engine::{
    Attachment, Clock, Executor, ExecutorError, ManualClock, Provisioned, RecorderState, Requests,
    WorkspaceRequest,
};
use ah_rest_api_contract::{
    Branch, ChangeSummary, DiffQuery, EventPayload, ExecutorId, FileEntry, Message, MessageId,
    MessageRole, PermissionOutcome, PermissionResolved, PromptDelivery, PromptId, RepositorySource,
    SessionDiff, SessionId, SessionWorkspace, Thought, WorkspaceProvider,
};
use ah_store::{Fence, JournalPosition};
use async_trait::async_trait;
use futures::stream;
use tokio::sync::watch;
use ulid::Ulid;

/// What an agent does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    /// It thinks one thought a turn and finishes it.
    Diligent,
    /// It begins its turns and leaves the rest to the test.
    Directed,
}

#[derive(Default)]
struct Recorder {
    journal: Vec<JournalRecord>,
    alive: bool,
    frozen: bool,
    seen: BTreeSet<PromptId>,
    busy: bool,
    waiting: VecDeque<PromptId>,
    requests: Vec<Request>,
}

/// The host. Its journals outlive the engines that attend to them.
pub(crate) struct Host {
    /// The recorders. It protects only them: nothing waits while it is held.
    recorders: Mutex<HashMap<SessionId, Recorder>>,
    moved: watch::Sender<u64>,
    clock: Arc<ManualClock>,
    temper: Temper,
    /// What provisioning answers with instead of a workspace.
    pub(crate) refusal: Mutex<Option<String>>,
    pub(crate) discarded: Mutex<Vec<SessionId>>,
    pub(crate) most_alive: Mutex<usize>,
    /// Whether workspaces cannot be removed.
    pub(crate) immovable: Mutex<bool>,
    /// How often the host fails to look, sweep and discard before it does what it is asked.
    pub(crate) failures: AtomicU32,
}

impl Host {
    pub(crate) fn new(clock: Arc<ManualClock>, temper: Temper) -> Arc<Self> {
        Arc::new(Self {
            recorders: Mutex::default(),
            moved: watch::Sender::new(0),
            clock,
            temper,
            refusal: Mutex::default(),
            discarded: Mutex::default(),
            most_alive: Mutex::default(),
            immovable: Mutex::default(),
            failures: AtomicU32::new(0),
        })
    }

    fn with<T>(&self, session: SessionId, act: impl FnOnce(&mut Recorder) -> T) -> T {
        let result = act(self.recorders.lock().unwrap().entry(session).or_default());
        self.moved.send_modify(|count| *count += 1);
        result
    }

    /// Fails as often as was asked for.
    fn may_fail(&self) -> Result<(), ExecutorError> {
        let failing = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match failing {
            Ok(_) => Err(ExecutorError {
                message: "the host is unwell".into(),
                field: None,
                source: None,
            }),
            Err(_) => Ok(()),
        }
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

    pub(crate) fn fact(&self, session: SessionId, fact: Fact) {
        self.append(session, JournalEntry::Fact(fact));
    }

    fn append(&self, session: SessionId, entry: JournalEntry) {
        let ts = self.clock.now();
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

    pub(crate) fn end(&self, session: SessionId, end: AgentEnd) {
        self.fact(session, Fact::Ended(end));
        self.with(session, |recorder| recorder.alive = false);
    }

    /// The recorder dies without a word.
    pub(crate) fn kill_recorder(&self, session: SessionId) {
        self.with(session, |recorder| recorder.alive = false);
    }

    /// The agent's turn ends, and the next one begins if a prompt waits.
    pub(crate) fn end_turn(&self, session: SessionId) {
        self.turn_over(session, TurnOutcome::Completed);
    }

    fn turn_over(&self, session: SessionId, outcome: TurnOutcome) {
        self.fact(session, Fact::TurnEnded { outcome });
        let next = self.with(session, |recorder| {
            recorder.busy = false;
            recorder.waiting.pop_front()
        });
        if let Some(next) = next {
            self.begin_turn(session, next, PromptDelivery::Queued);
        }
    }

    fn prompt(&self, session: SessionId, prompt_id: PromptId) {
        let begins = self.with(session, |recorder| {
            let fresh = recorder.seen.insert(prompt_id);
            if fresh && recorder.busy {
                recorder.waiting.push_back(prompt_id);
            }
            fresh && !recorder.busy
        });
        if begins {
            self.begin_turn(session, prompt_id, PromptDelivery::Queued);
        }
    }

    fn begin_turn(&self, session: SessionId, prompt_id: PromptId, delivery: PromptDelivery) {
        self.with(session, |recorder| recorder.busy = true);
        self.fact(
            session,
            Fact::TurnStarted {
                prompt_id,
                delivery,
            },
        );
        self.event(
            session,
            EventPayload::Message(Message {
                role: MessageRole::User,
                message_id: MessageId::from_ulid(prompt_id.ulid()),
                content: Vec::new(),
                author: Some("user".into()),
                delivery: Some(delivery),
                prompt_id: Some(prompt_id),
            }),
        );
        if self.temper == Temper::Diligent {
            self.thought(session, "done");
            self.end_turn(session);
        }
    }

    /// Every request that ever reached the recorder, in order.
    pub(crate) fn requests(&self, session: SessionId) -> Vec<Request> {
        self.with(session, |recorder| recorder.requests.clone())
    }

    /// Waits until the recorder was asked for something that `wanted` recognises.
    pub(crate) async fn asked(&self, session: SessionId, wanted: impl Fn(&Request) -> bool) {
        let mut moved = self.moved.subscribe();
        let asked = async {
            while !self.recorders.lock().unwrap()[&session]
                .requests
                .iter()
                .any(&wanted)
            {
                moved.changed().await.expect("the host lives");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asked)
            .await
            .unwrap_or_else(|_| panic!("never asked: {:?}", self.requests(session)));
    }

    fn take(&self, session: SessionId, request: &Request) {
        match request {
            Request::Prompt { prompt_id, .. } => self.prompt(session, *prompt_id),
            Request::Withdraw { prompt_id } => self.with(session, |recorder| {
                recorder.waiting.retain(|waiting| waiting != prompt_id);
            }),
            Request::Answer {
                request_id,
                answer,
                by,
            } => {
                use ah_rest_api_contract::PermissionAnswer as A;
                let (outcome, option_id) = match answer {
                    A::Select(option) => (PermissionOutcome::Selected, Some(option.clone())),
                    A::Cancel => (PermissionOutcome::Cancelled, None),
                };
                self.event(
                    session,
                    EventPayload::PermissionResolved(PermissionResolved {
                        request_id: *request_id,
                        outcome,
                        option_id,
                        by: by.clone(),
                    }),
                );
            }
            Request::Interrupt => self.turn_over(session, TurnOutcome::Interrupted),
            Request::Pause => {
                self.with(session, |recorder| recorder.frozen = true);
                self.fact(session, Fact::Paused);
            }
            Request::Resume => {
                self.with(session, |recorder| recorder.frozen = false);
                self.fact(session, Fact::Resumed);
            }
            Request::Shutdown {
                manner: ShutdownManner::Finish,
            } => {
                self.end(
                    session,
                    AgentEnd {
                        exit_code: Some(0),
                        ..AgentEnd::default()
                    },
                );
            }
            Request::Shutdown {
                manner: ShutdownManner::Stop,
            } => {
                self.end(
                    session,
                    AgentEnd {
                        signal: Some(15),
                        ..AgentEnd::default()
                    },
                );
            }
            Request::Shutdown {
                manner: ShutdownManner::Kill,
            } => {
                self.end(
                    session,
                    AgentEnd {
                        signal: Some(9),
                        ..AgentEnd::default()
                    },
                );
            }
        }
        // What was asked for is seen only once it has had its effect.
        self.with(session, |recorder| recorder.requests.push(request.clone()));
    }

    pub(crate) fn is_frozen(&self, session: SessionId) -> bool {
        self.with(session, |recorder| recorder.frozen)
    }
}

struct Line {
    host: Arc<Host>,
    session: SessionId,
}

#[async_trait]
impl Requests for Line {
    async fn send(&mut self, request: &Request) -> std::io::Result<()> {
        self.host.take(self.session, request);
        Ok(())
    }
}

/// The host as an engine holds it.
pub(crate) struct Hosted(pub(crate) Arc<Host>);

#[async_trait]
impl Executor for Hosted {
    async fn provision(&self, request: &WorkspaceRequest) -> Result<Provisioned, ExecutorError> {
        if let Some(message) = self.0.refusal.lock().unwrap().clone() {
            return Err(ExecutorError {
                message,
                field: None,
                source: None,
            });
        }
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
        self.0.with(session, |recorder| recorder.alive = true);
        let alive = self
            .0
            .recorders
            .lock()
            .unwrap()
            .values()
            .filter(|r| r.alive)
            .count();
        let mut most = self.0.most_alive.lock().unwrap();
        *most = alive.max(*most);
        drop(most);
        self.0.fact(session, Fact::AgentStarted { pid: 1 });
        self.0.fact(
            session,
            Fact::AgentReady {
                version: Some("1.0".into()),
                agent_session_id: None,
            },
        );
        self.0
            .begin_turn(session, spec.prompt_id, PromptDelivery::Initial);
        Ok(())
    }

    async fn recorder_state(&self, session: SessionId) -> Result<RecorderState, ExecutorError> {
        self.0.may_fail()?;
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
        let host = self.0.clone();
        let caught_up = host.with(session, |recorder| recorder.journal.len() as u64);
        let state = (
            host.clone(),
            host.moved.subscribe(),
            from.0,
            caught_up,
            false,
        );
        let frames = stream::unfold(state, move |(host, mut moved, at, end, said)| async move {
            loop {
                moved.mark_unchanged();
                if at >= end && !said {
                    return Some((Ok(Frame::CaughtUp), (host, moved, at, end, true)));
                }
                let (record, alive) = host.recorders.lock().unwrap().get(&session).map(|r| {
                    (
                        r.journal.get(usize::try_from(at).unwrap()).cloned(),
                        r.alive,
                    )
                })?;
                if let Some(record) = record {
                    let frame = Frame::Record {
                        next: at + 1,
                        record,
                    };
                    return Some((Ok(frame), (host, moved, at + 1, end, said)));
                }
                if !alive {
                    return None;
                }
                moved.changed().await.ok()?;
            }
        });
        let line = Line {
            host: self.0.clone(),
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
            let journal = recorder
                .journal
                .iter()
                .enumerate()
                .skip(from.0 as usize)
                .take(limit);
            journal
                .map(|(at, record)| (record.clone(), JournalPosition(at as u64 + 1)))
                .collect()
        }))
    }

    async fn sweep(&self, _session: SessionId) -> Result<u32, ExecutorError> {
        self.0.may_fail()?;
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
        Ok(ChangeSummary {
            files_changed: 1,
            lines_added: 2,
            lines_removed: 3,
        })
    }

    async fn discard(&self, session: SessionId) -> Result<(), ExecutorError> {
        if *self.0.immovable.lock().unwrap() {
            return Err(ExecutorError {
                message: "it is immutable".into(),
                field: None,
                source: None,
            });
        }
        self.0.discarded.lock().unwrap().push(session);
        Ok(())
    }

    async fn branches(&self, _source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError> {
        let last_commit = Ulid::nil().to_string();
        Ok(vec![Branch {
            name: "main".into(),
            is_default: true,
            last_commit,
        }])
    }
}

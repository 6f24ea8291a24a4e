//! One recorder: the conversation that every recorder has, with an agent in memory and a journal
//! in a `Vec`.

use std::collections::{BTreeMap, BTreeSet};

use ah_executor::AgentLaunch;
use ah_lifecycle::permission;
use ah_lifecycle::turns::{
    AgentOutput, Conversation, Effects, Identifiers, Moment, Opening, ProcessRequest,
};
use ah_lifecycle::{
    AgentEnd, Fact, JournalEntry, JournalRecord, Request, ShutdownManner, TurnOutcome,
};
use ah_rest_api_contract::{
    AgentState, EphemeralEvent, EventPayload, PermissionId, PermissionRequested, RecorderInfo,
    SessionStatus, Timestamp,
};
use ah_scenario::AgentStep;

use super::agent::{Behavior, HostAgent};

#[derive(Default)]
pub(super) struct Recorder {
    pub(super) journal: Vec<JournalRecord>,
    pub(super) alive: bool,
    pub(super) frozen: bool,
    /// True if the recorder answers that its disk takes no data.
    pub(super) waits_for_disk: bool,
    pub(super) requests: Vec<Request>,
    pub(super) launched_with: Vec<(String, String)>,
    /// The ephemeral events that are to be sent.
    pub(super) shown: Vec<EphemeralEvent>,
    /// The requests that are postponed while their status is held.
    pub(super) postponed: Vec<Request>,
    conversation: Option<Conversation<HostAgent>>,
    /// The pending permission requests that the test made itself.
    made_by_test: BTreeMap<PermissionId, PermissionRequested>,
}

impl Recorder {
    /// Starts the agent, unless the session had one before.
    pub(super) fn launch(&mut self, launch: &AgentLaunch, behavior: Behavior, now: Moment) {
        if self.conversation.is_some() {
            return;
        }
        self.alive = true;
        self.launched_with = launch.env.clone().into_iter().collect();
        let agent = HostAgent::new(behavior, launch);
        let opening = Opening {
            session_id: launch.session,
            prompt_id: launch.prompt_id,
            prompt: launch.prompt.clone(),
            author: launch.author.clone(),
            permissions: launch.permissions.clone(),
            workspace: launch.workspace.to_string_lossy().into_owned(),
        };
        // Sessions of one engine have consecutive identifiers.
        let ids = Identifiers::seeded(launch.session.ulid().0 << 16);
        self.conversation = Some(Conversation::new(opening, agent, ids));
        self.fact(Fact::AgentStarted { pid: 1 }, now);
        self.converse(now, Conversation::begin);
    }

    /// Returns the state of the recorder, if it lives.
    pub(super) fn info(&self, now: Timestamp) -> Option<RecorderInfo> {
        let conversation = self.conversation.as_ref().filter(|_| self.alive)?;
        let count = |count: usize| u32::try_from(count).unwrap();
        let pending = conversation.pending_permissions() + self.made_by_test.len();
        let agent = match conversation {
            it if it.is_starting() => AgentState::Starting,
            it if it.is_in_turn() => AgentState::InTurn,
            _ => AgentState::Idle,
        };
        let info = RecorderInfo::new(1_u32, ah_scenario::AGENT_TYPE, agent, now)
            .with_agent_pid(1)
            .with_is_paused(self.frozen)
            .with_is_attended(true)
            .with_is_waiting_for_disk(self.waits_for_disk)
            .with_waiting_prompts(count(conversation.waiting_prompts()))
            .with_pending_permissions(count(pending))
            .with_journal_len(self.journal.len() as u64)
            .with_processes(1);
        Some(info)
    }

    pub(super) fn append(&mut self, entry: JournalEntry, now: Moment) {
        if let JournalEntry::Event(EventPayload::PermissionRequest(request)) = &entry {
            self.made_by_test
                .insert(request.request_id, request.clone());
        }
        self.append_record(JournalRecord {
            ts: now.wall,
            entry,
            raw: None,
        });
    }

    fn append_record(&mut self, record: JournalRecord) {
        if self.alive {
            self.journal.push(record);
        }
    }

    fn fact(&mut self, fact: Fact, now: Moment) {
        self.append(JournalEntry::Fact(fact), now);
    }

    pub(super) fn end(&mut self, end: AgentEnd, now: Moment) {
        self.call(|conversation, effects| {
            conversation.agent_ended(now, effects);
        });
        self.fact(Fact::Ended(end), now);
        self.alive = false;
    }

    fn exit(&mut self, exit_code: Option<i32>, signal: Option<i32>, now: Moment) {
        let end = AgentEnd {
            exit_code,
            signal,
            ..AgentEnd::default()
        };
        self.end(end, now);
    }

    /// Carries out a request, unless the status that it would end is `held`.
    pub(super) fn take(&mut self, request: &Request, held: &BTreeSet<SessionStatus>, now: Moment) {
        let ends = match request {
            Request::Pause => Some(SessionStatus::Pausing),
            Request::Resume => Some(SessionStatus::Resuming),
            Request::Shutdown {
                manner: ShutdownManner::Stop | ShutdownManner::Kill,
            } => Some(SessionStatus::Stopping),
            _ => None,
        };
        if ends.is_some_and(|status| held.contains(&status)) {
            self.postponed.push(request.clone());
            return;
        }
        self.carry_out(request.clone(), now);
        // Tests see a request once it has had its effect.
        self.requests.push(request.clone());
    }

    fn carry_out(&mut self, request: Request, now: Moment) {
        if let Request::Answer {
            request_id,
            answer,
            by,
        } = &request
            && let Some(request) = self.made_by_test.remove(request_id)
        {
            let resolved = permission::answered(&request, answer, by);
            let resolved = EventPayload::PermissionResolved(resolved);
            return self.append(JournalEntry::Event(resolved), now);
        }
        let mut processes = None;
        self.call(|conversation, effects| {
            processes = conversation.on_request(request, now, effects);
        });
        match processes {
            None => self.play(now),
            Some(ProcessRequest::Pause) => {
                self.frozen = true;
                self.fact(Fact::Paused, now);
            }
            Some(ProcessRequest::Resume) => {
                self.frozen = false;
                self.fact(Fact::Resumed, now);
                self.play(now);
            }
            Some(ProcessRequest::Shutdown(manner)) => match manner {
                ShutdownManner::Finish => self.exit(Some(0), None, now),
                ShutdownManner::Stop => self.exit(None, Some(15), now),
                ShutdownManner::Kill => self.exit(None, Some(9), now),
            },
        }
    }

    /// Ends the turn, as the agent would.
    pub(super) fn end_turn(&mut self, now: Moment) {
        self.converse(now, |conversation, effects| {
            let ended = AgentOutput::TurnEnded(TurnOutcome::Completed);
            conversation.output(ended, now, effects);
        });
    }

    /// Resolves the permission requests that have expired.
    pub(super) fn expire(&mut self, now: Moment) {
        self.converse(now, |conversation, effects| {
            conversation.on_time(now, effects);
        });
    }

    /// Calls the conversation, and lets the agent go on.
    fn converse(
        &mut self,
        now: Moment,
        call: impl FnOnce(&mut Conversation<HostAgent>, &mut Effects),
    ) {
        self.call(call);
        self.play(now);
    }

    /// Lets the agent go on as far as it can. Waits of a script take no time.
    fn play(&mut self, now: Moment) {
        while self.alive
            && !self.frozen
            && let Some(conversation) = &mut self.conversation
        {
            match conversation.agent_mut().play() {
                AgentStep::Output(output) => self.call(|conversation, effects| {
                    conversation.output(output, now, effects);
                }),
                AgentStep::Wait(_) => {}
                AgentStep::Blocked => return,
                AgentStep::Exited { exit_code, signal } => self.exit(exit_code, signal, now),
            }
        }
    }

    fn call(&mut self, call: impl FnOnce(&mut Conversation<HostAgent>, &mut Effects)) {
        let Some(conversation) = &mut self.conversation else {
            return;
        };
        let mut effects = Effects::default();
        call(conversation, &mut effects);
        for record in effects.records {
            self.append_record(record);
        }
        let shown = effects.ephemeral.into_iter().map(|(_, event)| event);
        self.shown.extend(shown);
    }
}

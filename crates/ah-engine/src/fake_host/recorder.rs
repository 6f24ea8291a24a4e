//! One recorder, and the agent that it has instead of a process.

use std::collections::{BTreeSet, VecDeque};

use ah_agents::LaunchSpec;
use ah_agents::protocol::{
    AgentEnd, Fact, JournalEntry, JournalRecord, Request, ShutdownManner, TurnOutcome,
};
use ah_lifecycle::permission;
use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, Message, MessageId, MessageRole, PermissionId, PermissionPolicy,
    PermissionRequested, PermissionResolved, PromptContent, PromptDelivery, PromptId,
    SessionStatus, Thought, Timestamp,
};
use ah_scenario::{Cue, Performance, PermissionAsk, Settings};
use ulid::Ulid;

use super::Temper;

/// A prompt on its way to the agent.
#[derive(Clone)]
struct Said {
    id: PromptId,
    content: PromptContent,
    author: String,
}

#[derive(Default)]
pub(super) struct Recorder {
    pub(super) journal: Vec<JournalRecord>,
    pub(super) alive: bool,
    pub(super) frozen: bool,
    pub(super) requests: Vec<Request>,
    pub(super) launched_with: Vec<(String, String)>,
    /// What is to be shown and not written down.
    pub(super) shown: Vec<EphemeralEvent>,
    /// What was asked for and is done once its status is no longer held.
    pub(super) postponed: Vec<Request>,
    temper: Option<Temper>,
    performance: Option<Performance>,
    policy: PermissionPolicy,
    workspace: String,
    /// The permission requests that wait.
    open: Vec<PermissionRequested>,
    seen: BTreeSet<PromptId>,
    busy: bool,
    waiting: VecDeque<Said>,
    /// Names what the recorder has to name.
    named: u128,
}

impl Recorder {
    /// Starts the agent.
    pub(super) fn launch(&mut self, spec: &LaunchSpec, temper: Temper, now: Timestamp) {
        self.alive = true;
        self.temper = Some(temper);
        self.launched_with = spec.agent.env.clone().into_iter().collect();
        self.policy = spec.permissions.clone();
        self.workspace = spec.workspace.to_string_lossy().into_owned();
        self.named = spec.session_id.ulid().0;
        if temper == Temper::Scripted {
            let settings = Settings::read(&spec.agent.settings).expect("the catalogue judged them");
            let first_message = self.name();
            let Settings {
                script, defines, ..
            } = settings;
            self.performance = Some(Performance::new(script, defines, first_message));
        }
        self.fact(Fact::AgentStarted { pid: 1 }, now);
        let ready = Fact::AgentReady {
            version: Some("1.0".into()),
            agent_session_id: None,
        };
        self.fact(ready, now);
        let first = Said {
            id: spec.prompt_id,
            content: spec.prompt.clone(),
            author: spec.author.clone(),
        };
        self.begin_turn(first, PromptDelivery::Initial, now);
    }

    pub(super) fn append(&mut self, entry: JournalEntry, ts: Timestamp) {
        if self.alive {
            self.journal.push(JournalRecord {
                ts,
                entry,
                raw: None,
            });
        }
    }

    fn fact(&mut self, fact: Fact, now: Timestamp) {
        self.append(JournalEntry::Fact(fact), now);
    }

    fn event(&mut self, event: EventPayload, now: Timestamp) {
        self.append(JournalEntry::Event(event), now);
    }

    pub(super) fn end(&mut self, end: AgentEnd, now: Timestamp) {
        self.fact(Fact::Ended(end), now);
        self.alive = false;
    }

    fn exit(&mut self, exit_code: Option<i32>, signal: Option<i32>, now: Timestamp) {
        let end = AgentEnd {
            exit_code,
            signal,
            ..AgentEnd::default()
        };
        self.end(end, now);
    }

    /// Carries a request out, unless what it would end is `held`.
    pub(super) fn take(
        &mut self,
        request: &Request,
        held: &BTreeSet<SessionStatus>,
        now: Timestamp,
    ) {
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
        self.carry_out(request, now);
        // What was asked for is seen only once it has had its effect.
        self.requests.push(request.clone());
    }

    fn carry_out(&mut self, request: &Request, now: Timestamp) {
        match request {
            Request::Prompt {
                prompt_id,
                content,
                author,
                steer,
            } => {
                let said = Said {
                    id: *prompt_id,
                    content: content.clone(),
                    author: author.clone(),
                };
                self.prompt(said, *steer, now);
            }
            Request::Withdraw { prompt_id } => self.waiting.retain(|said| said.id != *prompt_id),
            Request::Answer {
                request_id,
                answer,
                by,
            } => {
                let open = self.open.iter().find(|it| it.request_id == *request_id);
                let resolved = match open {
                    Some(request) => permission::answered(request, answer, by),
                    // The test asked, so it knows what was asked.
                    None => permission::answered(&asked_by_hand(*request_id, now), answer, by),
                };
                self.settle(resolved, now);
                self.play(now);
            }
            Request::Interrupt => {
                if let Some(performance) = &mut self.performance {
                    performance.give_up_turn();
                }
                self.turn_over(TurnOutcome::Interrupted, now);
            }
            Request::Pause => {
                self.frozen = true;
                self.fact(Fact::Paused, now);
            }
            Request::Resume => {
                self.frozen = false;
                self.fact(Fact::Resumed, now);
                self.play(now);
            }
            Request::Shutdown { manner } => match manner {
                ShutdownManner::Finish => self.exit(Some(0), None, now),
                ShutdownManner::Stop => self.exit(None, Some(15), now),
                ShutdownManner::Kill => self.exit(None, Some(9), now),
            },
        }
    }

    fn prompt(&mut self, said: Said, steer: bool, now: Timestamp) {
        if !self.seen.insert(said.id) {
            return;
        }
        if !self.busy {
            self.begin_turn(said, PromptDelivery::Queued, now);
        } else if steer && let Some(performance) = &mut self.performance {
            let answer = performance.steered(&said.content);
            self.message(said, PromptDelivery::Steered, now);
            self.event(answer, now);
        } else {
            self.waiting.push_back(said);
        }
    }

    fn begin_turn(&mut self, said: Said, delivery: PromptDelivery, now: Timestamp) {
        self.busy = true;
        let prompt_id = said.id;
        self.fact(
            Fact::TurnStarted {
                prompt_id,
                delivery,
            },
            now,
        );
        if let Some(performance) = &mut self.performance {
            performance.begin(&said.content);
        }
        self.message(said, delivery, now);
        match self.temper {
            Some(Temper::Diligent) => {
                let thought = Thought {
                    thought: "done".into(),
                    reasoning: None,
                };
                self.event(EventPayload::Thought(thought), now);
                self.turn_over(TurnOutcome::Completed, now);
            }
            Some(Temper::Scripted) => self.play(now),
            Some(Temper::Directed) | None => {}
        }
    }

    fn message(&mut self, said: Said, delivery: PromptDelivery, now: Timestamp) {
        let message = Message {
            role: MessageRole::User,
            message_id: MessageId::from_ulid(self.name()),
            content: said.content.blocks().to_vec(),
            author: Some(said.author),
            delivery: Some(delivery),
            prompt_id: Some(said.id),
        };
        self.event(EventPayload::Message(message), now);
    }

    /// The turn ends, and the next one begins if a prompt waits.
    pub(super) fn turn_over(&mut self, outcome: TurnOutcome, now: Timestamp) {
        for request in std::mem::take(&mut self.open) {
            let withdrawn = permission::withdrawn(&request, "agent");
            self.event(EventPayload::PermissionResolved(withdrawn), now);
        }
        self.fact(Fact::TurnEnded { outcome }, now);
        self.busy = false;
        if let Some(next) = self.waiting.pop_front() {
            self.begin_turn(next, PromptDelivery::Queued, now);
        }
    }

    /// Has a scripted agent go on, as far as it can.
    fn play(&mut self, now: Timestamp) {
        while self.alive
            && self.busy
            && !self.frozen
            && let Some(performance) = &mut self.performance
        {
            match performance.next_cue() {
                Cue::Wait(_) => {}
                Cue::Event(event) => self.event(event, now),
                Cue::Ephemeral(event) => self.shown.push(event),
                Cue::Ask(ask) => self.ask(ask, now),
                Cue::Stuck => return,
                Cue::TurnCompleted => self.turn_over(TurnOutcome::Completed, now),
                Cue::TurnFailed(reason) => self.turn_over(TurnOutcome::Failed { reason }, now),
                Cue::Exit(code) => self.exit(Some(i32::from(code)), None, now),
                Cue::Crash => self.exit(None, Some(6), now),
            }
        }
    }

    fn ask(&mut self, ask: PermissionAsk, now: Timestamp) {
        let request = PermissionRequested {
            request_id: PermissionId::from_ulid(self.name()),
            tool_name: ask.tool_name,
            tool_args: ask.tool_args,
            options: ask.options,
            expires_at: now.plus(self.policy.timeout()),
        };
        self.event(EventPayload::PermissionRequest(request.clone()), now);
        match permission::by_policy(&self.policy, &self.workspace, &request) {
            Some(resolved) => self.settle(resolved, now),
            None => self.open.push(request),
        }
    }

    fn settle(&mut self, resolved: PermissionResolved, now: Timestamp) {
        self.open.retain(|it| it.request_id != resolved.request_id);
        if let Some(performance) = &mut self.performance {
            performance.answered(resolved.option_id.as_deref());
        }
        self.event(EventPayload::PermissionResolved(resolved), now);
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        let expired: Vec<PermissionRequested> = self
            .open
            .extract_if(.., |request| request.expires_at <= now)
            .collect();
        for request in expired {
            let resolved = permission::expired(&self.policy, &request);
            self.settle(resolved, now);
            self.play(now);
        }
    }

    fn name(&mut self) -> Ulid {
        self.named += 1;
        Ulid(self.named)
    }
}

/// A request that a test has made up, of which the recorder knows the name alone.
fn asked_by_hand(request_id: PermissionId, now: Timestamp) -> PermissionRequested {
    PermissionRequested {
        request_id,
        tool_name: String::new(),
        tool_args: serde_json::Map::new(),
        options: Vec::new(),
        expires_at: now,
    }
}

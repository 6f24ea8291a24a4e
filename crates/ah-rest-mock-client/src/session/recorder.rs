//! The recorder and the agent of a session: the conversation that every recorder has, on a clock,
//! with an agent that plays a script.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ah_lifecycle::end::{self, ProcessEnd};
use ah_lifecycle::expire::{self, TimeLimits};
use ah_lifecycle::turns::{AgentOutput, Conversation, Effects, Identifiers, Moment, Opening};
use ah_lifecycle::{
    AgentEnd, Decision, EndCause, Ending, Fact, JournalEntry, JournalRecord, Refusal, Request,
    ShutdownManner, duty, finish, start,
};
use ah_rest_api_contract::{PromptId, SessionStatus, SessionWorkspace};
use ah_scenario::{AgentStep, ScriptedAgent, Speed};

use super::MockSession;

/// The parts that a session is played with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) agent: ScriptedAgent,
    pub(crate) speed: Speed,
    /// The workspace with its commit, or the reason why there is none.
    pub(crate) workspace: Result<(SessionWorkspace, Option<String>), String>,
    pub(crate) times: Arc<Times>,
}

/// The durations that are not the script's.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// The time to provision a workspace and start an agent.
    pub(crate) provisioning: Duration,
    /// The time to freeze processes, to let them go on, and to end them; each.
    pub(crate) control: Duration,
    /// The idle limit of a session whose task sets none.
    pub(crate) idle: Duration,
}

/// The recorder and the agent of one session.
pub(super) struct Recorder {
    setup: Setup,
    /// The conversation with the agent, once it was started.
    conversation: Option<Conversation<ScriptedAgent>>,
    /// The time at which a busy agent goes on.
    resumes_at: Option<Instant>,
    frozen: bool,
    /// The status whose work is in progress, with the time at which it is done.
    control: Option<(SessionStatus, Instant)>,
}

impl Recorder {
    pub(super) const fn new(setup: Setup) -> Self {
        Self {
            setup,
            conversation: None,
            resumes_at: None,
            frozen: false,
            control: None,
        }
    }

    fn is_in_turn(&self) -> bool {
        self.conversation
            .as_ref()
            .is_some_and(Conversation::is_in_turn)
    }
}

impl MockSession {
    /// Does everything that is due by `now`. Returns the time of the next call at the latest, or
    /// `None` if a decision has to come first. The work of a status in `held` is not done.
    pub(crate) fn advance(
        &mut self,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<Option<Instant>, Refusal> {
        if self.recorder.conversation.is_none() && !self.bring_up(now, held)? {
            return Ok(self.next_moment(now, held));
        }
        loop {
            if self.status().is_terminal() {
                return Ok(None);
            }
            self.expire(now)?;
            let finished = finish::decide(&self.view.record, &self.view.prompts);
            self.take_quietly(finished);
            let mut moved = self.carry_out_duties(now, held)?;
            moved |= self.play(now)?;
            if !moved {
                return Ok(self.next_moment(now, held));
            }
        }
    }

    fn take_quietly(&mut self, decision: Decision) {
        if let Decision::Change(change) = decision {
            self.apply(*change);
        }
    }

    /// Provisions the workspace and starts the agent. Returns true once there is an agent.
    fn bring_up(&mut self, now: Moment, held: &BTreeSet<SessionStatus>) -> Result<bool, Refusal> {
        match self.status() {
            SessionStatus::Provisioning => {}
            SessionStatus::Stopping => {
                if self.is_done(SessionStatus::Stopping, now, held) {
                    self.conclude(&ProcessEnd::Unneeded, now)?;
                }
                return Ok(false);
            }
            _ => return Ok(false),
        }
        if !self.is_done(SessionStatus::Provisioning, now, held) {
            return Ok(false);
        }
        let (workspace, commit) = match self.recorder.setup.workspace.clone() {
            Ok(made) => made,
            Err(why) => {
                let reason = format!("the workspace could not be created: {why}");
                self.conclude(&ProcessEnd::NeverStarted { reason }, now)?;
                return Ok(false);
            }
        };
        let path = workspace.path.to_string_lossy().into_owned();
        let record = &self.view.record;
        self.apply(start::provisioned(record, workspace, commit, now.wall));
        self.fact(Fact::AgentStarted { pid: 1 }, now)?;
        let launch = &self.view.record.launch;
        let opening = Opening {
            // The first prompt is the session's own, so it has the same identifier.
            prompt_id: PromptId::from_ulid(self.id().ulid()),
            prompt: self.session().prompt_blocks.clone(),
            author: launch.author.clone(),
            permissions: launch.permissions.clone(),
            workspace: path,
        };
        let agent = self.recorder.setup.agent.clone();
        let ids = Identifiers::seeded(self.id().ulid().0);
        self.recorder.conversation = Some(Conversation::new(opening, agent, ids));
        self.converse(now, Conversation::begin)?;
        Ok(true)
    }

    /// Calls the conversation and the agent, whose replies follow at once. Returns true if
    /// anything happened.
    fn converse(
        &mut self,
        now: Moment,
        call: impl FnOnce(&mut Conversation<ScriptedAgent>, &mut Effects),
    ) -> Result<bool, Refusal> {
        let Some(conversation) = &mut self.recorder.conversation else {
            return Ok(false);
        };
        let mut effects = Effects::default();
        call(conversation, &mut effects);
        while let Some(reply) = conversation.agent_mut().next_reply() {
            if matches!(reply, AgentOutput::TurnEnded(_)) {
                self.recorder.resumes_at = None;
            }
            conversation.output(reply, now, &mut effects);
        }
        self.put_into_effect(effects)
    }

    fn put_into_effect(&mut self, effects: Effects) -> Result<bool, Refusal> {
        let happened = !effects.records.is_empty() || !effects.ephemeral.is_empty();
        let mut shown = effects.ephemeral.into_iter().peekable();
        for (index, record) in effects.records.into_iter().enumerate() {
            while let Some((_, event)) = shown.next_if(|(before, _)| *before <= index) {
                self.show(event);
            }
            self.ingest(record)?;
        }
        for (_, event) in shown {
            self.show(event);
        }
        Ok(happened)
    }

    /// Returns true if the work that `status` stands for has been done. The first call begins it.
    fn is_done(
        &mut self,
        status: SessionStatus,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> bool {
        let times = &self.recorder.setup.times;
        let takes = if status == SessionStatus::Provisioning {
            times.provisioning
        } else {
            times.control
        };
        let done_at = match self.recorder.control {
            Some((asked, done_at)) if asked == status => done_at,
            _ => {
                let done_at = now.tick + takes;
                self.recorder.control = Some((status, done_at));
                done_at
            }
        };
        let done = done_at <= now.tick && !held.contains(&status);
        if done {
            self.recorder.control = None;
        }
        done
    }

    /// Carries out the requests that are due. Returns true if anything happened.
    fn carry_out_duties(
        &mut self,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<bool, Refusal> {
        let mut moved = false;
        for request in duty::requests(&self.view) {
            moved |= self.carry_out(request, now, held)?;
            if self.status().is_terminal() {
                break;
            }
        }
        Ok(moved)
    }

    fn carry_out(
        &mut self,
        request: Request,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<bool, Refusal> {
        match request {
            Request::Prompt {
                prompt_id,
                content,
                author,
                steer,
            } => self.converse(now, |conversation, effects| {
                conversation.prompt(prompt_id, content, author, steer, now, effects);
            }),
            Request::Withdraw { prompt_id } => self.converse(now, |conversation, _| {
                conversation.withdraw(prompt_id);
            }),
            Request::Answer {
                request_id,
                answer,
                by,
            } => self.converse(now, |conversation, effects| {
                conversation.answer(request_id, &answer, &by, now, effects);
            }),
            Request::Interrupt => self.converse(now, |conversation, effects| {
                conversation.interrupt(now, effects);
            }),
            Request::Pause => self.freeze(SessionStatus::Pausing, now, held),
            Request::Resume => self.freeze(SessionStatus::Resuming, now, held),
            Request::Shutdown { manner } => self.shut_down(manner, now, held),
        }
    }

    /// Freezes the agent or lets it go on, once the work of `status` has been done.
    fn freeze(
        &mut self,
        status: SessionStatus,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<bool, Refusal> {
        if !self.is_done(status, now, held) {
            return Ok(false);
        }
        self.recorder.frozen = status == SessionStatus::Pausing;
        let fact = if self.recorder.frozen {
            Fact::Paused
        } else {
            Fact::Resumed
        };
        self.fact(fact, now)?;
        Ok(true)
    }

    fn shut_down(
        &mut self,
        manner: ShutdownManner,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<bool, Refusal> {
        let (cause, exit_code, signal) = match manner {
            ShutdownManner::Finish => (EndCause::Finished, Some(0), None),
            ShutdownManner::Stop => (EndCause::Requested, None, Some(SIGTERM)),
            ShutdownManner::Kill => (EndCause::Requested, None, Some(SIGKILL)),
        };
        if !self.is_done(self.status(), now, held) {
            return Ok(false);
        }
        self.end(cause, exit_code, signal, now)?;
        Ok(true)
    }

    /// Ends the agent.
    fn end(
        &mut self,
        cause: EndCause,
        exit_code: Option<i32>,
        signal: Option<i32>,
        now: Moment,
    ) -> Result<(), Refusal> {
        self.converse(now, |conversation, effects| {
            conversation.agent_ended(now, effects);
        })?;
        let end = AgentEnd {
            exit_code,
            signal,
            cause: Some(cause),
            ..AgentEnd::default()
        };
        self.conclude(&ProcessEnd::Recorded(end), now)
    }

    /// Applies the terminal status.
    fn conclude(&mut self, process_end: &ProcessEnd, now: Moment) -> Result<(), Refusal> {
        let record = &self.view.record;
        if record.ending != Some(Ending::Cancel) && record.session.workspace.is_some() {
            self.count_changes(now.wall);
        }
        let view = &self.view;
        let change = end::decide(&view.record, &view.permissions, process_end, now.wall)?;
        self.apply(change);
        Ok(())
    }

    /// Lets the agent go on as far as it can by `now`. Returns true if anything happened.
    fn play(&mut self, now: Moment) -> Result<bool, Refusal> {
        if self.recorder.frozen || self.status().is_terminal() {
            return Ok(false);
        }
        let mut moved = false;
        while self.recorder.is_in_turn()
            && self.recorder.resumes_at.is_none_or(|at| at <= now.tick)
            && let Some(conversation) = &mut self.recorder.conversation
        {
            match conversation.agent_mut().play() {
                AgentStep::Output(output) => {
                    if matches!(
                        output,
                        AgentOutput::PermissionRequest(_) | AgentOutput::TurnEnded(_)
                    ) {
                        // What follows comes after the answer or the next prompt.
                        self.recorder.resumes_at = None;
                    }
                    self.converse(now, |conversation, effects| {
                        conversation.output(output, now, effects);
                    })?;
                }
                AgentStep::Wait(delay) => {
                    // Counted from the end of the wait before, so that a late call loses no time.
                    let from = self.recorder.resumes_at.unwrap_or(now.tick);
                    let delay = self.recorder.setup.speed.scale(delay);
                    self.recorder.resumes_at = Some(from + delay);
                }
                AgentStep::Blocked => {
                    self.recorder.resumes_at = None;
                    break;
                }
                AgentStep::Exited { exit_code, signal } => {
                    self.end(EndCause::Agent, exit_code, signal, now)?;
                    return Ok(true);
                }
            }
            moved = true;
        }
        Ok(moved)
    }

    /// Processes output of the agent that its script does not contain. Returns false without an
    /// effect if the agent does not run.
    pub(crate) fn output(&mut self, output: AgentOutput, now: Moment) -> Result<bool, Refusal> {
        let is_running = self.recorder.conversation.is_some() && !self.status().is_terminal();
        if is_running {
            self.converse(now, |conversation, effects| {
                conversation.output(output, now, effects);
            })?;
            self.wake.notify_one();
        }
        Ok(is_running)
    }

    /// Resolves the requests that were not answered in time, and ends a session at its limits.
    fn expire(&mut self, now: Moment) -> Result<(), Refusal> {
        self.converse(now, |conversation, effects| {
            conversation.on_time(now, effects);
        })?;
        let decision = expire::decide(&self.view, self.limits(), now.wall)?;
        self.take_quietly(decision);
        Ok(())
    }

    fn limits(&self) -> TimeLimits {
        TimeLimits {
            idle: self.recorder.setup.times.idle,
        }
    }

    fn fact(&mut self, fact: Fact, now: Moment) -> Result<(), Refusal> {
        self.ingest(JournalRecord {
            ts: now.wall,
            entry: JournalEntry::Fact(fact),
            raw: None,
        })
    }

    /// Returns the time at which something is due next.
    fn next_moment(&self, now: Moment, held: &BTreeSet<SessionStatus>) -> Option<Instant> {
        if self.status().is_terminal() {
            return None;
        }
        let recorder = &self.recorder;
        let control = recorder
            .control
            .filter(|(status, _)| !held.contains(status));
        let turn = recorder.resumes_at.filter(|_| !recorder.frozen);
        let answer = recorder
            .conversation
            .as_ref()
            .and_then(Conversation::next_deadline);
        let limit = expire::deadline(&self.view, self.limits());
        let limit = limit.map(|at| now.tick + at.since(now.wall));
        let moments = [control.map(|(_, at)| at), turn, answer, limit];
        // Something that is due already and was not done waits for a decision.
        moments
            .into_iter()
            .flatten()
            .filter(|at| *at > now.tick)
            .min()
    }
}

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

//! The recorder and the agent of a session, as the session's machine sees them: asked for what is
//! due, and telling what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ah_lifecycle::end::{self, Departure};
use ah_lifecycle::expire::{self, TimeLimits};
use ah_lifecycle::{
    AgentEnd, Decision, EndCause, Ending, Fact, JournalEntry, Refusal, Request, ShutdownManner,
    TurnOutcome, duty, finish, permission, start,
};
use ah_rest_api_contract::{
    EventPayload, Message, MessageId, MessageRole, PermissionId, PermissionRequested,
    PermissionResolved, PromptContent, PromptDelivery, PromptId, SessionStatus, SessionWorkspace,
    Timestamp,
};
use ah_scenario::{Cue, Performance, PermissionAsk, Speed};
use tokio::time::Instant;

use super::MockSession;
use crate::ids::Ids;

/// The moment it is, by the clock that sessions are dated by and by the one that is slept on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) tick: Instant,
}

/// What a session is played with.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) performance: Performance,
    pub(crate) speed: Speed,
    /// The version that the agent tells.
    pub(crate) version: String,
    /// The workspace it gets, with the commit it is at, or why it gets none.
    pub(crate) workspace: Result<(SessionWorkspace, Option<String>), String>,
    pub(crate) times: Arc<Times>,
}

/// How long things take that are not the script's.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// Making a workspace and starting an agent.
    pub(crate) provisioning: Duration,
    /// Freezing processes, letting them go on, and ending them; each.
    pub(crate) control: Duration,
    /// How long an idle session is kept when its task does not say.
    pub(crate) idle: Duration,
}

/// What the agent is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It was not started.
    Unborn,
    /// It waits for a prompt.
    Idle,
    /// It is on a turn, and does nothing before then.
    Turn { resumes_at: Instant },
    /// It exits, for this code or signal.
    Leaving {
        exit_code: Option<i32>,
        signal: Option<i32>,
    },
}

/// The recorder and the agent of one session.
pub(super) struct Recorder {
    stage: Stage,
    phase: Phase,
    frozen: bool,
    /// When what the status asks for will have been done, with the status that asks for it.
    control: Option<(SessionStatus, Instant)>,
}

impl Recorder {
    pub(super) const fn new(stage: Stage) -> Self {
        Self {
            stage,
            phase: Phase::Unborn,
            frozen: false,
            control: None,
        }
    }
}

impl MockSession {
    /// Does all that is due by `now`. Returns when it is to be called again at the latest; `None`
    /// when something has to be decided first. What is `held` stays undone.
    pub(crate) fn advance(
        &mut self,
        now: Moment,
        ids: &mut Ids,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<Option<Instant>, Refusal> {
        if self.recorder.phase == Phase::Unborn && !self.bring_up(now, ids, held)? {
            return Ok(self.next_moment(now, held));
        }
        loop {
            if self.status().is_terminal() {
                return Ok(None);
            }
            self.expire(now)?;
            let finished = finish::decide(&self.view.record, &self.view.prompts);
            self.take_quietly(finished, now);
            let mut moved = self.carry_out_duties(now, ids, held)?;
            moved |= self.play(now, ids)?;
            if !moved {
                return Ok(self.next_moment(now, held));
            }
        }
    }

    fn take_quietly(&mut self, decision: Decision, now: Moment) {
        if let Decision::Change(change) = decision {
            self.apply(*change, now.wall);
        }
    }

    /// Makes the workspace and starts the agent. Says whether there is an agent now.
    fn bring_up(
        &mut self,
        now: Moment,
        ids: &mut Ids,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<bool, Refusal> {
        match self.status() {
            SessionStatus::Provisioning => {}
            SessionStatus::Stopping => {
                if self.is_done(SessionStatus::Stopping, now, held) {
                    self.conclude(&Departure::NotWanted, now)?;
                }
                return Ok(false);
            }
            _ => return Ok(false),
        }
        if !self.is_done(SessionStatus::Provisioning, now, held) {
            return Ok(false);
        }
        let (workspace, commit) = match self.recorder.stage.workspace.clone() {
            Ok(made) => made,
            Err(why) => {
                let reason = format!("the workspace could not be made: {why}");
                self.conclude(&Departure::NeverStarted { reason }, now)?;
                return Ok(false);
            }
        };
        self.apply(start::provisioned(workspace, commit), now.wall);
        self.fact(Fact::AgentStarted { pid: 1 }, now)?;
        let ready = Fact::AgentReady {
            version: Some(self.recorder.stage.version.clone()),
            agent_session_id: None,
        };
        self.fact(ready, now)?;
        // The first prompt is the session's own, so it is named alike.
        let first = PromptId::from_ulid(self.id().ulid());
        let content = self.session().prompt_blocks.clone();
        let author = self.view.record.launch.author.clone();
        let delivery = PromptDelivery::Initial;
        self.begin_turn(first, &content, author, delivery, now, ids)?;
        Ok(true)
    }

    /// Whether what `status` asks for has been done, which is begun by asking.
    fn is_done(
        &mut self,
        status: SessionStatus,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> bool {
        let times = &self.recorder.stage.times;
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

    /// Does what the recorder is asked for. Says whether there was anything to do.
    fn carry_out_duties(
        &mut self,
        now: Moment,
        ids: &mut Ids,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<bool, Refusal> {
        let mut moved = false;
        for request in duty::requests(&self.view) {
            moved |= match request {
                // What was taken back has never been handed over here.
                Request::Withdraw { .. } => false,
                Request::Answer {
                    request_id,
                    answer,
                    by,
                } => {
                    let settle =
                        |request: &PermissionRequested| permission::answered(request, &answer, &by);
                    self.settle(request_id, settle, now)?;
                    true
                }
                Request::Interrupt => self.interrupt(now)?,
                Request::Prompt {
                    prompt_id,
                    content,
                    author,
                    steer,
                } => self.prompt(prompt_id, &content, author, steer, now, ids)?,
                Request::Pause => {
                    let done = self.is_done(SessionStatus::Pausing, now, held);
                    if done {
                        self.recorder.frozen = true;
                        self.fact(Fact::Paused, now)?;
                    }
                    done
                }
                Request::Resume => {
                    let done = self.is_done(SessionStatus::Resuming, now, held);
                    if done {
                        self.recorder.frozen = false;
                        self.fact(Fact::Resumed, now)?;
                    }
                    done
                }
                Request::Shutdown { manner } => self.shut_down(manner, now, held)?,
            };
            if self.status().is_terminal() {
                break;
            }
        }
        Ok(moved)
    }

    fn prompt(
        &mut self,
        id: PromptId,
        content: &PromptContent,
        author: String,
        steer: bool,
        now: Moment,
        ids: &mut Ids,
    ) -> Result<bool, Refusal> {
        match self.recorder.phase {
            Phase::Idle => {
                self.begin_turn(id, content, author, PromptDelivery::Queued, now, ids)?;
                Ok(true)
            }
            Phase::Turn { .. } if steer => {
                self.message(id, content, author, PromptDelivery::Steered, now, ids)?;
                let answer = self.recorder.stage.performance.steered(content);
                self.tell(JournalEntry::Event(answer), now.wall)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn begin_turn(
        &mut self,
        prompt_id: PromptId,
        content: &PromptContent,
        author: String,
        delivery: PromptDelivery,
        now: Moment,
        ids: &mut Ids,
    ) -> Result<(), Refusal> {
        let fact = Fact::TurnStarted {
            prompt_id,
            delivery,
        };
        self.fact(fact, now)?;
        self.message(prompt_id, content, author, delivery, now, ids)?;
        self.recorder.stage.performance.begin(content);
        self.recorder.phase = Phase::Turn {
            resumes_at: now.tick,
        };
        Ok(())
    }

    fn message(
        &mut self,
        prompt_id: PromptId,
        content: &PromptContent,
        author: String,
        delivery: PromptDelivery,
        now: Moment,
        ids: &mut Ids,
    ) -> Result<(), Refusal> {
        let message = Message {
            role: MessageRole::User,
            message_id: MessageId::from_ulid(ids.next(now.wall)),
            content: content.blocks().to_vec(),
            author: Some(author),
            delivery: Some(delivery),
            prompt_id: Some(prompt_id),
        };
        self.tell(
            JournalEntry::Event(EventPayload::Message(message)),
            now.wall,
        )
    }

    fn interrupt(&mut self, now: Moment) -> Result<bool, Refusal> {
        if !matches!(self.recorder.phase, Phase::Turn { .. }) {
            return Ok(false);
        }
        self.recorder.stage.performance.give_up_turn();
        self.end_turn(TurnOutcome::Interrupted, now)?;
        Ok(true)
    }

    fn end_turn(&mut self, outcome: TurnOutcome, now: Moment) -> Result<(), Refusal> {
        for request in self.open_requests() {
            let withdrawn = permission::withdrawn(&request, "agent");
            self.resolve(withdrawn, now)?;
        }
        self.recorder.phase = Phase::Idle;
        self.fact(Fact::TurnEnded { outcome }, now)
    }

    /// Ends the agent, as it is asked to or as it goes by itself.
    fn shut_down(
        &mut self,
        manner: ShutdownManner,
        now: Moment,
        held: &BTreeSet<SessionStatus>,
    ) -> Result<bool, Refusal> {
        let (cause, exit_code, signal) = match manner {
            ShutdownManner::Finish => (EndCause::Finished, Some(0), None),
            ShutdownManner::Stop => (EndCause::Told, None, Some(SIGTERM)),
            ShutdownManner::Kill => (EndCause::Told, None, Some(SIGKILL)),
        };
        if !self.is_done(self.status(), now, held) {
            return Ok(false);
        }
        self.end(cause, exit_code, signal, now)?;
        Ok(true)
    }

    fn end(
        &mut self,
        cause: EndCause,
        exit_code: Option<i32>,
        signal: Option<i32>,
        now: Moment,
    ) -> Result<(), Refusal> {
        let end = AgentEnd {
            exit_code,
            signal,
            cause: Some(cause),
            ..AgentEnd::default()
        };
        self.conclude(&Departure::Told(end), now)
    }

    /// Says the last word.
    fn conclude(&mut self, departure: &Departure, now: Moment) -> Result<(), Refusal> {
        let record = &self.view.record;
        let mut change = end::decide(record, &self.view.permissions, departure, now.wall)?;
        if record.ending != Some(Ending::Cancel) && record.session.workspace.is_some() {
            change.patch.changes = Some(self.changes.summary());
        }
        self.apply(change, now.wall);
        Ok(())
    }

    /// Has the agent go on. Says whether it did anything.
    fn play(&mut self, now: Moment, ids: &mut Ids) -> Result<bool, Refusal> {
        if self.recorder.frozen || self.status().is_terminal() {
            return Ok(false);
        }
        let mut moved = false;
        while let Phase::Turn { resumes_at } = self.recorder.phase
            && resumes_at <= now.tick
        {
            match self.recorder.stage.performance.next_cue() {
                Cue::Wait(delay) => {
                    // From when the agent was to go on, so that time is kept however late it is.
                    let resumes_at = resumes_at + self.recorder.stage.speed.scale(delay);
                    self.recorder.phase = Phase::Turn { resumes_at };
                }
                Cue::Event(event) => self.tell(JournalEntry::Event(event), now.wall)?,
                Cue::Ephemeral(event) => self.show(event),
                Cue::Ask(ask) => self.ask(ask, now, ids)?,
                Cue::Stuck => break,
                Cue::TurnCompleted => self.end_turn(TurnOutcome::Completed, now)?,
                Cue::TurnFailed(reason) => self.end_turn(TurnOutcome::Failed { reason }, now)?,
                Cue::Exit(code) => self.leave(Some(i32::from(code)), None),
                Cue::Crash => self.leave(None, Some(SIGABRT)),
            }
            moved = true;
        }
        if let Phase::Leaving { exit_code, signal } = self.recorder.phase {
            self.end(EndCause::Agent, exit_code, signal, now)?;
            moved = true;
        }
        Ok(moved)
    }

    const fn leave(&mut self, exit_code: Option<i32>, signal: Option<i32>) {
        self.recorder.phase = Phase::Leaving { exit_code, signal };
    }

    fn ask(&mut self, ask: PermissionAsk, now: Moment, ids: &mut Ids) -> Result<(), Refusal> {
        let policy = self.view.record.launch.permissions.clone();
        let request = PermissionRequested {
            request_id: PermissionId::from_ulid(ids.next(now.wall)),
            tool_name: ask.tool_name,
            tool_args: ask.tool_args,
            options: ask.options,
            expires_at: now.wall.plus(policy.timeout()),
        };
        let workspace = self.session().workspace.as_ref();
        let path = workspace.map_or(String::new(), |it| it.path.to_string_lossy().into_owned());
        let judged = permission::by_policy(&policy, &path, &request);
        self.tell(
            JournalEntry::Event(EventPayload::PermissionRequest(request)),
            now.wall,
        )?;
        match judged {
            Some(resolved) => self.settle_as(resolved, now),
            None => Ok(()),
        }
    }

    /// The requests that wait for an answer, or whose answer the agent was not yet told.
    fn open_requests(&self) -> Vec<PermissionRequested> {
        use ah_rest_api_contract::PermissionState::Resolved;
        let known = self.view.permissions.iter().map(|known| &known.permission);
        let open = known.filter(|permission| permission.state != Resolved);
        open.map(|permission| permission.request.clone()).collect()
    }

    fn settle(
        &mut self,
        id: PermissionId,
        settle: impl FnOnce(&PermissionRequested) -> PermissionResolved,
        now: Moment,
    ) -> Result<(), Refusal> {
        let open = self.open_requests();
        match open.iter().find(|request| request.request_id == id) {
            Some(request) => self.settle_as(settle(request), now),
            None => Ok(()),
        }
    }

    /// Tells the agent how its request was settled.
    fn settle_as(&mut self, resolved: PermissionResolved, now: Moment) -> Result<(), Refusal> {
        let option = resolved.option_id.clone();
        self.recorder.stage.performance.answered(option.as_deref());
        // It goes on from now, however long the answer took.
        if let Phase::Turn { resumes_at } = &mut self.recorder.phase {
            *resumes_at = now.tick.max(*resumes_at);
        }
        self.resolve(resolved, now)
    }

    fn resolve(&mut self, resolved: PermissionResolved, now: Moment) -> Result<(), Refusal> {
        self.tell(
            JournalEntry::Event(EventPayload::PermissionResolved(resolved)),
            now.wall,
        )
    }

    /// Settles what nobody answered in time, and ends a session that takes too long.
    fn expire(&mut self, now: Moment) -> Result<(), Refusal> {
        for request in self.open_requests() {
            if request.expires_at <= now.wall {
                let expired = permission::expired(&self.view.record.launch.permissions, &request);
                self.settle_as(expired, now)?;
            }
        }
        let decision = expire::decide(&self.view.record, self.limits(), now.wall)?;
        self.take_quietly(decision, now);
        Ok(())
    }

    fn limits(&self) -> TimeLimits {
        TimeLimits {
            idle: self.recorder.stage.times.idle,
        }
    }

    fn fact(&mut self, fact: Fact, now: Moment) -> Result<(), Refusal> {
        self.tell(JournalEntry::Fact(fact), now.wall)
    }

    /// When something is due next.
    fn next_moment(&self, now: Moment, held: &BTreeSet<SessionStatus>) -> Option<Instant> {
        if self.status().is_terminal() {
            return None;
        }
        let control = self
            .recorder
            .control
            .filter(|(status, _)| !held.contains(status));
        let turn = match self.recorder.phase {
            Phase::Turn { resumes_at } if !self.recorder.frozen => Some(resumes_at),
            _ => None,
        };
        let limit = expire::deadline(&self.view.record, self.limits());
        let answers = self
            .open_requests()
            .into_iter()
            .map(|request| request.expires_at);
        let by_date = answers.chain(limit).min();
        let by_date = by_date.map(|at| now.tick + at.since(now.wall));
        let moments = [control.map(|(_, at)| at), turn, by_date];
        // What is due already and was not done waits for a decision.
        moments
            .into_iter()
            .flatten()
            .filter(|at| *at > now.tick)
            .min()
    }
}

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

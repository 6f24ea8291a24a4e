//! The progress of a session over time: what a supervisor does.

use std::collections::BTreeSet;
use std::time::Instant;

use ah_lifecycle::end::ProcessEnd;
use ah_lifecycle::expire::{self, TimeLimits};
use ah_lifecycle::turns::{Conversation, Identifiers, Moment, Opening};
use ah_lifecycle::{Decision, Fact, Refusal, finish, start};
use ah_rest_api_contract::{PromptId, SessionStatus};

use super::MockSession;

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
            session_id: self.id(),
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

    /// Returns true if the work that `status` stands for has been done. The first call begins it.
    pub(super) fn is_done(
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

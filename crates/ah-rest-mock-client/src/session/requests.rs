//! The requests to the recorder of a session, and the end of its agent.

use std::collections::BTreeSet;

use ah_lifecycle::end::{self, ProcessEnd};
use ah_lifecycle::turns::{Moment, ProcessRequest};
use ah_lifecycle::{
    AgentEnd, EndCause, Ending, Fact, JournalEntry, JournalRecord, Refusal, Request,
    ShutdownManner, duty,
};
use ah_rest_api_contract::SessionStatus;

use super::MockSession;

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

impl MockSession {
    /// Carries out the requests that are due. Returns true if anything happened.
    pub(super) fn carry_out_duties(
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
        let mut processes = None;
        let happened = self.converse(now, |conversation, effects| {
            processes = conversation.on_request(request, now, effects);
        })?;
        match processes {
            None => Ok(happened),
            Some(ProcessRequest::Pause) => self.freeze(SessionStatus::Pausing, now, held),
            Some(ProcessRequest::Resume) => self.freeze(SessionStatus::Resuming, now, held),
            Some(ProcessRequest::Shutdown(manner)) => self.shut_down(manner, now, held),
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
    pub(super) fn end(
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
    pub(super) fn conclude(
        &mut self,
        process_end: &ProcessEnd,
        now: Moment,
    ) -> Result<(), Refusal> {
        let record = &self.view.record;
        if record.ending != Some(Ending::Cancel) && record.session.workspace.is_some() {
            self.count_changes(now.wall);
        }
        let view = &self.view;
        let change = end::decide(&view.record, &view.permissions, process_end, now.wall)?;
        self.apply(change);
        Ok(())
    }

    pub(super) fn fact(&mut self, fact: Fact, now: Moment) -> Result<(), Refusal> {
        self.ingest(JournalRecord {
            ts: now.wall,
            entry: JournalEntry::Fact(fact),
            raw: None,
        })
    }
}

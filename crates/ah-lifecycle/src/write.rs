//! What changes of a session, piece by piece.

use ah_rest_api_contract::{
    Activity, ChangeSummary, EventPayload, Permission, PermissionAnswer, PermissionId,
    PermissionResolved, Prompt, PromptId, PromptState, SessionStatus, SessionWorkspace, Timestamp,
    Usage,
};

use crate::{Ending, JournalPosition, TurnEnd};

/// An event to append. The store gives it its `seq`.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// When it happened.
    pub ts: Timestamp,
    /// What happened.
    pub payload: EventPayload,
}

/// What changes of a session. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionPatch {
    /// The status.
    pub status: Option<SessionStatus>,
    /// What it is doing; `Some(None)` when it no longer does anything.
    pub activity: Option<Option<Activity>>,
    /// Why it has its status; `Some(None)` clears it.
    pub reason: Option<Option<String>>,
    /// The agent's exit code.
    pub exit_code: Option<i32>,
    /// How it is meant to end.
    pub ending: Option<Ending>,
    /// Whether the agent's turn is to be interrupted.
    pub interrupt_requested: Option<bool>,
    /// How the agent's last turn ended.
    pub last_turn: Option<TurnEnd>,
    /// Its workspace; `Some(None)` once it is gone.
    pub workspace: Option<Option<SessionWorkspace>>,
    /// The commit it began at.
    pub commit: Option<String>,
    /// The version of its agent.
    pub agent_version: Option<String>,
    /// What its agent calls it.
    pub agent_session_id: Option<String>,
    /// When its agent started.
    pub started_at: Option<Timestamp>,
    /// When it ended. The session has no owner from then on.
    pub ended_at: Option<Timestamp>,
    /// How much it changed.
    pub changes: Option<ChangeSummary>,
    /// What it has used, in all.
    pub usage: Option<Usage>,
    /// How far its journal was taken into the log.
    pub journal: Option<JournalPosition>,
    /// Whether lists leave it out.
    pub hidden: Option<bool>,
}

impl SessionPatch {
    /// Lets `later` change what this does: a field that both set is as the later one says.
    pub fn merge(&mut self, later: Self) {
        fn over<T>(field: &mut Option<T>, later: Option<T>) {
            if later.is_some() {
                *field = later;
            }
        }
        // Every field is named, so that a new one cannot be forgotten.
        let Self {
            status,
            activity,
            reason,
            exit_code,
            ending,
            interrupt_requested,
            last_turn,
            workspace,
            commit,
            agent_version,
            agent_session_id,
            started_at,
            ended_at,
            changes,
            usage,
            journal,
            hidden,
        } = later;
        over(&mut self.status, status);
        over(&mut self.activity, activity);
        over(&mut self.reason, reason);
        over(&mut self.exit_code, exit_code);
        over(&mut self.ending, ending);
        over(&mut self.interrupt_requested, interrupt_requested);
        over(&mut self.last_turn, last_turn);
        over(&mut self.workspace, workspace);
        over(&mut self.commit, commit);
        over(&mut self.agent_version, agent_version);
        over(&mut self.agent_session_id, agent_session_id);
        over(&mut self.started_at, started_at);
        over(&mut self.ended_at, ended_at);
        over(&mut self.changes, changes);
        over(&mut self.usage, usage);
        over(&mut self.journal, journal);
        over(&mut self.hidden, hidden);
    }
}

/// A change of the prompt queue.
#[derive(Clone, Debug, PartialEq)]
pub enum PromptWrite {
    /// A new prompt, at the end of the queue.
    Enqueue(Prompt),
    /// A prompt has come further. A prompt that is not known is an error of the caller.
    Set(PromptId, PromptState),
    /// Every prompt that still waits has come to this.
    SetQueued(PromptState),
}

/// A change of the permission requests.
#[derive(Clone, Debug, PartialEq)]
pub enum PermissionWrite {
    /// The agent asks leave.
    Open(Permission),
    /// Somebody answered, and the agent is to be told.
    Answer {
        /// The request.
        request_id: PermissionId,
        /// The answer.
        answer: PermissionAnswer,
        /// Who gave it.
        by: String,
    },
    /// The agent was told, or no longer waits.
    Resolve(PermissionResolved),
}

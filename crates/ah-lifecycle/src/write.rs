//! The parts of a change of a session.

use ah_rest_api_contract::{
    Activity, ChangeSummary, EventPayload, Permission, PermissionAnswer, PermissionId,
    PermissionResolved, Prompt, PromptId, PromptState, SessionStatus, SessionWorkspace,
    StatusChange, Timestamp, Usage,
};

use serde::{Serialize, Serializer};

use crate::{Ending, JournalPosition, SessionRecord, TurnEnd};

/// An event to append. The store gives it its `seq`.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// The time of the event.
    pub ts: Timestamp,
    /// The payload.
    pub payload: EventPayload,
}

impl NewEvent {
    /// Creates the first event of a session's log.
    #[must_use]
    pub fn queued(ts: Timestamp) -> Self {
        Self {
            ts,
            payload: EventPayload::Status(StatusChange::new(SessionStatus::Queued)),
        }
    }
}

/// Declares the fields of [`SessionPatch`] once: the type of each, the field of the record that it
/// sets, and how it is serialised.
macro_rules! session_patch {
    ($(
        $(#[$attribute:meta])*
        $field:ident: $type:ty => $($target:ident).+;
    )+) => {
        /// A change of a session's fields. `None` keeps the value of a field.
        ///
        /// Serialises sparsely, as a store writes it: an unchanged field is absent, a cleared one
        /// is null, and times are milliseconds since the epoch.
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct SessionPatch {
            $(
                $(#[$attribute])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )+
        }

        impl SessionPatch {
            /// Adds `later` to this patch. A field that both set has the later value.
            pub fn merge(&mut self, later: Self) {
                $(
                    if later.$field.is_some() {
                        self.$field = later.$field;
                    }
                )+
            }

            /// Sets the changed fields of `record`.
            pub fn apply(&self, record: &mut SessionRecord) {
                $(
                    if let Some(value) = &self.$field {
                        record.$($target).+ = value.clone().into();
                    }
                )+
            }
        }
    };
}

session_patch! {
    /// The status.
    status: SessionStatus => session.status;
    /// The activity; `Some(None)` clears it.
    activity: Option<Activity> => session.activity;
    /// The reason of the status; `Some(None)` clears it.
    reason: Option<String> => session.reason;
    /// The agent's exit code.
    exit_code: i32 => session.exit_code;
    /// The way in which the session is meant to end.
    ending: Ending => ending;
    /// The request to interrupt the agent's turn.
    interrupt_requested: bool => interrupt_requested;
    /// The end of the agent's last turn; `Some(None)` clears it when a turn begins.
    last_turn: Option<TurnEnd> => last_turn;
    /// The workspace; `Some(None)` clears it.
    workspace: Option<SessionWorkspace> => session.workspace;
    /// The commit that the session began at.
    commit: String => session.repo.commit;
    /// The version of the agent.
    agent_version: String => session.agent.version;
    /// The agent's own id of the session.
    agent_session_id: String => agent_session_id;
    /// The time at which the agent started.
    #[serde(serialize_with = "millis")]
    started_at: Timestamp => session.started_at;
    /// The time of the end. The session has no owner from then on.
    #[serde(serialize_with = "millis")]
    ended_at: Timestamp => session.ended_at;
    /// The size of the session's changes.
    changes: ChangeSummary => session.changes;
    /// The total usage.
    usage: Usage => session.usage;
    /// The excerpt of the agent's last message.
    last_message: String => session.last_message;
    /// The position up to which the journal is in the log.
    journal: JournalPosition => journal;
    /// The absence from lists.
    hidden: bool => hidden;
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn millis<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Timestamp::as_unix_millis).serialize(serializer)
}

/// A change of the prompt queue.
#[derive(Clone, Debug, PartialEq)]
pub enum PromptWrite {
    /// A new prompt, at the end of the queue.
    Enqueue(Prompt),
    /// A new state of a prompt, which the session must have.
    Set(PromptId, PromptState),
    /// A new state of every queued prompt.
    SetQueued(PromptState),
    /// A new state of every prompt that was sent and to which the agent has not reacted.
    SetSent(PromptState),
}

/// A change of the permission requests.
#[derive(Clone, Debug, PartialEq)]
pub enum PermissionWrite {
    /// A new request of the agent.
    Open(Permission),
    /// An answer that the recorder must pass to the agent.
    Answer {
        /// The request.
        request_id: PermissionId,
        /// The answer.
        answer: PermissionAnswer,
        /// The author of the answer.
        by: String,
    },
    /// The resolution: the agent has the answer or no longer waits for one.
    Resolve(PermissionResolved),
}

//! The state machine of a session as clients see it.

use serde::Serialize;

use crate::word::words;

/// The status of a session.
///
/// ```text
/// queued → provisioning → running ⇄ (pausing → paused → resuming) → stopping
///                                 → stopped | completed | failed | cancelled
/// ```
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SessionStatus {
    /// The session waits for a free slot.
    Queued,
    /// The workspace is being created and the agent started.
    Provisioning,
    /// The process of the agent is alive.
    Running,
    /// The processes are being frozen.
    Pausing,
    /// All processes are frozen.
    Paused,
    /// The processes are being unfrozen.
    Resuming,
    /// The processes are being terminated.
    Stopping,
    /// The session ended on request; no process remains.
    Stopped,
    /// The agent finished successfully.
    Completed,
    /// The session ended for any other reason, which is recorded.
    Failed,
    /// The session was cancelled, and its workspace deleted.
    Cancelled,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

impl SessionStatus {
    /// Returns true if the status is final.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Stopped | Self::Completed | Self::Failed | Self::Cancelled
        )
    }

    /// Returns true if the session occupies a slot, unless it is [`Activity::Storing`]. The number of
    /// slots limits the number of concurrent sessions.
    #[must_use]
    pub const fn holds_slot(self) -> bool {
        !matches!(self, Self::Queued) && !self.is_terminal()
    }

    /// Returns true if a session in this status has an [`Activity`]: its agent lives, and the
    /// session is not being ended.
    #[must_use]
    pub const fn has_activity(self) -> bool {
        matches!(
            self,
            Self::Running | Self::Pausing | Self::Paused | Self::Resuming
        )
    }

    /// Returns true if a session in this status can change to `next` in one step.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use SessionStatus as S;
        match self {
            S::Queued => matches!(next, S::Provisioning | S::Stopped | S::Cancelled),
            S::Provisioning => matches!(next, S::Running | S::Stopping | S::Failed),
            S::Running => {
                matches!(next, S::Pausing | S::Stopping | S::Completed | S::Failed)
            }
            // The session returns to running if some process could not be frozen.
            S::Pausing => {
                matches!(
                    next,
                    S::Paused | S::Running | S::Stopping | S::Completed | S::Failed
                )
            }
            S::Paused => matches!(next, S::Resuming | S::Stopping | S::Failed),
            S::Resuming => {
                matches!(next, S::Running | S::Stopping | S::Completed | S::Failed)
            }
            S::Stopping => matches!(next, S::Stopped | S::Failed | S::Cancelled),
            S::Stopped | S::Completed | S::Failed | S::Cancelled | S::Unknown => false,
        }
    }

    /// Returns the result of requesting `action` in this status.
    #[must_use]
    pub const fn admits(self, action: SessionAction) -> Admission {
        use Admission::{Conflict, Ended, Perform, Repeat};
        use SessionAction as A;
        use SessionStatus as S;
        match (self, action) {
            // A prompt waits in the queue until the agent can accept it. It is refused during a
            // freeze, which has no known end.
            (S::Queued | S::Provisioning | S::Running | S::Resuming, A::Prompt) => Perform,
            (S::Pausing | S::Paused | S::Stopping, A::Prompt) => Conflict,

            (S::Running, A::Interrupt) => Perform,
            (S::Running, A::Pause) => Perform,
            (S::Pausing | S::Paused, A::Pause) => Repeat,
            (S::Paused, A::Resume) => Perform,
            (S::Resuming, A::Resume) => Repeat,
            (S::Running | S::Pausing | S::Paused | S::Resuming, A::AnswerPermission) => Perform,

            (S::Stopping | S::Stopped, A::Stop) => Repeat,
            (S::Cancelled, A::Cancel) => Repeat,
            // Cancelling an ended session only hides it.
            (S::Stopped | S::Completed | S::Failed, A::Cancel) => Perform,

            (S::Stopped | S::Completed | S::Failed | S::Cancelled, _) => Ended,
            (S::Unknown, _) => Conflict,
            (_, A::Stop | A::Cancel) => Perform,
            (_, A::Interrupt | A::Pause | A::Resume | A::AnswerPermission) => Conflict,
        }
    }
}

/// An action that a client can request of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::VariantArray)]
pub enum SessionAction {
    /// Sends a prompt to the agent.
    Prompt,
    /// Ends the agent's current turn, but not the session.
    Interrupt,
    /// Freezes all processes of the session.
    Pause,
    /// Unfreezes the processes.
    Resume,
    /// Ends the session.
    Stop,
    /// Ends the session and deletes its workspace.
    Cancel,
    /// Answers a permission request of the agent.
    AnswerPermission,
}

impl SessionAction {
    /// Every action.
    pub const ALL: [Self; 7] = *<Self as strum::VariantArray>::VARIANTS
        .first_chunk()
        .expect("there are 7 actions");

    /// Returns the action as a verb, for use in sentences.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Interrupt => "interrupt",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Cancel => "cancel",
            Self::AnswerPermission => "answer",
        }
    }
}

/// The result of requesting an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// The action is carried out.
    Perform,
    /// The action is already in effect: the request succeeds without any change.
    Repeat,
    /// The status does not allow the action: the request is a conflict.
    Conflict,
    /// The session has ended: a prompt or an answer is gone, any other action is a conflict.
    Ended,
}

/// The current activity of a running session.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Activity {
    /// The agent is in a turn.
    Working,
    /// The agent has finished its turn and waits for a prompt.
    Idle,
    /// The agent waits for the answer to a permission request.
    AwaitingPermission,
    /// The agent was told to end its turn and has not done so yet. An agent that ignores it is shut
    /// down.
    Interrupting,
    /// The agent has ended, and the changes of the session are being stored. The session holds no
    /// slot. Its status may also be one without another activity.
    Storing,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

words!(open SessionStatus, Activity);

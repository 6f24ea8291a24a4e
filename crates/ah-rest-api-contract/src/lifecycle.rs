//! The session's state machine as clients see it.

use serde::Serialize;

use crate::word::words;

/// Where a session is in its life.
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
    /// Waiting for a free slot.
    Queued,
    /// Its workspace is being made and its agent started.
    Provisioning,
    /// Its agent's process is alive.
    Running,
    /// Its processes are being frozen.
    Pausing,
    /// Every process of it is frozen.
    Paused,
    /// Its processes are being let go on.
    Resuming,
    /// Its processes are being ended.
    Stopping,
    /// Ended because somebody asked for it; no process is left.
    Stopped,
    /// Ended because the agent had finished, and well.
    Completed,
    /// Ended otherwise; the reason is said.
    Failed,
    /// Ended and given up: its workspace is gone too.
    Cancelled,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

impl SessionStatus {
    /// Whether nothing follows it.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Stopped | Self::Completed | Self::Failed | Self::Cancelled
        )
    }

    /// Whether the session takes one of the slots that the number of concurrent sessions bounds.
    #[must_use]
    pub const fn holds_slot(self) -> bool {
        !matches!(self, Self::Queued) && !self.is_terminal()
    }

    /// Whether a session in this status may go to `next` in one step.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use SessionStatus as S;
        match self {
            S::Queued => matches!(next, S::Provisioning | S::Stopped | S::Cancelled),
            S::Provisioning => matches!(next, S::Running | S::Stopping | S::Failed),
            S::Running => {
                matches!(next, S::Pausing | S::Stopping | S::Completed | S::Failed)
            }
            // Back to running when not every process could be frozen.
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

    /// What asking for `action` comes to in this status.
    #[must_use]
    pub const fn admits(self, action: SessionAction) -> Admission {
        use Admission::{Ended, Meaningless, Perform, Repeat};
        use SessionAction as A;
        use SessionStatus as S;
        match (self, action) {
            // A prompt waits in the queue until the agent can take it, but not behind a freeze,
            // of which nobody knows when it ends.
            (S::Queued | S::Provisioning | S::Running | S::Resuming, A::Prompt) => Perform,
            (S::Pausing | S::Paused | S::Stopping, A::Prompt) => Meaningless,

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
            (S::Unknown, _) => Meaningless,
            (_, A::Stop | A::Cancel) => Perform,
            (_, A::Interrupt | A::Pause | A::Resume | A::AnswerPermission) => Meaningless,
        }
    }
}

/// What may be asked of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::VariantArray)]
pub enum SessionAction {
    /// Say something to the agent.
    Prompt,
    /// End the agent's current turn, not the session.
    Interrupt,
    /// Freeze every process of the session.
    Pause,
    /// Let the frozen processes go on.
    Resume,
    /// End the session.
    Stop,
    /// End the session and give up its workspace.
    Cancel,
    /// Answer what the agent asked leave for.
    AnswerPermission,
}

impl SessionAction {
    /// Every action.
    pub const ALL: [Self; 7] = *<Self as strum::VariantArray>::VARIANTS
        .first_chunk()
        .expect("there are 7 actions");

    /// The action as a verb, for sentences.
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

/// What asking for an action comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// It is done.
    Perform,
    /// It was done already: a success that changes nothing.
    Repeat,
    /// The session is not in a state for it: a conflict.
    Meaningless,
    /// The session has ended: a prompt or an answer is gone, anything else a conflict.
    Ended,
}

/// What a running session is doing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Activity {
    /// The agent is on a turn.
    Working,
    /// The agent has finished its turn and waits for a prompt.
    Idle,
    /// The agent waits for somebody to answer a permission request.
    AwaitingPermission,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

words!(open SessionStatus, Activity);

//! The event that marks the start and the end of a turn.

use serde::{Deserialize, Serialize};

use crate::PromptId;
use crate::word::words;

/// The state of a turn.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum TurnState {
    /// The agent works on the turn.
    Started,
    /// The turn is over: the agent waits for the next prompt.
    Ended,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The reason for the end of a turn.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// The agent finished the turn.
    Completed,
    /// The turn was interrupted on request.
    Interrupted,
    /// The agent could not complete the turn.
    Failed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `turn`: a turn of the agent started or ended. The end of the session also ends a turn that is
/// in progress, without an event of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct TurnChange {
    /// The id of the turn, which is the id of the prompt that started it. Absent from the end of a
    /// turn if the recorder of the session is of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<PromptId>,
    /// The current state of the turn.
    pub state: TurnState,
    /// The reason for the end; only with `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
}

impl TurnChange {
    /// Creates the event of a turn that started with the prompt `id`.
    #[must_use]
    pub const fn started(id: PromptId) -> Self {
        Self {
            turn_id: Some(id),
            state: TurnState::Started,
            stop_reason: None,
        }
    }

    /// Creates the event of a turn that ended.
    #[must_use]
    pub const fn ended(id: Option<PromptId>, reason: StopReason) -> Self {
        Self {
            turn_id: id,
            state: TurnState::Ended,
            stop_reason: Some(reason),
        }
    }
}

words!(open TurnState, StopReason);

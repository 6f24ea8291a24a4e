//! What a stream of a session's events yields.

use serde::{Deserialize, Serialize};

use super::SessionEvent;
use crate::{EventSeq, MessageId};

/// What a reader may be shown besides the log: never stored, never numbered, and not to be
/// relied on. The later `message`, `thought` or `tool_result` is what counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EphemeralEvent {
    /// A piece of a message in the making.
    MessageDelta(MessageDelta),
    /// A piece of a thought in the making.
    ThoughtDelta(ThoughtDelta),
    /// A tool is at work.
    ToolProgress(ToolProgress),
}

impl EphemeralEvent {
    /// The names of these events on the wire.
    pub const NAMES: [&'static str; 3] = ["message_delta", "thought_delta", "tool_progress"];

    /// Its name: the word in `type`, which is also the name of its SSE event.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MessageDelta(_) => Self::NAMES[0],
            Self::ThoughtDelta(_) => Self::NAMES[1],
            Self::ToolProgress(_) => Self::NAMES[2],
        }
    }
}

/// `message_delta`: a piece of a message in the making.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageDelta {
    /// The message.
    pub message_id: MessageId,
    /// The piece of text.
    pub delta: String,
}

/// `thought_delta`: a piece of a thought in the making.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThoughtDelta {
    /// The piece of text.
    pub delta: String,
}

/// `tool_progress`: a tool is at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolProgress {
    /// The tool.
    pub tool_name: String,
    /// The last line it printed.
    pub last_line: String,
    /// The run, as in its `tool_use`.
    pub tool_execution_id: String,
}

/// `gap`: a stretch of the log that retention removed before the reader came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gap {
    /// The first event that the reader wanted and is gone.
    pub from_seq: EventSeq,
    /// The first event that is left.
    pub earliest_seq: EventSeq,
}

/// What a stream of one session's events yields.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamItem {
    /// An event of the log.
    Event(SessionEvent),
    /// Something besides the log; only when it was asked for.
    Ephemeral(EphemeralEvent),
    /// A stretch that is gone.
    Gap(Gap),
}

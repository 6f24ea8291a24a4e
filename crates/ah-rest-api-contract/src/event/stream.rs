//! The items of a stream of a session's events.

use serde::{Deserialize, Serialize};

use super::SessionEvent;
use crate::constructor::constructor;
use crate::{EventSeq, MessageId};

/// An event for subscribers that is not in the log: it is never stored and never numbered, and
/// delivery is not guaranteed. The later `message`, `thought` or `tool_result` is authoritative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EphemeralEvent {
    /// A piece of a message in progress.
    MessageDelta(MessageDelta),
    /// A piece of a thought in progress.
    ThoughtDelta(ThoughtDelta),
    /// A tool is running.
    ToolProgress(ToolProgress),
}

impl EphemeralEvent {
    /// The names of these events on the wire.
    pub const NAMES: [&'static str; 3] = ["message_delta", "thought_delta", "tool_progress"];

    /// Returns the value of `type`, which is also the name of the SSE event.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MessageDelta(_) => Self::NAMES[0],
            Self::ThoughtDelta(_) => Self::NAMES[1],
            Self::ToolProgress(_) => Self::NAMES[2],
        }
    }
}

/// `message_delta`: a piece of a message in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct MessageDelta {
    /// The id of the message.
    pub message_id: MessageId,
    /// The length of the message's text before this piece, in bytes of UTF-8. A reader whose text
    /// is shorter has missed pieces.
    pub offset: u64,
    /// The piece of text.
    pub delta: String,
}

constructor! {
    /// Creates a part of a message.
    MessageDelta::new(message_id: MessageId, offset: u64, delta: String);
}

/// `thought_delta`: a piece of a thought in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ThoughtDelta {
    /// The id of the thought, which only its pieces have.
    pub thought_id: MessageId,
    /// The length of the thought before this piece, in bytes of UTF-8. A reader whose text is
    /// shorter has missed pieces. The `thought` event omits white space at both ends.
    pub offset: u64,
    /// The piece of text.
    pub delta: String,
}

constructor! {
    /// Creates a part of a thought.
    ThoughtDelta::new(thought_id: MessageId, offset: u64, delta: String);
}

/// `tool_progress`: a tool is running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ToolProgress {
    /// The name of the tool.
    pub tool_name: String,
    /// The last line that the tool printed.
    pub last_line: String,
    /// The id of the tool run, as in its `tool_use`.
    pub tool_execution_id: String,
}

constructor! {
    /// Creates the progress of a tool run.
    ToolProgress::new(tool_execution_id: String, tool_name: String, last_line: String);
}

/// `gap`: a range of the log that retention removed before the reader received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Gap {
    /// The first removed event that the reader would have received.
    pub from_seq: EventSeq,
    /// The first event that still exists.
    pub earliest_seq: EventSeq,
}

constructor! {
    /// Creates a gap between two events.
    Gap::new(from_seq: EventSeq, earliest_seq: EventSeq);
}

/// An item of a stream of one session's events.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamItem {
    /// An event of the log.
    Event(SessionEvent),
    /// An event outside of the log; only if requested.
    Ephemeral(EphemeralEvent),
    /// A range that was removed.
    Gap(Gap),
}

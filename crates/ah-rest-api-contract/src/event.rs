//! The events of a session: a closed vocabulary.
//!
//! [`EventPayload`] is what is stored and numbered; [`EphemeralEvent`] is what a reader may be
//! shown besides, never stored and never numbered; [`Gap`] says that retention took a stretch.

pub mod fleet;
mod payload;
mod query;
mod stream;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use payload::{
    DeliveryEvent, DiffEvent, ErrorEvent, FileEdit, Log, LogLevel, Message, MessageRole, Moment,
    Plan, PlanEntry, PlanPriority, PlanStatus, Progress, PromptDelivery, StatusChange, Thought,
    ToolOutcome, ToolResult, ToolUse, ToolUseStatus, Usage,
};
pub use query::{EventFilter, EventQuery, SortOrder};
pub use stream::{EphemeralEvent, Gap, MessageDelta, StreamItem, ThoughtDelta, ToolProgress};

use crate::{EventSeq, PermissionRequested, PermissionResolved, SessionId, Timestamp};

/// One event of one session's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// Its place in the log, and the cursor of a reader that has seen it.
    pub seq: EventSeq,
    /// When it happened, by the clock of the host where it happened.
    pub ts: Timestamp,
    /// The session it happened to.
    #[serde(rename = "sessionId")]
    pub session_id: SessionId,
    /// What happened.
    #[serde(flatten)]
    pub payload: EventPayload,
}

/// What an event says. The word in `type` is also the name of its SSE event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventPayload {
    /// The session went from one status to another.
    Status(StatusChange),
    /// A line of the agent's or the server's log.
    Log(Log),
    /// Something was said, by the user or the agent.
    Message(Message),
    /// The agent thought something.
    Thought(Thought),
    /// The agent began to use a tool.
    ToolUse(ToolUse),
    /// A tool that the agent used has ended.
    ToolResult(ToolResult),
    /// The agent changed a file.
    FileEdit(FileEdit),
    /// What the agent changed in a file, as texts.
    Diff(DiffEvent),
    /// The agent asks leave for something.
    PermissionRequest(PermissionRequested),
    /// A permission request was settled.
    PermissionResolved(PermissionResolved),
    /// The agent's plan, whole.
    Plan(Plan),
    /// What a turn has used.
    Usage(Usage),
    /// How far the agent says it is.
    Progress(Progress),
    /// The agent, or its model, reported an error.
    Error(ErrorEvent),
    /// A moment worth going back to.
    Moment(Moment),
    /// The work was handed over.
    Delivery(DeliveryEvent),
    /// A fence over the followers of a fleet has begun.
    #[serde(rename = "fenceStarted")]
    FenceStarted(fleet::FenceStarted),
    /// A fence over the followers of a fleet has ended.
    #[serde(rename = "fenceResult")]
    FenceResult(fleet::FenceResult),
    /// A follower began to run a command.
    #[serde(rename = "hostStarted")]
    HostStarted(fleet::HostStarted),
    /// A follower's command printed something.
    #[serde(rename = "hostLog")]
    HostLog(fleet::HostLog),
    /// A follower's command ended.
    #[serde(rename = "hostExited")]
    HostExited(fleet::HostExited),
    /// Which followers passed and which failed.
    Summary(fleet::Summary),
    /// The followers there are.
    #[serde(rename = "followersCatalog")]
    FollowersCatalog(fleet::FollowersCatalog),
    /// A remark of the fleet's leader.
    Note(fleet::Note),
}

impl EventPayload {
    /// Which event it is.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::Status(_) => EventType::Status,
            Self::Log(_) => EventType::Log,
            Self::Message(_) => EventType::Message,
            Self::Thought(_) => EventType::Thought,
            Self::ToolUse(_) => EventType::ToolUse,
            Self::ToolResult(_) => EventType::ToolResult,
            Self::FileEdit(_) => EventType::FileEdit,
            Self::Diff(_) => EventType::Diff,
            Self::PermissionRequest(_) => EventType::PermissionRequest,
            Self::PermissionResolved(_) => EventType::PermissionResolved,
            Self::Plan(_) => EventType::Plan,
            Self::Usage(_) => EventType::Usage,
            Self::Progress(_) => EventType::Progress,
            Self::Error(_) => EventType::Error,
            Self::Moment(_) => EventType::Moment,
            Self::Delivery(_) => EventType::Delivery,
            Self::FenceStarted(_) => EventType::FenceStarted,
            Self::FenceResult(_) => EventType::FenceResult,
            Self::HostStarted(_) => EventType::HostStarted,
            Self::HostLog(_) => EventType::HostLog,
            Self::HostExited(_) => EventType::HostExited,
            Self::Summary(_) => EventType::Summary,
            Self::FollowersCatalog(_) => EventType::FollowersCatalog,
            Self::Note(_) => EventType::Note,
        }
    }

    /// Whether it belongs among a session's recent events: what the agent thinks, does and
    /// edits, which is what a card of the session shows.
    #[must_use]
    pub const fn is_recent_activity(&self) -> bool {
        matches!(
            self,
            Self::Thought(_) | Self::ToolUse(_) | Self::ToolResult(_) | Self::FileEdit(_)
        )
    }
}

macro_rules! event_types {
    ($($variant:ident => $word:literal),+ $(,)?) => {
        /// The name of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(Serialize, Deserialize)]
        pub enum EventType {
            $(#[doc = concat!("`", $word, "`")] #[serde(rename = $word)] $variant,)+
        }

        impl EventType {
            /// Every stored event's name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

event_types! {
    Status => "status",
    Log => "log",
    Message => "message",
    Thought => "thought",
    ToolUse => "tool_use",
    ToolResult => "tool_result",
    FileEdit => "file_edit",
    Diff => "diff",
    PermissionRequest => "permission_request",
    PermissionResolved => "permission_resolved",
    Plan => "plan",
    Usage => "usage",
    Progress => "progress",
    Error => "error",
    Moment => "moment",
    Delivery => "delivery",
    FenceStarted => "fenceStarted",
    FenceResult => "fenceResult",
    HostStarted => "hostStarted",
    HostLog => "hostLog",
    HostExited => "hostExited",
    Summary => "summary",
    FollowersCatalog => "followersCatalog",
    Note => "note",
}

impl EventType {
    /// The name behind a word; the inverse of [`EventType::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|event_type| event_type.as_str() == word)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

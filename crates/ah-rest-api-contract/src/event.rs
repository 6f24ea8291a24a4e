//! The events of a session: its log, and the streams and pages that are read from it.
//!
//! An [`EventPayload`] is stored and numbered. An [`EphemeralEvent`] is sent to subscribers that
//! request it, and is never stored. A [`Gap`] stands for events that retention removed.
//!
//! The vocabulary is open. An event of an unknown type is read as [`EventPayload::Unknown`], with
//! all its fields.

mod apply;
mod payload;
mod query;
mod session_update;
mod stream;
mod summary;
mod turn;
mod unknown;

use serde::{Deserialize, Serialize};

pub use payload::*;
pub use query::{EventFilter, EventQuery, SortOrder};
pub use session_update::SessionUpdate;
pub use stream::*;
pub use turn::*;
pub use unknown::UnknownEvent;

use crate::constructor::constructor;
use crate::word::words;
use crate::{EventSeq, PermissionRequested, PermissionResolved, SessionId, Timestamp};

/// One event of a session's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionEvent {
    /// The sequence number in the log. Also the cursor of a reader that has seen the event.
    pub seq: EventSeq,
    /// The time at which it happened, by the clock of the host where it happened.
    pub ts: Timestamp,
    /// The session that the event belongs to.
    #[serde(rename = "sessionId")]
    pub session_id: SessionId,
    /// The content, by type.
    #[serde(flatten)]
    pub payload: EventPayload,
}

constructor! {
    /// Creates an event.
    SessionEvent::new(seq: EventSeq, ts: Timestamp, session_id: SessionId, payload: EventPayload);
}

/// The content of an event. The value of `type` is also the name of its SSE event.
///
/// [`EventType`] is derived from these variants, and so are the schemas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::EnumDiscriminants)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", remote = "Self")]
#[strum_discriminants(
    name(EventType),
    doc = "The type of an event.",
    derive(
        Hash,
        PartialOrd,
        Ord,
        Serialize,
        strum::IntoStaticStr,
        strum::VariantArray
    ),
    serde(rename_all = "snake_case"),
    strum(serialize_all = "snake_case"),
    non_exhaustive
)]
#[non_exhaustive]
pub enum EventPayload {
    /// The session changed its status.
    Status(StatusChange),
    /// A turn of the agent started or ended.
    Turn(TurnChange),
    /// Fields of the session changed that no other event tells.
    SessionUpdate(SessionUpdate),
    /// A line of the log of the agent or the server.
    Log(Log),
    /// A message of the user or the agent.
    Message(Message),
    /// A thought of the agent.
    Thought(Thought),
    /// The agent started a tool.
    ToolUse(ToolUse),
    /// A tool that the agent used ended.
    ToolResult(ToolResult),
    /// The agent changed a file.
    FileEdit(FileEdit),
    /// The texts of a file before and after the agent changed it.
    Diff(DiffEvent),
    /// The agent requests a permission.
    PermissionRequest(PermissionRequested),
    /// A permission request was settled.
    PermissionResolved(PermissionResolved),
    /// The complete plan of the agent.
    Plan(Plan),
    /// The usage of a turn.
    Usage(Usage),
    /// The progress that the agent reports.
    Progress(Progress),
    /// The agent or its model reported an error.
    Error(ErrorEvent),
    /// An event of a type that this version does not know.
    #[serde(skip)]
    Unknown(UnknownEvent),
}

impl EventPayload {
    /// Returns the type of the event.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        self.into()
    }

    /// Returns the value of `type`, including that of an unknown event.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Unknown(event) => event.event_type(),
            known => known.event_type().as_str(),
        }
    }

    /// Returns true for the events that only the access point writes. An agent may not send them.
    #[must_use]
    pub const fn is_reserved(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::Turn(_)
                | Self::SessionUpdate(_)
                | Self::PermissionRequest(_)
                | Self::PermissionResolved(_)
        )
    }

    /// Returns true for the events that are part of a session's recent events.
    #[must_use]
    pub fn is_recent_activity(&self) -> bool {
        self.event_type().is_recent_activity()
    }
}

impl EventType {
    /// Returns true for the types of a session's recent events: thoughts, tool runs and edits.
    #[must_use]
    pub const fn is_recent_activity(self) -> bool {
        matches!(
            self,
            Self::Thought | Self::ToolUse | Self::ToolResult | Self::FileEdit
        )
    }
}

words!(open EventType);

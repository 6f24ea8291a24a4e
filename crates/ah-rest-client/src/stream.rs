//! Event streams that outlive their connections.
//!
//! A [`Reader`](reader::Reader) owns the connection and decides when to replace it. A
//! [`StreamPosition`] owns the cursor and decides which frames are yielded, without any waiting.
//! Therefore no sequence of connections can repeat an event.

mod everything;
mod losses;
mod one_session;
mod reader;

use std::fmt;

use ah_rest_api_contract::sse::{DecodeItemError, Frame};
use ah_rest_api_contract::{ErrorKind, EventSeq, SessionId, TaskManagerError};

pub(crate) use everything::Everything;
pub(crate) use one_session::OneSession;
pub(crate) use reader::follow;

use crate::call::ApiCall;
use crate::client::RestClient;
use crate::retry::AttemptFailure;

/// The position of a reader, formatted as the last item that it has received.
pub(crate) trait StreamPosition: fmt::Display + Send + 'static {
    /// The yielded items.
    type Item: Send + 'static;

    /// The cursor, which advances with every event.
    type Cursor: Copy + PartialEq + Send + 'static;

    /// Returns the cursor.
    fn cursor(&self) -> Self::Cursor;

    /// Returns the call that continues from here.
    fn call(&self) -> Result<ApiCall, TaskManagerError>;

    /// Decides about a frame at this position, and advances past it.
    fn judge(&mut self, frame: &Frame) -> Result<Verdict<Self::Item>, StreamFault>;

    /// Records the last `id:` of a closed connection, after all of its frames.
    fn leave(&mut self, last_event_id: &str);

    /// Returns true if the end of a connection was the end of the stream.
    fn is_over(
        &mut self,
        client: &RestClient,
    ) -> impl Future<Output = Result<bool, AttemptFailure>> + Send;
}

/// The decision about a frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict<T> {
    /// Skip it: it was seen before, was not requested, or is newer than this client.
    Pass,
    /// Yield an item.
    Yield(T),
    /// Yield the last item of the stream.
    Last(T),
}

impl StreamFault {
    /// The kind of the error that ends the stream.
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::Frame(_) | Self::Event(_) => ErrorKind::Incompatible,
            Self::Id(_) | Self::Session { .. } | Self::Hole { .. } => ErrorKind::Internal,
        }
    }
}

/// A stream that violates its format. Reading it again would give the same result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamFault {
    /// A frame cannot be parsed.
    #[error("failed to parse a frame of the event stream")]
    Frame(#[from] DecodeItemError),
    /// A frame of a stream of many sessions cannot be parsed.
    #[error("failed to parse an event of the event stream")]
    Event(#[source] serde_json::Error),
    /// A frame has an invalid `id:`.
    #[error("the event stream contains the invalid event id {0:?}")]
    Id(Option<String>),
    /// An event belongs to another session.
    #[error("the event stream of session {wanted} contains an event of session {found}")]
    Session {
        /// The session of the stream.
        wanted: SessionId,
        /// The session of the event.
        found: SessionId,
    },
    /// An event is missing.
    #[error("the event stream skips from event {last} to event {next} without a gap")]
    Hole {
        /// The last event before the missing one.
        last: EventSeq,
        /// The first event after it.
        next: EventSeq,
    },
}

//! Event streams that outlive their connections.
//!
//! A [`Reader`](reader::Reader) owns the connection and knows when to make a new one; a [`Place`]
//! owns the cursor and knows which frames may pass it. So what is yielded is decided in one place
//! without any waiting, and no number of connections can make an event come twice.

mod everything;
mod losses;
mod one_session;
mod reader;

use std::fmt;

use ah_rest_api_contract::sse::{DecodeItemError, Frame};
use ah_rest_api_contract::{EventSeq, SessionId, TaskManagerError};

pub(crate) use everything::Everything;
pub(crate) use one_session::OneSession;
pub(crate) use reader::follow;

use crate::call::Call;
use crate::client::RestClient;
use crate::retry::Failure;

/// A reader's place in what it follows, which is shown as what the reader has come behind.
pub(crate) trait Place: fmt::Display + Send + 'static {
    /// What is yielded.
    type Item: Send + 'static;

    /// What moves on with every event.
    type Cursor: Copy + PartialEq + Send + 'static;

    /// How far the reader has come.
    fn cursor(&self) -> Self::Cursor;

    /// The call that reads on from here.
    fn call(&self) -> Result<Call, TaskManagerError>;

    /// What a frame is to a reader at this place, which moves on behind it.
    fn judge(&mut self, frame: &Frame) -> Result<Verdict<Self::Item>, StreamFault>;

    /// Takes note of the last `id:` of a connection that has ended, all of whose frames were
    /// judged.
    fn leave(&mut self, last_event_id: &str);

    /// Whether the end of a connection was the end of what is followed.
    fn is_over(
        &mut self,
        client: &RestClient,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;
}

/// What a frame is to a reader.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict<T> {
    /// Nothing: it was seen before, was not asked for, or is newer than this client.
    Pass,
    /// An item to yield.
    Yield(T),
    /// The last item there is.
    Last(T),
}

/// A stream that is not what it says. Reading it again would only find the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamFault {
    /// A frame cannot be read.
    #[error("the event stream has a frame that this client cannot read")]
    Frame(#[from] DecodeItemError),
    /// A frame of a stream of many sessions cannot be read.
    #[error("the event stream has an event that this client cannot read")]
    Event(#[source] serde_json::Error),
    /// A frame has an `id:` that is no place.
    #[error("the event stream has an event with the id {0:?}, which is no place to resume from")]
    Id(Option<String>),
    /// An event belongs to another session.
    #[error("the event stream of session {wanted} has an event of session {found}")]
    Session {
        /// The session that is followed.
        wanted: SessionId,
        /// The event's.
        found: SessionId,
    },
    /// An event is missing.
    #[error("the event stream goes from event {last} to event {next} and says nothing of a gap")]
    Hole {
        /// The last event before the hole.
        last: EventSeq,
        /// The first one after it.
        next: EventSeq,
    },
}

//! An attachment to a live recorder.

use std::io;
use std::pin::Pin;

use ah_lifecycle::{JournalPosition, JournalRecord, Request};
use ah_rest_api_contract::EphemeralEvent;
use futures::{Sink, Stream};

/// A message of a recorder.
#[derive(Clone, Debug, PartialEq)]
pub enum RecorderMessage {
    /// A record of the journal.
    Record {
        /// The record.
        record: JournalRecord,
        /// The position of the next record.
        next: JournalPosition,
    },
    /// The journal was sent up to its length at the time of the attachment.
    CaughtUp,
    /// An event that is not recorded.
    Ephemeral(EphemeralEvent),
}

/// The messages of a recorder. The stream ends with the recorder or the connection.
///
/// A malformed message is an error of the kind [`io::ErrorKind::InvalidData`].
pub type RecorderMessages = Pin<Box<dyn Stream<Item = io::Result<RecorderMessage>> + Send>>;

/// The requests to a recorder. A request that was sent may still be lost with the connection, so it
/// is repeated until the journal records its result.
pub type RecorderRequests = Pin<Box<dyn Sink<Request, Error = io::Error> + Send>>;

/// An attachment to a live recorder. The recorder and its agent continue after it is dropped.
pub struct Attachment {
    /// The receiving half.
    pub messages: RecorderMessages,
    /// The sending half.
    pub requests: RecorderRequests,
}

//! The port that servers and gateways are written against.
//!
//! An [`AccessPoint`] is a [`TaskManager`] that serves others: it acts for a named caller, keeps
//! receipts of completed requests, returns events in encoded form, and reports its health.

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::Stream;
use serde::Serialize;

use crate::{
    AllEventsQuery, EncodedJson, EncodedPage, EphemeralEvent, ErrorKind, EventFilter, EventPayload,
    EventQuery, EventSeq, EventType, Gap, HealthProbe, LogCursor, LogLevel, Page, SessionEvent,
    SessionId, SessionQuery, SessionStatus, TaskId, TaskManager, TaskManagerError, Timestamp,
};

/// The party for which an access point acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the principal: the author of prompts, answers, stops and cancellations.
    pub principal: String,
    /// The receipt to keep with the work of the caller's one request.
    pub receipt: Option<ReceiptTemplate>,
}

impl Caller {
    /// Creates a caller whose requests leave no receipts.
    pub fn named(principal: impl Into<String>) -> Self {
        Self {
            principal: principal.into(),
            receipt: None,
        }
    }

    /// Returns the receipt to keep with work that had this result; `None` if the caller wants none.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the result cannot be serialized as JSON.
    pub fn receipt_of<T: Serialize>(
        &self,
        result: &T,
    ) -> Result<Option<Receipt>, TaskManagerError> {
        let Some(template) = &self.receipt else {
            return Ok(None);
        };
        let mut receipt = Receipt::from(template);
        serde_json::to_writer(&mut receipt.bytes, result).map_err(unencodable)?;
        Ok(Some(receipt))
    }
}

/// Returns the error of a result that cannot be serialized.
fn unencodable(error: serde_json::Error) -> TaskManagerError {
    TaskManagerError::new(
        ErrorKind::Internal,
        "the result could not be written as JSON",
    )
    .caused_by(error)
}

/// A receipt whose result is not yet known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptTemplate {
    /// See [`Receipt::key`].
    pub key: String,
    /// See [`Receipt::fingerprint`].
    pub fingerprint: String,
    /// The first bytes of the receipt, which precede the JSON of the result.
    pub prefix: Vec<u8>,
    /// See [`Receipt::expires_at`].
    pub expires_at: Timestamp,
}

/// The lifetime of a receipt (contract §1.2).
pub const RECEIPT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The proof that a request was carried out, stored in the transaction that did its work.
///
/// An access point carries out at most one request per key. Every other request with that key fails
/// with an error that contains the receipt ([`AlreadyDone`]). The bytes are opaque to all parties
/// except the one that made the [`ReceiptTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The name of the request.
    pub key: String,
    /// A digest that distinguishes requests with the same key.
    pub fingerprint: String,
    /// The prefix of the template, then the result of the request as JSON.
    pub bytes: Vec<u8>,
    /// The time at which the receipt expires and the key can be used again.
    pub expires_at: Timestamp,
}

impl From<&ReceiptTemplate> for Receipt {
    /// Creates a receipt that does not have its result yet.
    fn from(template: &ReceiptTemplate) -> Self {
        Self {
            key: template.key.clone(),
            fingerprint: template.fingerprint.clone(),
            bytes: template.prefix.clone(),
            expires_at: template.expires_at,
        }
    }
}

/// The source of the error of a request whose key has a receipt.
#[derive(Debug, thiserror::Error)]
#[error("the request was carried out before")]
pub struct AlreadyDone {
    /// The receipt of the request that was carried out.
    pub receipt: Receipt,
}

impl AlreadyDone {
    /// Returns the error of a request whose key has this receipt.
    #[must_use]
    pub fn error(receipt: Receipt) -> TaskManagerError {
        TaskManagerError::new(ErrorKind::Conflict, "this request was carried out before")
            .caused_by(Self { receipt })
    }

    /// Returns the receipt that an error carries, if any.
    #[must_use]
    pub fn receipt_in(error: &TaskManagerError) -> Option<&Receipt> {
        let source = error.source()?.downcast_ref::<Self>()?;
        Some(&source.receipt)
    }
}

/// An event of a session's log, encoded once for all its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent {
    /// The session.
    pub session_id: SessionId,
    /// The sequence number in the session's log.
    pub seq: EventSeq,
    /// The position among the events of all sessions.
    pub cursor: LogCursor,
    /// The type.
    pub event_type: EventType,
    /// The level; log lines only.
    pub level: Option<LogLevel>,
    /// The JSON of the [`SessionEvent`].
    pub json: String,
}

impl EncodedEvent {
    /// Encodes an event that is at `cursor` among the events of all sessions.
    ///
    /// # Errors
    /// If the event cannot be serialized as JSON, which is a defect.
    pub fn encode(event: &SessionEvent, cursor: LogCursor) -> Result<Self, serde_json::Error> {
        Ok(Self {
            session_id: event.session_id,
            seq: event.seq,
            cursor,
            event_type: event.payload.event_type(),
            level: match &event.payload {
                EventPayload::Log(log) => Some(log.level),
                _ => None,
            },
            json: serde_json::to_string(event)?,
        })
    }

    /// Decodes the event.
    ///
    /// # Errors
    /// If the JSON is not a valid event.
    pub fn decode(&self) -> Result<SessionEvent, serde_json::Error> {
        serde_json::from_str(&self.json)
    }
}

/// An item of a stream of one session's encoded events.
#[derive(Clone, Debug, PartialEq)]
pub enum EncodedItem {
    /// An event of the log.
    Event(Arc<EncodedEvent>),
    /// An event that is not in the log; only if the filter includes them.
    Ephemeral(EphemeralEvent),
    /// A part of the log that retention has removed.
    Gap(Gap),
}

/// A page of a session's history. Large events are read while the page is sent, so that a reader
/// costs the memory of one part.
pub struct HistoryPage {
    /// The number of events in the whole history, after filtering.
    pub total: u64,
    /// See [`Page::next_page`].
    pub next_page: Option<u32>,
    /// The first events of the page, or all of them.
    pub first: Vec<SessionEvent>,
    /// The other events in parts, oldest or newest first as the query says; `None` if there are
    /// none.
    pub rest: Option<HistoryParts>,
}

/// The parts of a [`HistoryPage`]. They end with the page, or after an error.
pub type HistoryParts =
    Pin<Box<dyn Stream<Item = Result<Vec<SessionEvent>, TaskManagerError>> + Send + 'static>>;

impl From<Page<SessionEvent>> for HistoryPage {
    /// Creates a page in one part.
    fn from(page: Page<SessionEvent>) -> Self {
        Self {
            total: page.total,
            next_page: page.next_page,
            first: page.items,
            rest: None,
        }
    }
}

/// A stream of one session's encoded events. It ends as an [`crate::EventStream`] does.
pub type EncodedStream =
    Pin<Box<dyn Stream<Item = Result<EncodedItem, TaskManagerError>> + Send + 'static>>;

/// A stream of the encoded events of many sessions. It ends only with an error.
pub type EncodedLogStream =
    Pin<Box<dyn Stream<Item = Result<Arc<EncodedEvent>, TaskManagerError>> + Send + 'static>>;

/// A [`TaskManager`] that a server can serve to others.
///
/// A server depends on nothing else that runs sessions. It can therefore serve an engine in its
/// process, an access point on another host, or a mock.
#[async_trait]
pub trait AccessPoint: TaskManager {
    /// Returns the same access point, acting for `caller`.
    fn acting_as(&self, caller: Caller) -> Arc<dyn AccessPoint>;

    /// Returns the receipt of this key; `None` if it does not exist or has expired.
    async fn receipt(&self, key: &str) -> Result<Option<Receipt>, TaskManagerError>;

    /// Stores the receipt of a request that did no work, such as a refused one.
    ///
    /// # Errors
    /// [`AlreadyDone`] if the key has a receipt.
    async fn keep_receipt(&self, receipt: Receipt) -> Result<(), TaskManagerError>;

    /// Returns the session of [`TaskManager::get_session`], encoded.
    async fn encoded_session(&self, id: SessionId) -> Result<EncodedJson, TaskManagerError> {
        EncodedJson::of(&self.get_session(id).await?).map_err(unencodable)
    }

    /// Returns the page of [`TaskManager::list_sessions`], encoded.
    async fn encoded_sessions(&self, query: SessionQuery) -> Result<EncodedPage, TaskManagerError> {
        EncodedPage::of(&self.list_sessions(query).await?).map_err(unencodable)
    }

    /// Returns the page of [`TaskManager::list_events`], in parts if it is large.
    async fn history(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<HistoryPage, TaskManagerError> {
        self.list_events(id, query).await.map(HistoryPage::from)
    }

    /// Returns the events of [`TaskManager::task_events_stream`], encoded.
    async fn encoded_events(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EncodedStream, TaskManagerError>;

    /// Returns the events of [`TaskManager::all_events`], encoded.
    async fn all_encoded_events(
        &self,
        query: AllEventsQuery,
    ) -> Result<EncodedLogStream, TaskManagerError>;

    /// Returns true if the query names sessions that have all ended, and its filter admits no event
    /// of them after its cursor. A reader would wait for ever.
    async fn is_exhausted(&self, query: &AllEventsQuery) -> Result<bool, TaskManagerError>;

    /// Returns a cursor before the first event of the task `id`, and the ids of its sessions.
    async fn task_begin(&self, id: TaskId)
    -> Result<(LogCursor, Vec<SessionId>), TaskManagerError>;

    /// Returns the cursor of the last event of all sessions.
    async fn log_end(&self) -> Result<LogCursor, TaskManagerError>;

    /// Returns the number of sessions by status, hidden sessions included.
    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, TaskManagerError>;

    /// Returns the checks of the dependencies of this access point.
    fn health_probes(&self) -> Vec<HealthProbe<'_>>;

    /// Checks that requests that change something can be carried out now.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] with the reason and its remedy.
    fn readiness(&self) -> Result<(), TaskManagerError>;

    /// Waits until this access point can never serve again, and returns the reason. An example is
    /// that its stored data was removed.
    async fn lost(&self) -> String;

    /// Stops serving. Agents continue under their recorders.
    async fn shutdown(&self);
}

//! The port that servers and gateways are written against.
//!
//! An [`AccessPoint`] is a [`TaskManager`] that serves others: it acts for a named caller, keeps
//! receipts of what it did, hands out events in their encoded form, and reports its own health.

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Stream;
use futures::future::BoxFuture;
use serde::Serialize;

use crate::{
    AllEventsQuery, EphemeralEvent, ErrorKind, EventFilter, EventPayload, EventSeq, EventType, Gap,
    LogCursor, LogLevel, SessionEvent, SessionId, SessionStatus, TaskManager, TaskManagerError,
    Timestamp,
};

/// The party for which an access point acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the principal: the author of prompts, answers, stops and cancellations.
    pub principal: String,
    /// The receipt that is kept with the work of the one request that this caller makes.
    pub receipt: Option<ReceiptTemplate>,
}

impl Caller {
    /// A caller whose requests leave no receipts.
    pub fn named(principal: impl Into<String>) -> Self {
        Self {
            principal: principal.into(),
            receipt: None,
        }
    }

    /// The receipt to keep with work that had this result; `None` if the caller wants none.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the result has no JSON.
    pub fn receipt_of<T: Serialize>(
        &self,
        result: &T,
    ) -> Result<Option<Receipt>, TaskManagerError> {
        let Some(template) = &self.receipt else {
            return Ok(None);
        };
        let mut bytes = template.prefix.clone();
        serde_json::to_writer(&mut bytes, result).map_err(|error| {
            TaskManagerError::new(
                ErrorKind::Internal,
                "the result could not be written as JSON",
            )
            .caused_by(error)
        })?;
        Ok(Some(Receipt {
            key: template.key.clone(),
            fingerprint: template.fingerprint.clone(),
            bytes,
            expires_at: template.expires_at,
        }))
    }
}

/// A receipt whose result is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptTemplate {
    /// See [`Receipt::key`].
    pub key: String,
    /// See [`Receipt::fingerprint`].
    pub fingerprint: String,
    /// The first bytes of the receipt. The JSON of the result follows them.
    pub prefix: Vec<u8>,
    /// See [`Receipt::expires_at`].
    pub expires_at: Timestamp,
}

/// The proof that a request was carried out, kept in the transaction that did its work.
///
/// An access point carries out at most one request per key. Every other request with that key
/// fails, and its error has the receipt ([`AlreadyDone`]). The bytes mean something only to the
/// party that made the [`ReceiptTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The name of the request.
    pub key: String,
    /// A digest that tells one request from another one that has the same key.
    pub fingerprint: String,
    /// The prefix of the template, then the result of the request as JSON.
    pub bytes: Vec<u8>,
    /// The time from which the receipt is gone and the key can be used again.
    pub expires_at: Timestamp,
}

/// The source of the error of a request whose key has a receipt.
#[derive(Debug, thiserror::Error)]
#[error("the request was carried out before")]
pub struct AlreadyDone {
    /// The receipt of the request that was carried out.
    pub receipt: Receipt,
}

impl AlreadyDone {
    /// The error of a request whose key has this receipt.
    #[must_use]
    pub fn error(receipt: Receipt) -> TaskManagerError {
        TaskManagerError::new(ErrorKind::Conflict, "this request was carried out before")
            .caused_by(Self { receipt })
    }

    /// The receipt that an error carries, if it is such an error.
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
    /// The place in the session's log.
    pub seq: EventSeq,
    /// The place among the events of all sessions.
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
    /// If the event has no JSON, which is a defect.
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

    /// The event.
    ///
    /// # Errors
    /// If the JSON is not that of an event.
    pub fn decode(&self) -> Result<SessionEvent, serde_json::Error> {
        serde_json::from_str(&self.json)
    }
}

/// An item of a stream of one session's encoded events.
#[derive(Clone, Debug, PartialEq)]
pub enum EncodedItem {
    /// An event of the log.
    Event(Arc<EncodedEvent>),
    /// An event that is not in the log; only if the filter wants them.
    Ephemeral(EphemeralEvent),
    /// A part of the log that retention has removed.
    Gap(Gap),
}

/// A stream of one session's encoded events, which ends like an [`crate::EventStream`].
pub type EncodedStream =
    Pin<Box<dyn Stream<Item = Result<EncodedItem, TaskManagerError>> + Send + 'static>>;

/// A stream of the encoded events of many sessions. It has no end, except that an error ends it.
pub type EncodedLogStream =
    Pin<Box<dyn Stream<Item = Result<Arc<EncodedEvent>, TaskManagerError>> + Send + 'static>>;

/// A named check of something that an access point depends on.
pub struct HealthProbe<'a> {
    /// The name of what is checked, such as `store`.
    pub name: &'static str,
    /// The check. It changes nothing, and yields what it found or what is wrong.
    pub run: BoxFuture<'a, Result<String, String>>,
}

/// A [`TaskManager`] that a server can serve to others.
///
/// A server uses nothing else of what runs the sessions, so that an engine in its process, an
/// access point on another host and a mock can stand behind it alike.
#[async_trait]
pub trait AccessPoint: TaskManager {
    /// The same access point, acting for `caller`.
    fn acting_as(&self, caller: Caller) -> Arc<dyn AccessPoint>;

    /// The receipt of this key, unless there is none or it has expired.
    async fn receipt(&self, key: &str) -> Result<Option<Receipt>, TaskManagerError>;

    /// Keeps the receipt of a request that did no work, such as a refused one.
    ///
    /// # Errors
    /// [`AlreadyDone`] if the key has a receipt.
    async fn keep_receipt(&self, receipt: Receipt) -> Result<(), TaskManagerError>;

    /// The events of [`TaskManager::task_events_stream`], encoded.
    async fn encoded_events(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EncodedStream, TaskManagerError>;

    /// The events of [`TaskManager::all_events`], encoded.
    async fn all_encoded_events(
        &self,
        query: AllEventsQuery,
    ) -> Result<EncodedLogStream, TaskManagerError>;

    /// The cursor of the last event of all sessions.
    async fn log_end(&self) -> Result<LogCursor, TaskManagerError>;

    /// The number of sessions by status, hidden sessions included.
    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, TaskManagerError>;

    /// The checks of what this access point depends on.
    fn health_probes(&self) -> Vec<HealthProbe<'_>>;

    /// Stops serving. Agents go on under their recorders.
    async fn shutdown(&self);
}

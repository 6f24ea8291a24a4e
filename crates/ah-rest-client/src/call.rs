//! A call of the API that can be sent repeatedly.

use ah_rest_api_contract::operations::{self, Method, Operation};
use ah_rest_api_contract::{ErrorKind, IdempotencyKey, TaskManagerError};
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use serde::Serialize;
use ulid::Ulid;

use crate::chance;
use crate::retry::Repeat;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The time limit of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// The general limit.
    Usual,
    /// The deadline only, because the response arrives once the work is done.
    Long,
}

/// A call of the API.
#[derive(Clone, Debug)]
pub(crate) struct ApiCall {
    operation: &'static Operation,
    path: String,
    query: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
}

impl ApiCall {
    /// Creates a call of `operation` at `path`, one of its paths. A POST gets an idempotency key,
    /// which stays the same for all attempts.
    pub(crate) fn new(
        operation: &'static Operation,
        path: String,
    ) -> Result<Self, TaskManagerError> {
        let call = Self {
            operation,
            path,
            query: None,
            headers: Vec::new(),
            body: None,
        };
        match operation.method {
            Method::Post => {
                // The server requires the form of a ULID, but only uniqueness and no time stamp.
                let ulid = Ulid::from_parts(chance::draw()?, u128::from(chance::draw()?));
                call.with_idempotency_key(Some(&IdempotencyKey::from_ulid(ulid)))
            }
            Method::Get | Method::Put | Method::Delete => Ok(call),
        }
    }

    /// Replaces the generated idempotency key with that of the caller, if there is one.
    pub(crate) fn with_idempotency_key(
        mut self,
        key: Option<&IdempotencyKey>,
    ) -> Result<Self, TaskManagerError> {
        let Some(key) = key else {
            return Ok(self);
        };
        self.headers.retain(|(name, _)| *name != IDEMPOTENCY_KEY);
        self.with_header(IDEMPOTENCY_KEY, key.as_str())
    }

    /// Sets a request body.
    pub(crate) fn with_body<T: Serialize>(mut self, body: &T) -> Result<Self, TaskManagerError> {
        self.body = Some(serde_json::to_vec(body).map_err(unwritable)?);
        Ok(self)
    }

    /// Adds a query.
    pub(crate) fn with_query(mut self, query: &impl Serialize) -> Result<Self, TaskManagerError> {
        let query = serde_urlencoded::to_string(query).map_err(unwritable)?;
        self.query = (!query.is_empty()).then_some(query);
        Ok(self)
    }

    /// Requests a media type other than JSON.
    pub(crate) fn accepting(self, media_type: &str) -> Result<Self, TaskManagerError> {
        self.with_header(ACCEPT, media_type)
    }

    /// Requests an event stream that starts after `last_event_id`.
    pub(crate) fn streaming(self, last_event_id: Option<&str>) -> Result<Self, TaskManagerError> {
        let call = self.accepting("text/event-stream, application/problem+json")?;
        match last_event_id {
            Some(id) => call.with_header(LAST_EVENT_ID, id),
            None => Ok(call),
        }
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Result<Self, TaskManagerError> {
        let value = HeaderValue::try_from(value).map_err(unwritable)?;
        self.headers.push((name, value));
        Ok(self)
    }

    pub(crate) const fn operation(&self) -> &'static Operation {
        self.operation
    }

    pub(crate) const fn method(&self) -> Method {
        self.operation.method
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// Returns the condition under which the call may be sent again.
    pub(crate) fn repeat(&self) -> Repeat {
        // They report the current state of the server, which a later attempt could not reproduce.
        const PROBES: [Operation; 3] = [
            operations::HEALTH,
            operations::READY,
            operations::DEEP_HEALTH,
        ];
        if PROBES.contains(self.operation) {
            Repeat::Never
        } else if *self.operation == operations::DELETE_DRAFT {
            // A deleted draft is not found, so a repetition would deny the success of the first
            // attempt.
            Repeat::Unsafe
        } else {
            Repeat::Safe
        }
    }

    /// Returns the time limit of the response.
    pub(crate) fn patience(&self) -> Patience {
        if *self.operation == operations::CANCEL_SESSION {
            Patience::Long
        } else {
            Patience::Usual
        }
    }
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> TaskManagerError {
    TaskManagerError::new(
        ErrorKind::Internal,
        "failed to encode the request; nothing was sent",
    )
    .caused_by(error)
}

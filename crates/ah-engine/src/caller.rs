//! On whose behalf a task manager acts.

use ah_rest_api_contract::{ErrorKind, TaskManagerError, Timestamp};
use ah_store::{Reply, StoreError};
use serde::Serialize;
use std::error::Error;
use std::time::Duration;

/// How long a reply is kept for a request that may be repeated (contract §1.2).
const REPLY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// On whose behalf a task manager acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The author of prompts and answers, and whoever stops and cancels.
    pub author: String,
    /// What makes the one request that this caller makes a request that is carried out once.
    pub once: Option<Once>,
}

/// What makes a request one that is carried out once, however often it is repeated: the reply is
/// kept in the same transaction as the work, and found by whoever repeats the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Names the request: its principal, method, path and idempotency key.
    pub key: String,
    /// Tells whether a request of the same name is the same request.
    pub fingerprint: String,
    /// The HTTP status of its reply.
    pub status: u16,
}

impl Caller {
    /// Somebody whose requests are carried out as often as they are made.
    pub fn named(author: impl Into<String>) -> Self {
        Self {
            author: author.into(),
            once: None,
        }
    }

    /// The reply to keep with the work, if it is to be kept.
    pub(crate) fn reply<T: Serialize>(
        &self,
        body: &T,
        now: Timestamp,
    ) -> Result<Option<Reply>, TaskManagerError> {
        let Some(once) = &self.once else {
            return Ok(None);
        };
        let body = serde_json::to_string(body).map_err(|error| {
            TaskManagerError::new(
                ErrorKind::Internal,
                "the reply could not be written as JSON",
            )
            .caused_by(error)
        })?;
        Ok(Some(Reply {
            key: once.key.clone(),
            fingerprint: once.fingerprint.clone(),
            status: once.status,
            body,
            expires_at: now.plus(REPLY_KEPT),
        }))
    }
}

/// The reply that was given before, when an error says that the request was carried out already.
#[must_use]
pub fn already_replied(error: &TaskManagerError) -> Option<&Reply> {
    match error.source()?.downcast_ref::<StoreError>()? {
        StoreError::AlreadyReplied(reply) => Some(reply),
        _ => None,
    }
}

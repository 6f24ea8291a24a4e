//! Doing a request once, however often it comes (contract §1.2).
//!
//! The reply is written in the transaction that does the work, so there is one exactly when there
//! is the other, whoever dies in between. Of requests that race under one key one does the work;
//! the others find its reply when they come to write.

use ah_engine::{Caller, LocalTaskManager, Once, already_replied};
use ah_rest_api_contract::{ErrorKind, Problem, TaskManagerError};
use ah_store::Reply;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::auth::Principal;
use crate::extract::Call;
use crate::problem::ApiError;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a request came to, now or the first time.
pub(crate) struct Outcome {
    status: StatusCode,
    body: String,
    replayed: bool,
}

impl App {
    /// The engine, on behalf of somebody whose request needs no care to be done once.
    pub(crate) fn manager(&self, principal: &Principal) -> Result<LocalTaskManager, ApiError> {
        Ok(self.engine()?.on_behalf_of(Caller::named(&principal.name)))
    }

    /// Does what a request asks for with `work`, unless it was done before, and answers with
    /// `status` and what it came to.
    pub(crate) async fn answer<T, B, F>(
        &self,
        status: StatusCode,
        call: Call<B>,
        work: impl FnOnce(LocalTaskManager, B) -> F,
    ) -> Result<Outcome, ApiError>
    where
        T: Serialize,
        F: Future<Output = Result<T, TaskManagerError>>,
    {
        let engine = self.engine()?;
        let Call {
            principal,
            once,
            body,
            ..
        } = call;
        if let Some(once) = &once
            && let Some(reply) = engine.reply(&once.key).await?
        {
            return self.replay(&reply, &once.fingerprint);
        }
        let caller = |status: u16| Caller {
            author: principal.name.clone(),
            once: once.as_ref().map(|once| Once {
                key: once.key.clone(),
                fingerprint: once.fingerprint.clone(),
                status,
            }),
        };
        let mut error = match work(engine.on_behalf_of(caller(status.as_u16())), body).await {
            Ok(value) => return Outcome::new(status, &value),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Validation {
            // A repeat is refused alike, even if it would be good by then.
            let manager = engine.on_behalf_of(caller(error.problem().status));
            if let Err(failed) = manager.keep_reply(error.problem()).await {
                error = failed;
            }
        }
        match (&once, already_replied(&error)) {
            (Some(once), Some(reply)) => self.replay(reply, &once.fingerprint),
            _ => Err(error.into()),
        }
    }

    /// Answers with what the first request was.
    fn replay(&self, reply: &Reply, fingerprint: &str) -> Result<Outcome, ApiError> {
        if reply.fingerprint != fingerprint {
            return Err(ApiError::new(
                ErrorKind::IdempotencyMismatch,
                "the idempotency key came before with another body; use a new key for a new \
                 request",
            ));
        }
        self.metrics().replayed();
        if reply.status >= 400 {
            let problem: Problem = serde_json::from_str(&reply.body).map_err(unreadable)?;
            return Err(ApiError::from(problem).header(REPLAYED, HeaderValue::from_static("true")));
        }
        Ok(Outcome {
            status: StatusCode::from_u16(reply.status).map_err(unreadable)?,
            body: reply.body.clone(),
            replayed: true,
        })
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    ApiError::new(
        ErrorKind::Internal,
        "a kept reply could not be read or written",
    )
    .caused_by(error)
}

impl Outcome {
    fn new(status: StatusCode, value: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(value).map_err(unreadable)?;
        Ok(Self {
            status,
            body,
            replayed: false,
        })
    }

    /// The answer, with a `Location` that `place` makes of what it says.
    pub(crate) fn located<T: DeserializeOwned>(
        self,
        place: impl FnOnce(&T) -> String,
    ) -> Result<Response, ApiError> {
        let value: T = serde_json::from_str(&self.body).map_err(unreadable)?;
        let place = HeaderValue::try_from(place(&value)).map_err(unreadable)?;
        let mut response = self.into_response();
        response.headers_mut().insert(LOCATION, place);
        Ok(response)
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let mut response = (self.status, [(CONTENT_TYPE, json)], self.body).into_response();
        if self.replayed {
            response
                .headers_mut()
                .insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

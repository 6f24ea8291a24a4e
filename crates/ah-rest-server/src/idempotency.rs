//! Idempotent requests, which are carried out once (contract §1.2).
//!
//! The access point stores the receipt in the transaction of the work, so that one exists exactly
//! if the other does. Of several requests that race under one key, one does the work. The others
//! get its receipt as the source of their error.
//!
//! A receipt is the HTTP status in decimal digits, a line feed, and the JSON of the body.

use std::sync::Arc;

use ah_rest_api_contract::operations::Operation;
use ah_rest_api_contract::{
    AccessPoint, AlreadyDone, Caller, ErrorKind, Problem, RECEIPT_LIFETIME, Receipt,
    ReceiptTemplate, TaskManagerError,
};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::ServerClock;
use crate::extract::{CommandRequest, IdempotentRequest};
use crate::metrics::Metrics;
use crate::problem::ApiError;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Carries out commands, each at most once per idempotency key.
#[derive(Clone)]
pub(crate) struct Idempotency {
    pub(crate) access: Arc<dyn AccessPoint>,
    pub(crate) clock: ServerClock,
    pub(crate) metrics: Metrics,
}

/// The result of a command, from this request or from the first one.
pub(crate) struct CommandOutcome {
    status: StatusCode,
    body: String,
    replayed: bool,
}

impl Idempotency {
    /// Carries out a command with `work` and responds with the operation's status and the result, or
    /// replays the receipt of an earlier request.
    pub(crate) async fn answer<T, B, F>(
        &self,
        operation: &Operation,
        command: CommandRequest<B>,
        work: impl FnOnce(Arc<dyn AccessPoint>, B) -> F,
    ) -> Result<CommandOutcome, ApiError>
    where
        T: Serialize,
        F: Future<Output = Result<T, TaskManagerError>>,
    {
        let status = StatusCode::from_u16(operation.status).map_err(unreadable)?;
        let CommandRequest {
            principal,
            request,
            body,
            ..
        } = command;
        if let Some(request) = &request
            && let Some(receipt) = self.access.receipt(&request.key).await?
        {
            return self.replay(&receipt, request);
        }
        let caller = |status: u16| Caller {
            principal: principal.name.to_string(),
            receipt: request
                .as_ref()
                .map(|request| self.template(request, status)),
        };
        let acting = self.access.acting_as(caller(status.as_u16()));
        let mut error = match work(acting, body).await {
            Ok(value) => return CommandOutcome::new(status, &value),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Validation {
            // A repeat is refused in the same way, even if the request has become valid meanwhile.
            let problem = error.problem();
            let receipt = caller(problem.status).receipt_of(problem)?;
            if let Some(receipt) = receipt
                && let Err(failed) = self.access.keep_receipt(receipt).await
            {
                error = failed;
            }
        }
        match (&request, AlreadyDone::receipt_in(&error)) {
            (Some(request), Some(receipt)) => self.replay(receipt, request),
            _ => Err(error.into()),
        }
    }

    fn template(&self, request: &IdempotentRequest, status: u16) -> ReceiptTemplate {
        ReceiptTemplate {
            key: request.key.clone(),
            fingerprint: request.fingerprint.clone(),
            prefix: format!("{status}\n").into_bytes(),
            expires_at: self.clock.now().plus(RECEIPT_LIFETIME),
        }
    }

    /// Responds like the first request of this key.
    fn replay(
        &self,
        receipt: &Receipt,
        request: &IdempotentRequest,
    ) -> Result<CommandOutcome, ApiError> {
        if receipt.fingerprint != request.fingerprint {
            return Err(ApiError::new(
                ErrorKind::IdempotencyMismatch,
                "the idempotency key came before with another body; use a new key for a new \
                 request",
            ));
        }
        self.metrics.replayed();
        let (status, body) = read(receipt)?;
        if status.is_client_error() || status.is_server_error() {
            let problem: Problem = serde_json::from_str(&body).map_err(unreadable)?;
            return Err(ApiError::from(problem).header(REPLAYED, HeaderValue::from_static("true")));
        }
        Ok(CommandOutcome {
            status,
            body,
            replayed: true,
        })
    }
}

/// Returns the status and the body in a receipt.
fn read(receipt: &Receipt) -> Result<(StatusCode, String), ApiError> {
    let text = std::str::from_utf8(&receipt.bytes).map_err(unreadable)?;
    let (status, body) = text
        .split_once('\n')
        .ok_or_else(|| ApiError::internal("a receipt has no status"))?;
    let status = StatusCode::from_bytes(status.as_bytes()).map_err(unreadable)?;
    Ok((status, body.to_owned()))
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    ApiError::internal("a receipt could not be read or written").caused_by(error)
}

impl CommandOutcome {
    fn new(status: StatusCode, value: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(value).map_err(unreadable)?;
        Ok(Self {
            status,
            body,
            replayed: false,
        })
    }

    /// Returns the response, with the `Location` that `location` derives from the body.
    pub(crate) fn located<T: DeserializeOwned>(
        self,
        location: impl FnOnce(&T) -> String,
    ) -> Result<Response, ApiError> {
        let value: T = serde_json::from_str(&self.body).map_err(unreadable)?;
        let location = HeaderValue::try_from(location(&value)).map_err(unreadable)?;
        let mut response = self.into_response();
        response.headers_mut().insert(LOCATION, location);
        Ok(response)
    }
}

impl IntoResponse for CommandOutcome {
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

//! The conversion of every error to a response: `application/problem+json` (RFC 9457).
//!
//! An [`ApiError`] becomes a response with the error as an extension. The outermost middleware then
//! adds `instance` and `requestId`, logs the cause once and writes the document ([`complete`]). So
//! handlers do not need to know their request.

use std::error::Error;
use std::sync::Arc;

use ah_rest_api_contract::{ErrorKind, FieldErrors, Problem, TaskManagerError, error_chain};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tracing::Level;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The result of a handler.
pub(crate) type ApiResult = Result<Response, ApiError>;

/// The reason that a request was refused or has failed.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    problem: Problem,
    headers: HeaderMap,
    /// Only for the log. It is never sent.
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// Creates an error of `kind`. The sentence `detail` states the failure, its object, and the
    /// remedy.
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Problem::new(kind, detail).into()
    }

    /// Creates an error for a fault of the server. The cause is not sent.
    pub(crate) fn internal(detail: &str) -> Self {
        Self::new(ErrorKind::Internal, detail)
    }

    /// Creates an error with a status that no error kind has.
    pub(crate) fn with_status(
        kind: ErrorKind,
        status: StatusCode,
        detail: impl Into<String>,
    ) -> Self {
        let mut error = Self::new(kind, detail);
        error.0.problem.status = status.as_u16();
        error
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Adds the cause.
    pub(crate) fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// Returns the document, without the members that depend on the request.
    #[cfg(test)]
    pub(crate) const fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(Parts {
            problem,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }
}

impl From<FieldErrors> for ApiError {
    fn from(errors: FieldErrors) -> Self {
        Problem::validation(errors).into()
    }
}

impl From<TaskManagerError> for ApiError {
    fn from(error: TaskManagerError) -> Self {
        let problem = error.problem().clone();
        Self::from(problem).caused_by(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // An invalid status is a bug in the code that made the problem.
        let status = StatusCode::from_u16(self.0.problem.status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the problem document of a response for the request `request_id` of `path`, and logs its
/// cause. A response without a problem is unchanged.
pub(crate) fn complete(mut response: Response, path: &str, request_id: &str) -> Response {
    let Some(ApiError(parts)) = response.extensions_mut().remove() else {
        return response;
    };
    let Parts {
        mut problem, cause, ..
    } = *parts;
    log(&problem, cause.as_deref());
    problem.instance = Some(path.to_owned());
    problem.request_id = Some(request_id.to_owned());
    let body = serde_json::to_vec(&problem).unwrap_or_else(|error| {
        // A problem consists of text and numbers, so it can always be encoded. The status is still
        // sent.
        tracing::error!(error = &error as &dyn Error, "a problem has no JSON");
        Vec::new()
    });
    let (mut head, _) = response.into_parts();
    // The length of the body so far.
    head.headers.remove(CONTENT_LENGTH);
    head.headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Response::from_parts(head, body.into())
}

fn log(problem: &Problem, cause: Option<&(dyn Error + Send + Sync)>) {
    let cause = cause.map(|cause| error_chain(cause)).unwrap_or_default();
    let detail = problem.detail.as_deref().unwrap_or_default();
    match level(problem.status, !cause.is_empty()) {
        Level::ERROR => tracing::error!(status = problem.status, detail, cause, "request failed"),
        Level::WARN => tracing::warn!(status = problem.status, detail, cause, "request refused"),
        _ => tracing::debug!(status = problem.status, detail, cause, "request refused"),
    }
}

/// Returns the level at which a problem is logged. A server that starts, shuts down or is busy
/// refuses requests without a cause, and nothing is wrong.
fn level(status: u16, has_cause: bool) -> Level {
    match status {
        503 if has_cause => Level::WARN,
        500..503 | 504.. => Level::ERROR,
        _ => Level::DEBUG,
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            self.0
                .problem
                .detail
                .as_deref()
                .unwrap_or(&self.0.problem.title),
        )
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}

//! The problem document, and the error of the trait around it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ErrorKind, FieldErrors};

/// A problem document (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The kind, as a URI that documents it.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What happened this time, to what, and what to do now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Which request or resource it happened to, as a URI reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Messages by dotted field path; absent when no field is at fault.
    #[serde(default, skip_serializing_if = "FieldErrors::is_empty")]
    pub errors: FieldErrors,
    /// The request this answers, to quote to whoever runs the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// A problem of `kind`, with a sentence that says what happened.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            type_uri: kind.type_uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: Some(detail.into()),
            instance: None,
            errors: FieldErrors::default(),
            request_id: None,
        }
    }

    /// A validation problem that names every field at fault.
    #[must_use]
    pub fn validation(errors: FieldErrors) -> Self {
        let detail = errors.to_string();
        Self {
            errors,
            ..Self::new(ErrorKind::Validation, detail)
        }
    }

    /// The kind of this problem. A type URI that is not known is judged by its status.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::from_type_uri(&self.type_uri).unwrap_or(match self.status {
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            410 => ErrorKind::Gone,
            413 => ErrorKind::PayloadTooLarge,
            429 => ErrorKind::RateLimited,
            501 => ErrorKind::NotImplemented,
            503 => ErrorKind::Unavailable,
            504 => ErrorKind::Unreachable,
            400..=499 => ErrorKind::BadRequest,
            _ => ErrorKind::Internal,
        })
    }
}

/// The error of every [`crate::TaskManager`] method: the problem that the wire carries, and the
/// cause that it does not.
#[derive(Clone, Debug)]
pub struct TaskManagerError {
    // Boxed so that a `Result` stays small on the happy path.
    problem: Box<Problem>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl TaskManagerError {
    /// An error of `kind`, with a sentence that says what happened, to what, and what to do now.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Problem::new(kind, detail).into()
    }

    /// The same error with the cause that led to it, which is for logs and never for the wire.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What a program decides by.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.problem.kind()
    }

    /// What the wire carries.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<Problem> for TaskManagerError {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            source: None,
        }
    }
}

impl From<FieldErrors> for TaskManagerError {
    fn from(errors: FieldErrors) -> Self {
        Problem::validation(errors).into()
    }
}

impl fmt::Display for TaskManagerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.problem
                .detail
                .as_deref()
                .unwrap_or(&self.problem.title),
        )
    }
}

impl Error for TaskManagerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

//! The problem document, and the error type of the trait.

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
    /// The URI of the error kind, which refers to its documentation.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The title of the error kind.
    pub title: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// A description of this occurrence, with the affected object and the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The affected request or resource, as a URI reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Error messages by dotted field path; absent if no field is invalid.
    #[serde(default, skip_serializing_if = "FieldErrors::is_empty")]
    pub errors: FieldErrors,
    /// The id of the request, for support by the operator of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// Creates a problem of `kind` with a sentence that describes the occurrence.
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

    /// Creates a validation problem that names every invalid field.
    #[must_use]
    pub fn validation(errors: FieldErrors) -> Self {
        let detail = errors.to_string();
        Self {
            errors,
            ..Self::new(ErrorKind::Validation, detail)
        }
    }

    /// Creates a problem that names every field whose value is not supported.
    #[must_use]
    pub fn not_implemented(fields: FieldErrors) -> Self {
        let detail = fields.to_string();
        Self {
            errors: fields,
            ..Self::new(ErrorKind::NotImplemented, detail)
        }
    }

    /// Returns the kind of this problem. If the type URI is unknown, the kind follows from the
    /// status.
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

/// The error of every [`crate::TaskManager`] method: the problem document, and the cause, which is
/// not sent to clients.
#[derive(Clone, Debug)]
pub struct TaskManagerError {
    // Boxed to keep `Result` small.
    problem: Box<Problem>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl TaskManagerError {
    /// Creates an error of `kind` with a sentence that describes the occurrence, the affected
    /// object and the remedy.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Problem::new(kind, detail).into()
    }

    /// Sets the cause of the error, which is for logs only and never sent to clients.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Returns the kind, on which programs branch.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.problem.kind()
    }

    /// Returns the problem document, which is sent to clients.
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

//! What can go wrong, as the wire says it: one kind, one problem document.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

/// The kind of an error: what a program decides by. Each has one problem type URI and one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The request was understood and one or more of its fields are wrong.
    Validation,
    /// The request could not be understood at all.
    BadRequest,
    /// No credential, or one that is not known.
    Unauthenticated,
    /// The credential does not allow this.
    Unauthorized,
    /// The server's policy does not allow this, whoever asks.
    Forbidden,
    /// No such resource.
    NotFound,
    /// The resource is in a state that does not allow this.
    Conflict,
    /// The resource has ended and takes no more of this.
    Gone,
    /// The request is larger than the server takes.
    PayloadTooLarge,
    /// The idempotency key was used for a different request.
    IdempotencyMismatch,
    /// Too many requests.
    RateLimited,
    /// This build or provider cannot do it.
    NotImplemented,
    /// Not now: starting, shutting down or overloaded. Trying again later may help.
    Unavailable,
    /// The server could not be reached, or did not answer in time.
    Unreachable,
    /// A fault of the server.
    Internal,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Validation,
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Gone,
        Self::PayloadTooLarge,
        Self::IdempotencyMismatch,
        Self::RateLimited,
        Self::NotImplemented,
        Self::Unavailable,
        Self::Unreachable,
        Self::Internal,
    ];

    /// The last segment of the problem type URI.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::BadRequest => "bad-request",
            Self::Unauthenticated => "auth",
            Self::Unauthorized => "authz",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::PayloadTooLarge => "payload-too-large",
            Self::IdempotencyMismatch => "idempotency-mismatch",
            Self::RateLimited => "rate-limited",
            Self::NotImplemented => "not-implemented",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status (RFC 9110) of an answer of this kind. [`ErrorKind::Unreachable`] is only
    /// made by clients and is given as 504.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Validation | Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::Unauthorized | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::PayloadTooLarge => 413,
            Self::IdempotencyMismatch => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::NotImplemented => 501,
            Self::Unavailable => 503,
            Self::Unreachable => 504,
        }
    }

    /// A short title, the same for every error of this kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Validation => "The request has invalid fields",
            Self::BadRequest => "The request could not be understood",
            Self::Unauthenticated => "A valid credential is required",
            Self::Unauthorized => "The credential does not allow this",
            Self::Forbidden => "The server's policy does not allow this",
            Self::NotFound => "There is no such resource",
            Self::Conflict => "The resource's state does not allow this",
            Self::Gone => "The resource has ended",
            Self::PayloadTooLarge => "The request is too large",
            Self::IdempotencyMismatch => "The idempotency key belongs to a different request",
            Self::RateLimited => "Too many requests",
            Self::NotImplemented => "This cannot be done here",
            Self::Unavailable => "The service is not available now",
            Self::Unreachable => "The server could not be reached",
            Self::Internal => "Something went wrong in the server",
        }
    }

    /// Whether the same request, sent again later, may succeed without any change.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Unavailable | Self::Unreachable
        )
    }

    /// The problem type URI: a reference relative to the server, where the kind is documented.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/errors/{}", self.slug())
    }

    /// The kind behind a problem type URI, absolute or relative.
    #[must_use]
    pub fn from_type_uri(uri: &str) -> Option<Self> {
        let (_, slug) = uri.rsplit_once("/errors/")?;
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }
}

/// Messages by dotted field path, such as `agents[0].count`. Empty means nothing is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldErrors(BTreeMap<String, Vec<String>>);

impl FieldErrors {
    /// One message on one field.
    #[must_use]
    pub fn of(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds a message on a field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.entry(field.into()).or_default().push(message.into());
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields and their messages, by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(field, messages)| (field.as_str(), messages.as_slice()))
    }

    /// The messages on one field; none when it is fine.
    #[must_use]
    pub fn get(&self, field: &str) -> &[String] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// `value` when there is no error.
    ///
    /// # Errors
    /// Returns itself when there is one.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// Takes over what a derived validation found, below the path `prefix` (empty for the root).
    pub(crate) fn absorb(&mut self, prefix: &str, errors: &ValidationErrors) {
        for (field, kind) in errors.errors() {
            // What a rule over a whole struct found stands under `__all__`; its code is the field.
            if let ("__all__", ValidationErrorsKind::Field(failures)) = (field.as_ref(), kind) {
                for failure in failures {
                    self.add(
                        join(prefix, &camel_case(&failure.code)),
                        message_of(failure),
                    );
                }
                continue;
            }
            let path = join(prefix, &camel_case(field));
            match kind {
                ValidationErrorsKind::Struct(nested) => self.absorb(&path, nested),
                ValidationErrorsKind::List(items) => {
                    for (index, nested) in items {
                        self.absorb(&format!("{path}[{index}]"), nested);
                    }
                }
                ValidationErrorsKind::Field(failures) => {
                    for failure in failures {
                        self.add(path.clone(), message_of(failure));
                    }
                }
            }
        }
    }
}

fn message_of(failure: &ValidationError) -> String {
    failure.message.as_ref().map_or_else(
        || format!("fails the rule `{}`", failure.code),
        ToString::to_string,
    )
}

fn join(prefix: &str, field: &str) -> String {
    if prefix.is_empty() {
        field.to_owned()
    } else {
        format!("{prefix}.{field}")
    }
}

/// The wire spelling of a Rust field: `timeout_ms` is `timeoutMs`.
fn camel_case(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut upper = false;
    for c in field.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (field, messages) in &self.0 {
            for message in messages {
                write!(f, "{}`{field}` {message}", if first { "" } else { "; " })?;
                first = false;
            }
        }
        Ok(())
    }
}

impl Error for FieldErrors {}

/// A problem document (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        Self {
            errors: errors.clone(),
            ..Self::new(ErrorKind::Validation, errors.to_string())
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

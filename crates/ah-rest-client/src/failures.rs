//! Errors for requests without a proper response of the access point.

use std::error::Error;
use std::time::Duration;

use ah_rest_api_contract::operations::Method;
use ah_rest_api_contract::{ErrorKind, TaskManagerError};
use url::Url;

use crate::call::ApiCall;
use crate::retry::{AttemptFailure, Cause};

/// No response was received: the server was unreachable, or the connection was lost before.
pub(crate) fn not_answered(
    base_url: &Url,
    call: &ApiCall,
    error: reqwest::Error,
) -> AttemptFailure {
    #[cfg(feature = "tls")]
    if let Some(cause) = refused_certificate(&error) {
        let base_url = shown(base_url);
        let detail = format!("the TLS certificate of {base_url} is not trusted: {cause}");
        return AttemptFailure::last(
            TaskManagerError::new(ErrorKind::Unreachable, detail).caused_by(error.without_url()),
        );
    }
    if error.is_connect() {
        let base_url = shown(base_url);
        return AttemptFailure {
            error: TaskManagerError::new(
                ErrorKind::Unreachable,
                format!(
                    "no access point is running at {base_url}; start one with `ah agent access-point`"
                ),
            )
            .caused_by(error.without_url()),
            cause: Cause::NotConnected,
            retry_after: None,
        };
    }
    if error.is_builder() {
        let request = request(call);
        return AttemptFailure::last(
            TaskManagerError::new(ErrorKind::Internal, format!("failed to encode {request}"))
                .caused_by(error.without_url()),
        );
    }
    broken(base_url, call, error)
}

/// Returns the problem with the server's certificate, if it prevented the connection.
#[cfg(feature = "tls")]
fn refused_certificate(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(cause @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(cause);
        }
        next = match error.downcast_ref::<std::io::Error>() {
            // `source` of an I/O error skips the error that it wraps.
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The connection was lost during the response.
pub(crate) fn broken(base_url: &Url, call: &ApiCall, error: reqwest::Error) -> AttemptFailure {
    let (base_url, request) = (shown(base_url), request(call));
    AttemptFailure {
        error: TaskManagerError::new(
            ErrorKind::Unreachable,
            format!(
                "the connection to the access point at {base_url} broke before {request} was \
                 answered{}",
                doubt(call)
            ),
        )
        .caused_by(error.without_url()),
        cause: Cause::Broken,
        retry_after: None,
    }
}

/// The response was not complete in time.
pub(crate) fn timed_out(base_url: &Url, call: &ApiCall, patience: Duration) -> AttemptFailure {
    let (base_url, request) = (shown(base_url), request(call));
    AttemptFailure {
        error: TaskManagerError::new(
            ErrorKind::Unreachable,
            format!(
                "the access point at {base_url} did not answer {request} within {patience:.1?}{}",
                doubt(call)
            ),
        ),
        cause: Cause::Broken,
        retry_after: None,
    }
}

/// A response that does not match the API.
pub(crate) fn malformed(
    call: &ApiCall,
    source: impl Error + Send + Sync + 'static,
) -> TaskManagerError {
    let request = request(call);
    TaskManagerError::new(
        ErrorKind::Incompatible,
        format!(
            "the access point's answer to {request} does not match this client; their versions may be \
             incompatible"
        ),
    )
    .caused_by(source)
}

/// The response is not part of the API.
pub(crate) fn unexpected(call: &ApiCall, what: &str) -> TaskManagerError {
    let request = request(call);
    TaskManagerError::new(
        ErrorKind::Internal,
        format!("the access point's answer to {request} {what}"),
    )
}

/// Describes the uncertainty about the effect of an unanswered request.
fn doubt(call: &ApiCall) -> &'static str {
    match call.method() {
        Method::Get => "",
        Method::Post | Method::Put | Method::Delete => "; its effect is unknown",
    }
}

fn request(call: &ApiCall) -> String {
    format!("{} {}", call.method(), call.path())
}

/// Returns a base URL for messages.
pub(crate) fn shown(base_url: &Url) -> &str {
    base_url.as_str().trim_end_matches('/')
}

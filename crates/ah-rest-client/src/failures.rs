//! What is said when no answer of the access point says it.

use std::error::Error;
use std::time::Duration;

use ah_rest_api_contract::operations::Method;
use ah_rest_api_contract::{ErrorKind, TaskManagerError};
use url::Url;

use crate::call::Call;
use crate::retry::{Cause, Failure};

/// No answer came: nobody was there, or the connection broke before.
pub(crate) fn not_answered(base_url: &Url, call: &Call, error: reqwest::Error) -> Failure {
    if let Some(cause) = refused_certificate(&error) {
        let base_url = shown(base_url);
        let detail = format!("whoever answers at {base_url} is not to be trusted: {cause}");
        return Failure::last(
            TaskManagerError::new(ErrorKind::Unreachable, detail).caused_by(error.without_url()),
        );
    }
    if error.is_connect() {
        let base_url = shown(base_url);
        return Failure {
            error: TaskManagerError::new(
                ErrorKind::Unreachable,
                format!(
                    "no access point answers at {base_url}; start one with `ah agent access-point`"
                ),
            )
            .caused_by(error.without_url()),
            cause: Cause::NotConnected,
            retry_after: None,
        };
    }
    if error.is_builder() {
        let request = request(call);
        return Failure::last(
            TaskManagerError::new(
                ErrorKind::Internal,
                format!("{request} could not be written"),
            )
            .caused_by(error.without_url()),
        );
    }
    broken(base_url, call, error)
}

/// What is wrong with the server's certificate, when that is why there is no connection.
fn refused_certificate(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(cause @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(cause);
        }
        next = match error.downcast_ref::<std::io::Error>() {
            // Asked for its source, an I/O error passes over the error that it is made of.
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The connection broke before the answer was whole.
pub(crate) fn broken(base_url: &Url, call: &Call, error: reqwest::Error) -> Failure {
    let (base_url, request) = (shown(base_url), request(call));
    Failure {
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

/// No whole answer came in time.
pub(crate) fn timed_out(base_url: &Url, call: &Call, patience: Duration) -> Failure {
    let (base_url, request) = (shown(base_url), request(call));
    Failure {
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

/// The answer is not what the API says.
pub(crate) fn malformed(
    call: &Call,
    source: impl Error + Send + Sync + 'static,
) -> TaskManagerError {
    unexpected(
        call,
        "is not what this client expects; their versions may not fit",
    )
    .caused_by(source)
}

/// The answer is one that the API does not have.
pub(crate) fn unexpected(call: &Call, what: &str) -> TaskManagerError {
    let request = request(call);
    TaskManagerError::new(
        ErrorKind::Internal,
        format!("the access point's answer to {request} {what}"),
    )
}

/// What is left open when no answer came to something that was to be done.
fn doubt(call: &Call) -> &'static str {
    match call.method() {
        Method::Get => "",
        Method::Post | Method::Put | Method::Delete => "; whether it was done is not known",
    }
}

fn request(call: &Call) -> String {
    format!("{} {}", call.method(), call.path())
}

/// A base URL as people write it.
pub(crate) fn shown(base_url: &Url) -> &str {
    base_url.as_str().trim_end_matches('/')
}

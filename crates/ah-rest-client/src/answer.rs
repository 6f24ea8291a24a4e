//! Reads responses with a size limit, and converts error responses to problems.

use std::time::SystemTime;

use ah_rest_api_contract::{ErrorKind, Problem};
use reqwest::Response;
use reqwest::header::HeaderMap;
use url::Url;

use crate::call::ApiCall;
use crate::credential::Credential;
use crate::failures;
use crate::retry::{AttemptFailure, Cause, retry_after};

/// The maximum size of a response: 64 MiB. The largest are diffs of whole files.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The maximum size that is read of an error response: 64 KiB.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// The maximum length of a foreign error response in an error, in characters.
const REFUSAL_CHARS_SHOWN: usize = 500;

/// Returns the whole body of a response.
pub(crate) async fn whole_body(
    response: &mut Response,
    base_url: &Url,
    call: &ApiCall,
) -> Result<Vec<u8>, AttemptFailure> {
    let (body, ending) = read(response, BODY_BYTES_MAX).await;
    match ending {
        BodyEnd::Whole => Ok(body),
        BodyEnd::TooLarge => Err(AttemptFailure::last(failures::unexpected(
            call,
            "exceeds the client's limit of 64 MiB",
        ))),
        BodyEnd::Broken(error) => Err(failures::broken(base_url, call, error)),
    }
}

/// Converts an error response. If its body is incomplete or not a problem document, the available
/// text is kept.
pub(crate) async fn refusal(
    response: &mut Response,
    base_url: &Url,
    call: &ApiCall,
    credential: Option<&Credential>,
) -> AttemptFailure {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), now());
    let request_id = request_id(response.headers()).map(str::to_owned);
    let (body, _ending) = read(response, REFUSAL_BYTES_MAX).await;
    let text = String::from_utf8_lossy(&body);
    let text = match credential {
        Some(credential) => credential.redact(text),
        None => text,
    };
    let mut problem = serde_json::from_str::<Problem>(&text)
        // A document with a different status than its response is not about this response.
        .ok()
        .filter(|problem| problem.status == status)
        .unwrap_or_else(|| foreign(status, text.trim(), base_url, call));
    problem.request_id = problem.request_id.or(request_id);
    AttemptFailure {
        cause: cause_of(status),
        error: problem.into(),
        retry_after,
    }
}

/// Returns the id of the request in the server's log.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-request-id")?.to_str().ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server that gives a date to wait for, and not its own, leaves only this clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Creates a problem for an error response of a proxy or another server.
fn foreign(status: u16, text: &str, base_url: &Url, call: &ApiCall) -> Problem {
    let kind = match status {
        502 => ErrorKind::Unavailable,
        _ => Problem {
            status,
            // Without a type, the status decides.
            type_uri: String::new(),
            ..Problem::new(ErrorKind::Internal, "")
        }
        .kind(),
    };
    let mut detail = format!(
        "{} answered {} {} with status {status}",
        failures::shown(base_url),
        call.method(),
        call.path()
    );
    if text.is_empty() {
        detail.push_str(" and nothing else");
    } else {
        detail.push_str(": ");
        detail.extend(text.chars().take(REFUSAL_CHARS_SHOWN));
        if text.chars().nth(REFUSAL_CHARS_SHOWN).is_some() {
            detail.push('…');
        }
    }
    Problem {
        status,
        ..Problem::new(kind, detail)
    }
}

fn cause_of(status: u16) -> Cause {
    match status {
        // The server timed out while waiting for the request, and did not execute it.
        408 | 429 | 503 => Cause::Busy,
        502 | 504 => Cause::Broken,
        // Permanent: a retry would give the same result.
        501 => Cause::Final,
        500..=599 => Cause::Fault,
        _ => Cause::Final,
    }
}

/// The end of a body.
enum BodyEnd {
    Whole,
    TooLarge,
    Broken(reqwest::Error),
}

/// Reads a body to its end, or up to `limit` bytes.
async fn read(response: &mut Response, limit: usize) -> (Vec<u8>, BodyEnd) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return (body, BodyEnd::Whole),
            Ok(Some(chunk)) => {
                let room = limit - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (body, BodyEnd::TooLarge);
                }
            }
            Err(error) => return (body, BodyEnd::Broken(error)),
        }
    }
}

//! Reading answers: bounded, and a refusal as the problem that it carries.

use std::time::SystemTime;

use ah_rest_api_contract::{ErrorKind, Problem};
use reqwest::Response;
use reqwest::header::HeaderMap;
use url::Url;

use crate::call::Call;
use crate::credential::Credential;
use crate::failures;
use crate::retry::{Cause, Failure, retry_after};

/// The most bytes an answer may have: 64 MiB. The largest are diffs of whole files.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most bytes of a refusal that are read: 64 KiB.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// The most characters of a refusal that is no problem document which its error keeps.
const REFUSAL_CHARS_SHOWN: usize = 500;

/// The whole body of an answer.
pub(crate) async fn whole_body(
    response: &mut Response,
    base_url: &Url,
    call: &Call,
) -> Result<Vec<u8>, Failure> {
    let (body, ending) = read(response, BODY_BYTES_MAX).await;
    match ending {
        Ending::Whole => Ok(body),
        Ending::TooLarge => Err(Failure::last(failures::unexpected(
            call,
            "is larger than the 64 MiB that this client takes",
        ))),
        Ending::Broken(error) => Err(failures::broken(base_url, call, error)),
    }
}

/// What a refusal says. One whose body is no problem document, or breaks off, keeps what there is
/// of it.
pub(crate) async fn refusal(
    response: &mut Response,
    base_url: &Url,
    call: &Call,
    credential: Option<&Credential>,
) -> Failure {
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
        // A document that says another status than its answer is not about this answer.
        .ok()
        .filter(|problem| problem.status == status)
        .unwrap_or_else(|| foreign(status, text.trim(), base_url, call));
    problem.request_id = problem.request_id.or(request_id);
    Failure {
        cause: cause_of(status),
        error: problem.into(),
        retry_after,
    }
}

/// The id of the request in the server's log.
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

/// A refusal that no access point wrote: a proxy's, or another server's.
fn foreign(status: u16, text: &str, base_url: &Url, call: &Call) -> Problem {
    let kind = match status {
        502 => ErrorKind::Unavailable,
        _ => Problem {
            status,
            // Without a type the status decides.
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
        // The server had enough of waiting for the request, and did not do it.
        408 | 429 | 503 => Cause::Busy,
        502 | 504 => Cause::Broken,
        // Not a passing fault: it will not be implemented by the next attempt.
        501 => Cause::Final,
        500..=599 => Cause::Fault,
        _ => Cause::Final,
    }
}

/// How a body came to its end.
enum Ending {
    Whole,
    TooLarge,
    Broken(reqwest::Error),
}

/// Reads a body to its end, or to `limit` bytes.
async fn read(response: &mut Response, limit: usize) -> (Vec<u8>, Ending) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return (body, Ending::Whole),
            Ok(Some(chunk)) => {
                let room = limit - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (body, Ending::TooLarge);
                }
            }
            Err(error) => return (body, Ending::Broken(error)),
        }
    }
}

//! Every way in which a request can fail, for every kind of request: the number of attempts, and the
//! resulting error.
//!
//! The rows of [`before_the_body`], [`in_the_body`] and [`unreadable`] are all there are, but for
//! those that need more than one answer or none:
//!
//! | way | test |
//! |---|---|
//! | no server listens | `retries::an_unreachable_server_is_reported_with_a_hint`, `request_waits_for_a_restarting_server` |
//! | an invalid certificate | `tls::untrusted_certificate_is_rejected` |
//! | busy, with a time to wait | `retry_after_of_the_server_is_waited`, `retries::no_wait_beyond_the_deadline_starts` |
//! | an answer cut at any byte | `retries::connection_lost_within_a_response_is_retried` |
//! | an answer without an end | `answers::response_body_size_is_limited` |
//! | the deadline in the middle of an attempt | `retries::deadline_bounds_all_attempts` |
//! | a refusal that is no problem document | `answers::a_refusal_that_is_no_problem_…` |
//! | a redirect to elsewhere | `answers::key_is_not_sent_to_a_redirect_target` |
//! | a stream that breaks | `reconnects`, `losses` |
//! | a stream whose frames are wrong | `streams` |

use std::pin::Pin;
use std::time::{Duration, Instant};

use ah_rest_api_contract::{
    DraftContent, DraftId, ErrorKind, EventFilter, EventSeq, PromptRequest, SessionStatus,
    TaskManager as _, TaskManagerError,
};
use ah_rest_client::{RestClient, RetryPolicy};
use futures::future::join_all;
use tokio::time::timeout;

use crate::following::the_session;
use crate::reconnects::refused_twice;
use crate::samples::{SESSION, builder, client, problem, session, session_id};
use crate::wire::{Reply, Then, Wire, answer};

/// The number of attempts that `samples::builder` allows.
const ATTEMPTS_MAX: usize = 4;

/// The safety of repeating a kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// Safe even if it may have been executed.
    Safe,
    /// Unsafe if it may have been executed.
    Unsafe,
    /// Never repeated.
    Never,
}

type Outcome = Pin<Box<dyn Future<Output = Result<(), TaskManagerError>> + Send>>;

/// A kind of request.
struct Kind {
    name: &'static str,
    repeat: Repeat,
    /// True if its response is read completely, as JSON.
    has_json: bool,
    call: fn(RestClient) -> Outcome,
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            name: "GET",
            repeat: Repeat::Safe,
            has_json: true,
            call: |client| {
                Box::pin(async move { client.get_session(session_id()).await.map(drop) })
            },
        },
        Kind {
            name: "POST, which has an idempotency key",
            repeat: Repeat::Safe,
            has_json: true,
            call: |client| {
                Box::pin(async move {
                    let request = PromptRequest::queued("x");
                    client.prompt_session(session_id(), request).await.map(drop)
                })
            },
        },
        Kind {
            name: "PUT",
            repeat: Repeat::Safe,
            has_json: true,
            call: |client| {
                Box::pin(async move {
                    let content = DraftContent::default();
                    client.update_draft(draft_id(), content).await.map(drop)
                })
            },
        },
        Kind {
            name: "DELETE that may be done twice",
            repeat: Repeat::Safe,
            has_json: false,
            call: |client| Box::pin(async move { client.cancel_session(session_id()).await }),
        },
        Kind {
            name: "DELETE that may not",
            repeat: Repeat::Unsafe,
            has_json: false,
            call: |client| Box::pin(async move { client.delete_draft(draft_id()).await }),
        },
        Kind {
            name: "probe",
            repeat: Repeat::Never,
            has_json: true,
            call: |client| Box::pin(async move { client.ready().await.map(drop) }),
        },
        Kind {
            name: "stream",
            repeat: Repeat::Safe,
            has_json: false,
            call: |client| {
                Box::pin(async move {
                    let filter = EventFilter::default();
                    let stream = client.task_events_stream(session_id(), EventSeq::START, filter);
                    stream.await.map(drop)
                })
            },
        },
    ]
}

fn draft_id() -> DraftId {
    format!("draft-{SESSION}").parse().unwrap()
}

/// The condition for repeating a request after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// Always, because it was not executed.
    Always,
    /// If that is safe, because its effect is unknown.
    WhereSafe,
    /// Never, because the response would be the same.
    Never,
}

/// A way to fail.
struct Way {
    name: String,
    bytes: Vec<u8>,
    then: Then,
    again: Again,
    says: ErrorKind,
}

fn way(name: &str, bytes: impl Into<Vec<u8>>, then: Then, again: Again, says: ErrorKind) -> Way {
    Way {
        name: name.to_owned(),
        bytes: bytes.into(),
        then,
        again,
        says,
    }
}

/// Failures before the body, and error responses.
fn before_the_body() -> Vec<Way> {
    use Again::{Always, Never, WhereSafe};
    use ErrorKind::Unreachable;
    let mut ways = vec![
        way("closed", "", Then::Close, WhereSafe, Unreachable),
        way("reset", "", Then::Reset, WhereSafe, Unreachable),
        way("silent", "", Then::Hold, WhereSafe, Unreachable),
        way(
            "cut in the status",
            "HTTP/1.1 20",
            Then::Close,
            WhereSafe,
            Unreachable,
        ),
        way(
            "cut in the head",
            "HTTP/1.1 200 OK\r\ncontent-",
            Then::Close,
            WhereSafe,
            Unreachable,
        ),
        way(
            "silent in the head",
            "HTTP/1.1 200 OK\r\ncont",
            Then::Hold,
            WhereSafe,
            Unreachable,
        ),
        way(
            "not HTTP",
            "SSH-2.0-OpenSSH_10.0\r\n\r\n",
            Then::Close,
            WhereSafe,
            Unreachable,
        ),
        way(
            "a head without an end",
            format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1024 * 1024)),
            Then::Hold,
            WhereSafe,
            Unreachable,
        ),
    ];
    for (status, again, says) in [
        (408, Always, ErrorKind::BadRequest),
        (429, Always, ErrorKind::RateLimited),
        (503, Always, ErrorKind::Unavailable),
        (502, WhereSafe, ErrorKind::Unavailable),
        (504, WhereSafe, Unreachable),
        (301, Never, ErrorKind::Internal),
        (304, Never, ErrorKind::Internal),
        (400, Never, ErrorKind::BadRequest),
        (401, Never, ErrorKind::Unauthenticated),
        (403, Never, ErrorKind::Forbidden),
        (404, Never, ErrorKind::NotFound),
        (409, Never, ErrorKind::Conflict),
        (410, Never, ErrorKind::Gone),
        (413, Never, ErrorKind::PayloadTooLarge),
        (422, Never, ErrorKind::BadRequest),
        (500, Never, ErrorKind::Internal),
        (501, Never, ErrorKind::NotImplemented),
        (507, Never, ErrorKind::Internal),
        (599, Never, ErrorKind::Internal),
    ] {
        let line = format!("{status} Whatever");
        // From a proxy, which sends no problem document, and from the access point.
        ways.push(way(
            &format!("{status} of a proxy"),
            answer(&line, "", ""),
            Then::Close,
            again,
            says,
        ));
        let kind = ErrorKind::ALL
            .into_iter()
            .find(|kind| kind.status() == status);
        if let Some(kind) = kind {
            let body = problem(kind.slug(), status, "no").to_string();
            let bytes = answer(&line, "content-type: application/problem+json\r\n", &body);
            ways.push(way(&format!("{status}"), bytes, Then::Close, again, kind));
        }
    }
    ways
}

/// Failures during a body.
fn in_the_body() -> Vec<Way> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let whole = session(SessionStatus::Running, 1).to_string();
    let sized = format!(
        "{head}content-length: {}\r\n\r\n{}",
        whole.len(),
        &whole[..20]
    );
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n");
    [
        ("closed in the body", sized.clone(), Then::Close),
        ("reset in the body", sized.clone(), Then::Reset),
        ("silent in the body", sized, Then::Hold),
        (
            "closed between chunks",
            format!("{chunked}2\r\n{{}}\r\n"),
            Then::Close,
        ),
        (
            "closed in a chunk",
            format!("{chunked}20\r\n{{}}"),
            Then::Close,
        ),
        (
            "a chunk without a length",
            format!("{chunked}what?\r\n"),
            Then::Close,
        ),
    ]
    .map(|(name, bytes, then)| way(name, bytes, then, Again::WhereSafe, ErrorKind::Unreachable))
    .into()
}

/// Complete responses that cannot be parsed.
fn unreadable() -> Vec<Way> {
    let whole = session(SessionStatus::Running, 1).to_string();
    let deep = "[".repeat(100_000);
    [
        ("nothing", "200 OK", b"".to_vec()),
        ("no content", "204 No Content", b"".to_vec()),
        (
            "a page",
            "200 OK",
            b"<!doctype html><title>Welcome</title>".to_vec(),
        ),
        ("JSON of another form", "200 OK", b"{\"id\": 7}".to_vec()),
        ("half of it", "200 OK", whole.as_bytes()[..40].to_vec()),
        ("twice", "200 OK", whole.repeat(2).into_bytes()),
        ("no text", "200 OK", b"\"\xff\xfe\"".to_vec()),
        ("without a bottom", "200 OK", deep.into_bytes()),
    ]
    .map(|(name, status, body)| {
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\n{}\r\n",
            // A response with this status has no body and no length.
            if status.starts_with("204") {
                String::new()
            } else {
                format!("content-length: {}\r\n", body.len())
            },
        )
        .into_bytes();
        bytes.extend(body);
        way(
            name,
            bytes,
            Then::Close,
            Again::Never,
            ErrorKind::Incompatible,
        )
    })
    .into()
}

/// Sends a request to a server that fails only in this way, and checks the result.
async fn check(way: &Way, kind: &Kind) {
    let (bytes, then) = (way.bytes.clone(), way.then);
    let mut wire = Wire::start(move |_, _| Reply {
        bytes: bytes.clone(),
        then,
    })
    .await;
    // Short for a response that never comes, and long for everything else.
    let patience = match then {
        Then::Hold => Duration::from_secs(1),
        Then::Close | Then::Reset => Duration::from_secs(20),
    };
    let client = builder(&wire.url())
        .answer_timeout(patience)
        .operation_timeout("cancel_session", patience)
        .build()
        .unwrap();
    let what = format!("{}, {}", way.name, kind.name);
    let error = (kind.call)(client).await.expect_err(&what);
    assert_eq!(error.kind(), way.says, "{what}: {error}");
    let is_repeated = match (way.again, kind.repeat) {
        (Again::Never, _) | (_, Repeat::Never) | (Again::WhereSafe, Repeat::Unsafe) => false,
        (Again::Always, _) | (Again::WhereSafe, Repeat::Safe) => true,
    };
    // The server may be a step behind a client that has given up.
    for attempt in 1..=if is_repeated { ATTEMPTS_MAX } else { 1 } {
        timeout(Duration::from_secs(20), wire.next_request())
            .await
            .unwrap_or_else(|_| panic!("{what} was not sent {attempt} times: {error}"));
    }
    assert!(
        wire.lines().is_empty(),
        "{what} was sent once more: {error}"
    );
}

async fn check_all(ways: Vec<Way>, concerns: impl Fn(&Kind) -> bool) {
    let kinds = kinds();
    let (silent, others): (Vec<&Way>, Vec<&Way>) =
        ways.iter().partition(|way| way.then == Then::Hold);
    // Separately, so that slow failures do not delay the others.
    for ways in [silent, others] {
        let concerned = kinds.iter().filter(|kind| concerns(kind));
        let all = concerned.flat_map(|kind| ways.iter().map(move |way| check(way, kind)));
        join_all(all.collect::<Vec<_>>()).await;
    }
}

#[tokio::test]
async fn failure_before_the_body_is_retried_if_safe() {
    check_all(before_the_body(), |_| true).await;
}

#[tokio::test]
async fn failure_within_the_body_is_retried_if_safe() {
    // A stream starts with its head; failures of its body do not concern the request.
    check_all(in_the_body(), |kind| kind.name != "stream").await;
}

#[tokio::test]
async fn unreadable_responses_are_not_retried() {
    check_all(unreadable(), |kind| kind.has_json).await;
}

#[tokio::test]
async fn retry_after_of_the_server_is_waited() {
    let date = "date: Sat, 21 Nov 2026 08:00:00 GMT\r\n";
    let busy = [
        ("429 Too Many Requests", "retry-after: 1\r\n".to_owned()),
        (
            "503 Service Unavailable",
            format!("{date}retry-after: Sat, 21 Nov 2026 08:00:01 GMT\r\n"),
        ),
    ];
    join_all(busy.map(async |(status, headers)| {
        let wire = Wire::start(move |_, number| match number {
            0 => Reply::close(answer(status, &headers, "")),
            _ => the_session(SessionStatus::Running, 1),
        })
        .await;
        let begun = Instant::now();
        client(&wire.url()).get_session(session_id()).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1), "{status}");
    }))
    .await;
}

#[tokio::test]
async fn request_waits_for_a_restarting_server() {
    let wire = Wire::start(|_, _| Reply::close("")).await;
    let (url, address) = (wire.url(), wire.address);
    let port = wire.stop().await;
    let client = builder(&url)
        .retry(RetryPolicy {
            first_delay: Duration::from_millis(1),
            delay_max: Duration::from_millis(10),
            // The limit of attempts must not apply in this test.
            attempts_max: u32::MAX,
            ..RetryPolicy::default()
        })
        .build()
        .unwrap();
    let request = tokio::spawn(async move { client.get_session(session_id()).await });
    refused_twice(address).await;
    let _wire = Wire::listen(port.listen(64).unwrap(), |_, _| {
        the_session(SessionStatus::Running, 1)
    });
    assert_eq!(
        request.await.unwrap().unwrap().status,
        SessionStatus::Running
    );
}

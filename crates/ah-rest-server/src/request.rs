//! The id of a request, and the trace that it belongs to.

use std::sync::atomic::{AtomicU64, Ordering};

use ah_rest_api_contract::Timestamp;
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};
use ulid::Ulid;

use crate::clock::ServerClock;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Generates the ids of requests that have none.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// A random number that tells servers apart.
    server: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// Creates a source of ids.
    ///
    /// # Errors
    /// If the operating system has no randomness.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            server: getrandom::u64()?,
            count: AtomicU64::new(0),
        })
    }

    /// Returns the id of a request: the one that it has, or else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap, clock: &ServerClock) -> RequestId {
        match given_id(headers) {
            Some(given) => RequestId::Given(given.clone()),
            None => {
                let mut text = [0; ulid::ULID_LEN];
                self.next(clock.now()).array_to_str(&mut text);
                RequestId::New(text)
            }
        }
    }

    fn next(&self, now: Timestamp) -> Ulid {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let unique = (u128::from(self.server) << 16) | u128::from(count & 0xFFFF);
        Ulid::from_parts(u64::try_from(now.as_unix_millis()).unwrap_or(0), unique)
    }
}

/// The id of a request.
pub(crate) enum RequestId {
    /// From its header: graphic ASCII characters.
    Given(HeaderValue),
    /// The text of a ULID.
    New([u8; ulid::ULID_LEN]),
}

impl RequestId {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        let text = match self {
            Self::Given(value) => value.as_bytes(),
            Self::New(text) => text,
        };
        // Both are ASCII.
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Returns the value of the response's header.
    pub(crate) fn into_header(self) -> Option<HeaderValue> {
        match self {
            Self::Given(value) => Some(value),
            Self::New(text) => HeaderValue::from_bytes(&text).ok(),
        }
    }
}

/// Returns the id that a client gave its request, if it is valid.
fn given_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let id = headers.get(REQUEST_ID)?;
    let good = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.as_bytes().iter().all(u8::is_ascii_graphic);
    good.then_some(id)
}

/// Returns the trace that the request belongs to (W3C Trace Context, version 00), if its header is
/// valid.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let mut next = |length: usize| {
        parts.next().is_some_and(|part| {
            part.len() == length
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    };
    let good = next(2) && next(32) && next(16) && next(2) && text.len() == 55;
    good.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    #[test]
    fn only_valid_request_ids_are_accepted() {
        let id = |value: &str| given_id(&headers(REQUEST_ID, value)).cloned();
        assert_eq!(id("abc-1"), Some(HeaderValue::from_static("abc-1")));
        assert_eq!(id(""), None);
        assert_eq!(id("a b"), None);
        assert_eq!(id("ä"), None);
        assert_eq!(id(&"x".repeat(REQUEST_ID_BYTES_MAX + 1)), None);
        assert_eq!(given_id(&HeaderMap::new()), None);
    }

    #[test]
    fn only_valid_trace_contexts_are_accepted() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(traceparent(&headers(TRACEPARENT, good)), Some(good));
        let upper = good.to_uppercase();
        let longer = format!("{good}-1");
        for bad in ["", "00", &good[..54], &upper, &longer, "00-x-y-01"] {
            assert_eq!(traceparent(&headers(TRACEPARENT, bad)), None, "{bad}");
        }
    }
}

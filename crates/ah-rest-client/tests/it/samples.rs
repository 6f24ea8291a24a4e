//! Sample responses of test servers.

use std::time::Duration;

use ah_rest_api_contract::sse::encode_item;
use ah_rest_api_contract::{
    EventPayload, EventSeq, Log, LogLevel, SessionEvent, SessionId, SessionStatus, StatusChange,
    StreamItem, Timestamp,
};
use ah_rest_client::{RestClient, RestClientBuilder, RetryPolicy};
use serde_json::{Value, json};

pub(crate) const SESSION: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

pub(crate) fn session_id() -> SessionId {
    SESSION.parse().unwrap()
}

/// A client with short delays and few retries.
pub(crate) fn client(url: &str) -> RestClient {
    builder(url).build().unwrap()
}

pub(crate) fn builder(url: &str) -> RestClientBuilder {
    RestClient::builder(url)
        .api_key("ah_test_key")
        .retry(RetryPolicy {
            first_delay: Duration::from_millis(1),
            delay_max: Duration::from_millis(10),
            attempts_max: 4,
            deadline: Duration::from_secs(20),
            connect_deadline: Duration::from_secs(5),
        })
}

pub(crate) fn session(status: SessionStatus, last_seq: u64) -> Value {
    json!({
        "id": SESSION,
        "taskId": SESSION,
        "status": status,
        "prompt": "do it",
        "promptBlocks": "do it",
        "repo": {"mode": "none"},
        "runtime": {"type": "local"},
        "agent": {"type": "scenario", "version": "1", "settings": {}},
        "priority": "normal",
        "interactive": false,
        "createdAt": "2026-11-21T08:00:00.000Z",
        "updatedAt": "2026-11-21T08:00:00.000Z",
        "lastSeq": last_seq,
        "recent_events": [],
        "links": {"self": "/s", "events": "/e", "logs": "/l"},
        "addedByANewerServer": true,
    })
}

fn event(seq: u64, payload: EventPayload) -> StreamItem {
    StreamItem::Event(SessionEvent::new(
        EventSeq::new(seq),
        Timestamp::from_unix_millis(0),
        session_id(),
        payload,
    ))
}

pub(crate) fn log(seq: u64) -> StreamItem {
    event(
        seq,
        // Multi-byte characters, so that a cut can split one.
        EventPayload::Log(Log::new(LogLevel::Info, format!("línea {seq} ✓"))),
    )
}

pub(crate) fn completed(seq: u64) -> StreamItem {
    event(
        seq,
        EventPayload::Status(
            StatusChange::new(SessionStatus::Completed)
                .with_previous(SessionStatus::Running)
                .with_exit_code(0),
        ),
    )
}

/// The frames after `after` of a log that ends with a terminal status at `last`.
pub(crate) fn frames(after: u64, last: u64) -> String {
    (after + 1..=last)
        .map(|seq| {
            let item = if seq == last {
                completed(seq)
            } else {
                log(seq)
            };
            encode_item(&item).unwrap()
        })
        .collect()
}

pub(crate) fn problem(kind: &str, status: u16, detail: &str) -> Value {
    json!({
        "type": format!("http://127.0.0.1/errors/{kind}"),
        "title": "A title",
        "status": status,
        "detail": detail,
    })
}

//! Follows the events of a session that the test sends.

use std::time::Duration;

use ah_rest_api_contract::sse::encode_item;
use ah_rest_api_contract::{
    EventFilter, EventSeq, EventStream, SessionStatus, StreamItem, TaskManager as _,
    TaskManagerError,
};
use futures::StreamExt;
use tokio::time::timeout;

use crate::samples::{client, log, problem, session, session_id};
use crate::wire::{Reply, Request, Wire, answer};

pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A chunked stream: `body` in one chunk, and with `is_whole` the final chunk, so that an end
/// differs from a break.
pub(crate) fn chunked(body: &str, is_whole: bool) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
        transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        .to_vec();
    if !body.is_empty() {
        bytes.extend(format!("{:x}\r\n{body}\r\n", body.len()).bytes());
    }
    if is_whole {
        bytes.extend(b"0\r\n\r\n");
    }
    bytes
}

pub(crate) fn is_stream(request: &Request) -> bool {
    request.line().contains("/events")
}

pub(crate) fn last_event_id(request: &Request) -> u64 {
    request.header("last-event-id").unwrap().parse().unwrap()
}

pub(crate) fn the_session(status: SessionStatus, last_seq: u64) -> Reply {
    Reply::close(answer(
        "200 OK",
        "content-type: application/json\r\n",
        &session(status, last_seq).to_string(),
    ))
}

pub(crate) fn refusal(status: &str, kind: &str) -> Reply {
    let code = status[..3].parse().unwrap();
    let body = problem(kind, code, "no").to_string();
    Reply::close(answer(
        status,
        "content-type: application/problem+json\r\n",
        &body,
    ))
}

pub(crate) fn logs(seqs: std::ops::RangeInclusive<u64>) -> String {
    seqs.map(|seq| encode_item(&log(seq)).unwrap()).collect()
}

pub(crate) async fn stream(wire: &Wire) -> EventStream {
    let events = client(&wire.url())
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await;
    events.unwrap()
}

/// Reads a stream to its end, which must come.
pub(crate) async fn collect(stream: EventStream) -> Vec<Result<StreamItem, TaskManagerError>> {
    timeout(Duration::from_secs(30), stream.collect())
        .await
        .unwrap()
}

pub(crate) fn seqs(items: &[Result<StreamItem, TaskManagerError>]) -> Vec<u64> {
    items
        .iter()
        .map(|item| match item.as_ref().unwrap() {
            StreamItem::Event(event) => event.seq.get(),
            other => panic!("{other:?} is no event"),
        })
        .collect()
}

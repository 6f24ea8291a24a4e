//! Event streams that repeatedly break at the same position.

use std::time::Duration;

use ah_rest_api_contract::sse::encode_item;
use ah_rest_api_contract::{
    AllEventsQuery, ErrorKind, EventFilter, EventSeq, EventStream, SessionStatus, TaskManager as _,
};
use ah_rest_client::{RestClient, RetryPolicy};
use futures::StreamExt;

use crate::following::{
    STREAM, chunked, collect, is_stream, last_event_id, logs, seqs, stream, the_session,
};
use crate::samples::{SESSION, builder, client, frames, log, session_id};
use crate::wire::{Reply, Wire};

/// The number of consecutive connections without progress.
const CONNECTIONS: usize = 10;

/// A client for which every connection of a test is brief.
fn hasty(url: &str) -> RestClient {
    builder(url)
        .retry(RetryPolicy {
            first_delay: Duration::from_millis(1),
            delay_max: Duration::from_secs(5),
            ..RetryPolicy::default()
        })
        .build()
        .unwrap()
}

async fn follow(wire: &Wire) -> EventStream {
    hasty(&wire.url())
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap()
}

/// Returns the number of requests for the stream.
fn connections(wire: &mut Wire) -> usize {
    let lines = wire.lines();
    lines.iter().filter(|line| line.contains("/events")).count()
}

#[tokio::test]
async fn stream_cut_at_the_same_byte_reports_an_error() {
    // A connection that breaks, and one that appears to end.
    for is_chunked in [true, false] {
        let mut wire = Wire::start(move |request, _| {
            if !is_stream(request) {
                return the_session(SessionStatus::Running, 9);
            }
            let whole = logs(last_event_id(request) + 1..=2);
            let torn = &encode_item(&log(3)).unwrap()[..40];
            Reply::close(if is_chunked {
                chunked(&format!("{whole}{torn}"), false)
            } else {
                format!("{STREAM}{whole}{torn}").into_bytes()
            })
        })
        .await;
        let mut items = collect(stream(&wire).await).await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        let text = error.to_string();
        let place = format!("after event 2 of session {SESSION} 10 times in a row");
        assert!(text.contains(&place), "{text}");
        assert_eq!(seqs(&items), [1, 2]);
        // One connection with two events, and ten without any.
        assert_eq!(connections(&mut wire), 1 + CONNECTIONS);
    }
}

#[tokio::test]
async fn stream_that_breaks_immediately_reports_an_error() {
    let mut wire = Wire::start(|_, _| Reply::close(chunked("", false))).await;
    let items = collect(follow(&wire).await).await;
    let [Err(error)] = &items[..] else {
        panic!("{items:?}")
    };
    assert!(error.to_string().contains("after event 0"), "{error}");
    assert_eq!(connections(&mut wire), CONNECTIONS);
}

#[tokio::test]
async fn stream_that_ends_too_early_reports_an_error() {
    for status in [SessionStatus::Running, SessionStatus::Completed] {
        let mut wire = Wire::start(move |request, number| {
            if !is_stream(request) {
                return the_session(status, 5);
            }
            let body = if number == 0 {
                logs(1..=1)
            } else {
                String::new()
            };
            Reply::close(chunked(&body, true))
        })
        .await;
        let mut items = collect(follow(&wire).await).await;
        let error = items.pop().unwrap().unwrap_err();
        assert!(error.to_string().contains("(it ended)"), "{error}");
        assert_eq!(seqs(&items), [1]);
        assert_eq!(connections(&mut wire), 1 + CONNECTIONS, "{status:?}");
    }
}

#[tokio::test]
async fn stream_of_many_sessions_reports_an_error_too() {
    let mut wire =
        Wire::start(|_, _| Reply::close(chunked("id: log-7\n\nid: log-8\nevent: log\nda", false)))
            .await;
    let events = client(&wire.url())
        .all_events(AllEventsQuery::default())
        .await
        .unwrap();
    let mut items: Vec<_> = events.collect().await;
    let error = items.pop().unwrap().unwrap_err();
    assert!(error.to_string().contains("after log-7"), "{error}");
    assert!(items.is_empty());
    assert_eq!(connections(&mut wire), 1 + CONNECTIONS);
}

#[tokio::test]
async fn stream_with_progress_reconnects_without_limit() {
    const LAST: u64 = 3 * CONNECTIONS as u64;
    let wire = Wire::start(|request, _| {
        let seen = last_event_id(request);
        if seen + 1 == LAST {
            return Reply::close(chunked(&frames(seen, LAST), true));
        }
        let torn = format!("{}id: {}\nevent", logs(seen + 1..=seen + 1), seen + 2);
        Reply::close(chunked(&torn, false))
    })
    .await;
    let expected: Vec<u64> = (1..=LAST).collect();
    assert_eq!(seqs(&collect(stream(&wire).await).await), expected);
}

#[tokio::test]
async fn lost_connection_is_not_the_end_of_an_ended_session() {
    let wire = Wire::start(|request, number| {
        if !is_stream(request) {
            return the_session(SessionStatus::Completed, 3);
        }
        let seen = last_event_id(request);
        let rest = frames(seen, 3);
        // Without a length, so that the cut looks like an end; five times.
        let end = if number < 6 {
            60.min(rest.len())
        } else {
            rest.len()
        };
        Reply::close(format!("{STREAM}{}", rest.get(..end).unwrap_or(&rest)))
    })
    .await;
    assert_eq!(seqs(&collect(stream(&wire).await).await), [1, 2, 3]);
}

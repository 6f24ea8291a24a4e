//! The items and ends of event streams.

use ah_rest_api_contract::sse::encode_item;
use ah_rest_api_contract::{
    AllEventsQuery, EphemeralEvent, ErrorKind, EventFilter, EventSeq, EventType, Gap, MessageId,
    SessionStatus, StreamItem, TaskManager as _, ThoughtDelta,
};
use futures::StreamExt;
use serde_json::json;
use ulid::Ulid;

use crate::following::{
    STREAM, chunked, collect, is_stream, last_event_id, refusal, seqs, stream, the_session,
};
use crate::samples::{SESSION, client, completed, frames, log, session_id};
use crate::wire::{Reply, Wire};

#[tokio::test]
async fn complete_stream_uses_one_connection() {
    let mut wire = Wire::start(|_, _| Reply::hold(format!("{STREAM}{}", frames(0, 4)))).await;
    assert_eq!(seqs(&collect(stream(&wire).await).await), [1, 2, 3, 4]);
    let request = wire.next_request().await;
    assert_eq!(
        request.line(),
        format!("GET /api/v1/sessions/{SESSION}/events/stream")
    );
    assert_eq!(request.header("last-event-id"), Some("0"));
    assert!(
        request
            .header("accept")
            .unwrap()
            .starts_with("text/event-stream")
    );
    assert_eq!(request.header("authorization"), Some("ApiKey ah_test_key"));
    assert!(wire.lines().is_empty());
}

#[tokio::test]
async fn stream_that_never_starts_fails_the_call() {
    let wire = Wire::start(|_, _| refusal("404 Not Found", "not-found")).await;
    let asked = client(&wire.url())
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await;
    assert_eq!(asked.err().unwrap().kind(), ErrorKind::NotFound);

    let wire = Wire::start(|_, _| the_session(SessionStatus::Running, 1)).await;
    let asked = client(&wire.url())
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await;
    let error = asked.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(
        error.to_string().contains("is not an event stream"),
        "{error}"
    );
}

#[tokio::test]
async fn gap_is_reported_and_advances_the_cursor() {
    let gap = StreamItem::Gap(Gap::new(EventSeq::new(1), EventSeq::new(40)));
    let mut wire = Wire::start(move |_, number| {
        let gap = encode_item(&gap).unwrap();
        match number {
            0 => Reply::close(chunked(&gap, false)),
            _ => Reply::close(chunked(&format!("{gap}{}", frames(39, 41)), true)),
        }
    })
    .await;
    let items = collect(stream(&wire).await).await;
    assert!(matches!(items[0], Ok(StreamItem::Gap(gap)) if gap.earliest_seq.get() == 40));
    assert_eq!(seqs(&items[1..]), [40, 41]);
    assert_eq!(wire.next_request().await.header("last-event-id"), Some("0"));
    // Removed events are not requested again.
    assert_eq!(
        wire.next_request().await.header("last-event-id"),
        Some("39")
    );
}

#[tokio::test]
async fn ephemeral_events_are_optional_and_do_not_advance_the_cursor() {
    let delta = StreamItem::Ephemeral(EphemeralEvent::ThoughtDelta(ThoughtDelta::new(
        MessageId::from_ulid(Ulid::nil()),
        0,
        "hm",
    )));
    let sent = delta.clone();
    let mut wire = Wire::start(move |_, number| {
        let delta = encode_item(&sent).unwrap();
        match number {
            0 => Reply::close(chunked(
                &format!("{}{delta}: keep-alive\n\n", encode_item(&log(1)).unwrap()),
                false,
            )),
            _ => Reply::close(chunked(&format!("{delta}{}", frames(1, 2)), true)),
        }
    })
    .await;
    let filter = EventFilter::default().with_ephemeral();
    let events = client(&wire.url())
        .task_events_stream(session_id(), EventSeq::START, filter)
        .await
        .unwrap();
    let items: Vec<_> = collect(events)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(items, [log(1), delta.clone(), delta, completed(2)]);
    assert!(
        wire.next_request()
            .await
            .line()
            .ends_with("/events/stream?deltas=true")
    );
    assert_eq!(wire.next_request().await.header("last-event-id"), Some("1"));
}

#[tokio::test]
async fn filtered_terminal_status_is_requested() {
    // The filter excludes the terminal status.
    let mut wire = Wire::start(|request, number| match (is_stream(request), number) {
        (true, 0) => Reply::close(chunked(&encode_item(&log(1)).unwrap(), true)),
        (true, _) => {
            assert_eq!(last_event_id(request), 1);
            Reply::close(chunked(&encode_item(&log(4)).unwrap(), true))
        }
        (false, _) => the_session(SessionStatus::Completed, 5),
    })
    .await;
    let filter = EventFilter::default().with_types([EventType::Log]);
    let events = client(&wire.url())
        .task_events_stream(session_id(), EventSeq::START, filter)
        .await
        .unwrap();
    assert_eq!(seqs(&collect(events).await), [1, 4]);
    let of_session = format!("GET /api/v1/sessions/{SESSION}");
    let of_stream = format!("{of_session}/events/stream?type=log");
    assert_eq!(wire.lines(), [of_stream.clone(), of_session, of_stream]);
}

#[tokio::test]
async fn cursor_at_the_end_yields_an_ended_stream() {
    let mut wire = Wire::start(|request, _| {
        if is_stream(request) {
            Reply::close(chunked("", true))
        } else {
            the_session(SessionStatus::Failed, 7)
        }
    })
    .await;
    let events = client(&wire.url())
        .task_events_stream(session_id(), EventSeq::new(7), EventFilter::default())
        .await
        .unwrap();
    assert!(collect(events).await.is_empty());
    assert_eq!(wire.lines().len(), 2);
}

#[tokio::test]
async fn malformed_stream_ends_with_an_error() {
    let hole = format!(
        "{}{}",
        encode_item(&log(1)).unwrap(),
        encode_item(&log(3)).unwrap()
    );
    let garbage = format!(
        "{}id: 2\nevent: log\ndata: {{\n\n",
        encode_item(&log(1)).unwrap()
    );
    let cases = [
        (hole, ErrorKind::Internal, "from event 1 to event 3"),
        (garbage, ErrorKind::Incompatible, "failed to parse"),
    ];
    for (body, kind, says) in cases {
        let wire = Wire::start(move |_, _| Reply::hold(format!("{STREAM}{body}"))).await;
        let mut items = collect(stream(&wire).await).await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(seqs(&items), [1]);
    }
}

#[tokio::test]
async fn frame_size_is_limited() {
    let wire = Wire::start(|_, _| {
        let mut bytes = format!("{STREAM}{}data: ", encode_item(&log(1)).unwrap()).into_bytes();
        bytes.resize(bytes.len() + 9 * 1024 * 1024, b'x');
        Reply::hold(bytes)
    })
    .await;
    let mut items = collect(stream(&wire).await).await;
    let error = items.pop().unwrap().unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
    assert_eq!(seqs(&items), [1]);
}

#[tokio::test]
async fn stream_of_many_sessions_has_its_own_cursor() {
    let event = |place: u64, seq: u64, session: &str| {
        let data = json!({
            "seq": seq, "ts": "2026-11-21T08:00:00.000Z", "sessionId": session,
            "type": "log", "level": "info", "message": "hi",
        });
        format!("id: log-{place}\nevent: log\ndata: {data}\n\n")
    };
    let other = "01ARZ3NDEKTSV4RRFFQ69G5FAW";
    let mut wire = Wire::start(move |_, number| match number {
        // The start position of a stream of new events, and nothing else.
        0 => Reply::close(chunked("id: log-7\n\n", false)),
        1 => Reply::close(chunked(
            &format!("{}{}", event(8, 3, SESSION), event(9, 1, other)),
            true,
        )),
        _ => Reply::hold(format!(
            "{STREAM}{}{}",
            event(9, 1, other),
            event(12, 4, SESSION)
        )),
    })
    .await;
    let query = AllEventsQuery {
        sessions: Some([session_id(), other.parse().unwrap()].into()),
        ..AllEventsQuery::default()
    };
    let events = client(&wire.url()).all_events(query).await.unwrap();
    let items: Vec<_> = events.take(3).map(Result::unwrap).collect().await;
    let shown: Vec<_> = items
        .iter()
        .map(|(cursor, event)| (cursor.get(), event.seq.get(), event.session_id.to_string()))
        .collect();
    let expected = [(8, 3, SESSION), (9, 1, other), (12, 4, SESSION)]
        .map(|(place, seq, session)| (place, seq, session.to_owned()));
    assert_eq!(shown, expected);
    let asked = wire.next_request().await;
    assert_eq!(
        asked.line(),
        format!("GET /api/v1/events?sessions={SESSION}%2C{other}")
    );
    assert_eq!(asked.header("last-event-id"), None);
    assert_eq!(
        wire.next_request().await.header("last-event-id"),
        Some("log-7")
    );
    assert_eq!(
        wire.next_request().await.header("last-event-id"),
        Some("log-9")
    );
}

//! Event streams over connections that break.

use std::time::Duration;

use ah_rest_api_contract::sse::encode_item;
use ah_rest_api_contract::{
    AllEventsQuery, EphemeralEvent, ErrorKind, EventFilter, EventSeq, EventStream, EventType, Gap,
    SessionStatus, StreamItem, TaskManagerError, ThoughtDelta,
};
use futures::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use crate::samples::{
    SESSION, builder, client, completed, frames, log, problem, session, session_id,
};
use crate::wire::{Reply, Request, Then, Wire, answer};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A stream whose end can be told from its breaking: `body` in one chunk, and with `is_whole` the
/// chunk of length zero that ends it.
fn chunked(body: &str, is_whole: bool) -> Vec<u8> {
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

fn is_stream(request: &Request) -> bool {
    request.line().contains("/events")
}

fn last_event_id(request: &Request) -> u64 {
    request.header("last-event-id").unwrap().parse().unwrap()
}

fn the_session(status: SessionStatus, last_seq: u64) -> Reply {
    Reply::close(answer(
        "200 OK",
        "content-type: application/json\r\n",
        &session(status, last_seq).to_string(),
    ))
}

fn refusal(status: &str, kind: &str) -> Reply {
    let code = status[..3].parse().unwrap();
    let body = problem(kind, code, "no").to_string();
    Reply::close(answer(
        status,
        "content-type: application/problem+json\r\n",
        &body,
    ))
}

fn logs(seqs: std::ops::RangeInclusive<u64>) -> String {
    seqs.map(|seq| encode_item(&log(seq)).unwrap()).collect()
}

async fn stream(wire: &Wire) -> EventStream {
    let events = client(&wire.url())
        .session_events(session_id(), EventSeq::START, EventFilter::default())
        .await;
    events.unwrap()
}

/// Reads a stream to its end, which must come.
async fn collect(stream: EventStream) -> Vec<Result<StreamItem, TaskManagerError>> {
    timeout(Duration::from_secs(30), stream.collect())
        .await
        .unwrap()
}

fn seqs(items: &[Result<StreamItem, TaskManagerError>]) -> Vec<u64> {
    items
        .iter()
        .map(|item| match item.as_ref().unwrap() {
            StreamItem::Event(event) => event.seq.get(),
            other => panic!("{other:?} is no event"),
        })
        .collect()
}

#[tokio::test]
async fn a_whole_stream_is_read_over_one_connection() {
    let mut wire = Wire::start(|_, _| Reply::hold(format!("{STREAM}{}", frames(0, 4)))).await;
    assert_eq!(seqs(&collect(stream(&wire).await).await), [1, 2, 3, 4]);
    let request = wire.next_request().await;
    assert_eq!(
        request.line(),
        format!("GET /api/v1/sessions/{SESSION}/events")
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

/// Cut anywhere, whether the client can tell the cut from an end (chunked) or not.
async fn cut_at_every_byte(is_chunked: bool) {
    let body = frames(0, 3);
    let first = encode_item(&log(1)).unwrap().len();
    let second = encode_item(&log(2)).unwrap().len();
    for cut in first..=first + second {
        let body = body.clone();
        let wire = Wire::start(move |request, number| {
            if !is_stream(request) {
                return the_session(SessionStatus::Running, 3);
            }
            if number == 0 {
                return Reply::close(if is_chunked {
                    let mut bytes = chunked(&body, true);
                    bytes.truncate(bytes.len() - (body.len() - cut) - "\r\n0\r\n\r\n".len());
                    bytes
                } else {
                    format!("{STREAM}{body}").as_bytes()[..STREAM.len() + cut].to_vec()
                });
            }
            let seen = if cut < first + second { 1 } else { 2 };
            assert_eq!(last_event_id(request), seen, "cut at {cut}");
            Reply::close(format!("{STREAM}{}", frames(seen, 3)))
        })
        .await;
        assert_eq!(
            seqs(&collect(stream(&wire).await).await),
            [1, 2, 3],
            "cut at {cut}"
        );
    }
}

#[tokio::test]
async fn a_cut_at_every_byte_of_a_frame_loses_nothing() {
    cut_at_every_byte(true).await;
}

#[tokio::test]
async fn a_cut_that_looks_like_an_end_loses_nothing_either() {
    cut_at_every_byte(false).await;
}

#[tokio::test]
async fn what_a_careless_server_repeats_is_shown_once() {
    let wire = Wire::start(|_, number| match number {
        0 => Reply::close(chunked(&logs(1..=3), false)),
        // From the start, whatever was asked for.
        _ => Reply::close(chunked(&frames(0, 5), true)),
    })
    .await;
    assert_eq!(seqs(&collect(stream(&wire).await).await), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_server_that_restarts_is_waited_for() {
    let wire = Wire::start(|_, _| Reply::close(chunked(&logs(1..=2), false))).await;
    let (address, mut events) = (wire.address, stream(&wire).await);
    for seq in [1, 2] {
        assert_eq!(events.next().await.unwrap().unwrap(), log(seq));
    }
    // Gone; then back, but not well for a while.
    let port = wire.stop().await;
    let mut reading = tokio::spawn(collect(events));
    tokio::select! {
        ended = &mut reading => panic!("the stream gave up: {ended:?}"),
        () = refused_twice(address) => {}
    }
    let mut wire = Wire::listen(port.listen(64).unwrap(), |request, number| match number {
        0 => refusal("503 Service Unavailable", "unavailable"),
        1 => refusal("500 Internal Server Error", "internal"),
        2 => Reply::close(answer("502 Bad Gateway", "", "<html>")),
        3 => refusal("429 Too Many Requests", "rate-limited"),
        4 => Reply::close(""),
        5 => Reply::close("HTTP/1.1 200 OK\r\ncontent-ty"),
        _ => {
            assert_eq!(last_event_id(request), 2);
            Reply::close(chunked(&frames(2, 3), true))
        }
    });
    assert_eq!(seqs(&reading.await.unwrap()), [3]);
    assert_eq!(wire.lines().len(), 7);
}

/// Returns once two connections to a dead address were refused, so that whoever tries to connect
/// at the same pace has been refused as well.
async fn refused_twice(address: std::net::SocketAddr) {
    for _ in 0..2 {
        tokio::net::TcpStream::connect(address).await.unwrap_err();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_final_ends_the_stream_with_it() {
    for (status, slug, kind) in [
        ("401 Unauthorized", "auth", ErrorKind::Unauthenticated),
        ("403 Forbidden", "authz", ErrorKind::Unauthorized),
        ("404 Not Found", "not-found", ErrorKind::NotFound),
        ("410 Gone", "gone", ErrorKind::Gone),
        (
            "501 Not Implemented",
            "not-implemented",
            ErrorKind::NotImplemented,
        ),
    ] {
        let mut wire = Wire::start(move |_, number| match number {
            0 => Reply::close(chunked(&encode_item(&log(1)).unwrap(), false)),
            _ => refusal(status, slug),
        })
        .await;
        let items = collect(stream(&wire).await).await;
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].as_ref().unwrap(), &log(1));
        assert_eq!(items[1].as_ref().unwrap_err().kind(), kind);
        assert_eq!(wire.lines().len(), 2);
    }
}

#[tokio::test]
async fn a_stream_that_never_begins_is_an_error_of_the_asking() {
    let wire = Wire::start(|_, _| refusal("404 Not Found", "not-found")).await;
    let asked = client(&wire.url())
        .session_events(session_id(), EventSeq::START, EventFilter::default())
        .await;
    assert_eq!(asked.err().unwrap().kind(), ErrorKind::NotFound);

    let wire = Wire::start(|_, _| the_session(SessionStatus::Running, 1)).await;
    let asked = client(&wire.url())
        .session_events(session_id(), EventSeq::START, EventFilter::default())
        .await;
    let error = asked.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(
        error.to_string().contains("is not an event stream"),
        "{error}"
    );
}

#[tokio::test]
async fn a_silent_connection_is_taken_for_dead() {
    let wire = Wire::start(|request, number| match number {
        0 => Reply::hold(format!("{STREAM}{}", encode_item(&log(1)).unwrap())),
        _ => {
            assert_eq!(last_event_id(request), 1);
            Reply::close(chunked(&frames(1, 2), true))
        }
    })
    .await;
    let client = builder(&wire.url())
        .silence_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let events = client
        .session_events(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    assert_eq!(seqs(&collect(events).await), [1, 2]);
}

#[tokio::test]
async fn a_gap_is_told_and_counts() {
    let gap = StreamItem::Gap(Gap {
        from_seq: EventSeq::new(1),
        earliest_seq: EventSeq::new(40),
    });
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
    // What is gone is not asked for again.
    assert_eq!(
        wire.next_request().await.header("last-event-id"),
        Some("39")
    );
}

#[tokio::test]
async fn what_is_ephemeral_comes_on_request_and_is_no_place_to_resume_from() {
    let delta = StreamItem::Ephemeral(EphemeralEvent::ThoughtDelta(ThoughtDelta {
        delta: "hm".to_owned(),
    }));
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
        .session_events(session_id(), EventSeq::START, filter)
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
            .ends_with("/events?deltas=true")
    );
    assert_eq!(wire.next_request().await.header("last-event-id"), Some("1"));
}

#[tokio::test]
async fn an_end_that_is_not_shown_is_asked_for() {
    // The terminal status is not among what the filter wants.
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
        .session_events(session_id(), EventSeq::START, filter)
        .await
        .unwrap();
    assert_eq!(seqs(&collect(events).await), [1, 4]);
    let of_session = format!("GET /api/v1/sessions/{SESSION}");
    let of_stream = format!("{of_session}/events?type=log");
    assert_eq!(wire.lines(), [of_stream.clone(), of_session, of_stream]);
}

#[tokio::test]
async fn who_comes_after_the_end_is_told_so() {
    let mut wire = Wire::start(|request, _| {
        if is_stream(request) {
            Reply::close(chunked("", true))
        } else {
            the_session(SessionStatus::Failed, 7)
        }
    })
    .await;
    let events = client(&wire.url())
        .session_events(session_id(), EventSeq::new(7), EventFilter::default())
        .await
        .unwrap();
    assert!(collect(events).await.is_empty());
    assert_eq!(wire.lines().len(), 2);
}

#[tokio::test]
async fn a_stream_that_is_not_what_it_says_ends_with_an_error() {
    let hole = format!(
        "{}{}",
        encode_item(&log(1)).unwrap(),
        encode_item(&log(3)).unwrap()
    );
    let garbage = format!(
        "{}id: 2\nevent: log\ndata: {{\n\n",
        encode_item(&log(1)).unwrap()
    );
    for (body, says) in [(hole, "from event 1 to event 3"), (garbage, "cannot read")] {
        let wire = Wire::start(move |_, _| Reply::hold(format!("{STREAM}{body}"))).await;
        let mut items = collect(stream(&wire).await).await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(seqs(&items), [1]);
    }
}

#[tokio::test]
async fn a_frame_without_an_end_is_not_held_for_ever() {
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
async fn a_reader_that_is_interrupted_at_every_wait_misses_nothing() {
    let wire = Wire::start(|request, number| {
        if !is_stream(request) {
            return the_session(SessionStatus::Running, 6);
        }
        let after = last_event_id(request);
        let then = if number % 2 == 0 {
            Then::Close
        } else {
            Then::Hold
        };
        let body = if after == 5 {
            encode_item(&completed(6)).unwrap()
        } else {
            encode_item(&log(after + 1)).unwrap()
        };
        Reply {
            bytes: chunked(&body, number % 3 == 0),
            then,
        }
    })
    .await;
    let client = builder(&wire.url())
        .silence_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let mut events = client
        .session_events(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    let mut shown = Vec::new();
    loop {
        // Each wait is given up at once and begun again, as a program does that waits for keys too.
        let item = tokio::select! {
            biased;
            item = events.next() => item,
            () = tokio::task::yield_now() => continue,
        };
        match item {
            Some(item) => shown.push(item),
            None => break,
        }
    }
    assert_eq!(seqs(&shown), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn the_events_of_many_sessions_are_followed_by_their_own_cursor() {
    let event = |place: u64, seq: u64, session: &str| {
        let data = json!({
            "seq": seq, "ts": "2026-11-21T08:00:00.000Z", "sessionId": session,
            "type": "log", "level": "info", "message": "hi",
        });
        format!("id: log-{place}\nevent: log\ndata: {data}\n\n")
    };
    let other = "01ARZ3NDEKTSV4RRFFQ69G5FAW";
    let mut wire = Wire::start(move |_, number| match number {
        // Where the stream of events to come begins, and nothing else.
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

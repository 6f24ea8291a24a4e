//! Event streams over connections that break.

use std::time::Duration;

use ah_rest_api_contract::sse::encode_item;
use ah_rest_api_contract::{ErrorKind, EventFilter, EventSeq, SessionStatus, TaskManager as _};
use ah_rest_client::Reachability;
use futures::StreamExt;

use crate::following::{
    STREAM, chunked, collect, is_stream, last_event_id, logs, refusal, seqs, stream, the_session,
};
use crate::samples::{builder, client, completed, frames, log, session_id};
use crate::wire::{Reply, Then, Wire, answer};

/// Cut at every byte, with a detectable cut (chunked) or an apparent end.
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
async fn connection_closed_cleanly_loses_nothing() {
    cut_at_every_byte(false).await;
}

#[tokio::test]
async fn events_repeated_by_the_server_are_yielded_once() {
    let wire = Wire::start(|_, number| match number {
        0 => Reply::close(chunked(&logs(1..=3), false)),
        // From the start, whatever the request.
        _ => Reply::close(chunked(&frames(0, 5), true)),
    })
    .await;
    assert_eq!(seqs(&collect(stream(&wire).await).await), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn stream_waits_for_a_restarting_server() {
    let wire = Wire::start(|_, _| Reply::close(chunked(&logs(1..=2), false))).await;
    let (address, mut events) = (wire.address, stream(&wire).await);
    for seq in [1, 2] {
        assert_eq!(events.next().await.unwrap().unwrap(), log(seq));
    }
    // Unreachable, then restarted, but failing for a while.
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

#[tokio::test]
async fn reachability_follows_an_outage() {
    let wire = Wire::start(|_, _| Reply::close(chunked(&logs(1..=2), false))).await;
    let client = client(&wire.url());
    let mut reachability = client.reachability();
    assert_eq!(*reachability.borrow(), Reachability::Unknown);
    let mut events = client
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    for seq in [1, 2] {
        assert_eq!(events.next().await.unwrap().unwrap(), log(seq));
    }
    assert_eq!(*reachability.borrow(), Reachability::Reachable);
    let port = wire.stop().await;
    let reading = tokio::spawn(collect(events));
    let lost = reachability.wait_for(|now| *now == Reachability::Unreachable);
    drop(lost.await.unwrap());
    let _wire = Wire::listen(port.listen(64).unwrap(), |_, _| {
        Reply::close(chunked(&frames(2, 3), true))
    });
    let back = reachability.wait_for(|now| *now == Reachability::Reachable);
    drop(back.await.unwrap());
    assert_eq!(seqs(&reading.await.unwrap()), [3]);
}

/// Returns after two refused connections, so that a client with the same delays was refused as
/// well.
pub(crate) async fn refused_twice(address: std::net::SocketAddr) {
    for _ in 0..2 {
        tokio::net::TcpStream::connect(address).await.unwrap_err();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn final_error_ends_the_stream() {
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
async fn silent_connection_is_replaced() {
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
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    assert_eq!(seqs(&collect(events).await), [1, 2]);
}

#[tokio::test]
async fn reader_cancelled_at_every_await_misses_nothing() {
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
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    let mut shown = Vec::new();
    loop {
        // Each wait is cancelled and restarted, as in a program that also waits for keys.
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

//! Readers that reconnect. They miss nothing and see nothing twice, however their connections end.
//! Also covers ephemeral events.

use ah_rest_api_contract::sse::{Decoded, Decoder};
use ah_rest_api_contract::{EphemeralEvent, MessageDelta, MessageId, ThoughtDelta, ToolProgress};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use ulid::Ulid;

use crate::client::{Client, Event};
use crate::world::{Backend, PATIENCE, Server, World, on_each_backend};

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(Event::seq).collect()
}

async fn stop(server: &Server, path: &str) {
    let answer = server.client.post(path, &json!({})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// Waits until the server reports this number of open streams.
async fn until_open(server: &Server, streams: usize) {
    let line = format!("ah_sse_streams {streams}\n");
    let open = async {
        while !server.client.get("/metrics").await.text().contains(&line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, open).await.unwrap();
}

/// Connects a reader that requests a stream and then reads none of it. It uses HTTP/1.0, whose body
/// has no chunks, so that the bytes are the stream itself.
async fn stall(server: &Server, path: &str) -> TcpStream {
    let mut stalled = TcpStream::connect(server.address).await.unwrap();
    let key = server.client.key.clone().unwrap();
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: ApiKey {key}\r\n\r\n");
    stalled.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stalled.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.0 200 "));
    stalled
}

async fn stalled_reader_is_closed_and_resumes_without_a_gap(backend: Backend) {
    let world = World::new(backend).with("server.write-timeout-ms", "200");
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events/stream");
    let mut stalled = stall(&server, &path).await;
    until_open(&server, 1).await;
    // More data than fits into all buffers on the way.
    let text = "x".repeat(8 * 1024);
    for _ in 0..2000 {
        world.agents.thought(id, &text);
    }
    // The reader still reads nothing, so the server disconnects it.
    until_open(&server, 0).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stalled.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    let mut decoder = Decoder::new();
    decoder.push(&bytes).unwrap();
    let mut seen = Vec::new();
    while let Some(decoded) = decoder.pop() {
        if let Decoded::Frame(frame) = decoded {
            seen.push(Event(frame));
        }
    }
    let before = seen.len();
    let ask = server
        .client
        .ask("GET", &path)
        .header("last-event-id", decoder.last_event_id());
    let resumed = ask.events().await;
    stop(&server, &format!("/api/v1/sessions/{id}/stop")).await;
    seen.extend(resumed.until_end().await);
    assert!((1..2000).contains(&before), "{before} events came at first");
    assert!(seen.len() > 2000);
    assert_eq!(seqs(&seen), (1..=seen.len() as u64).collect::<Vec<_>>());
    server.end().await.unwrap();
}

/// Reads to the end over several connections, each of which is closed after `piece` events.
async fn read_in_pieces(client: Client, path: String, piece: usize) -> Vec<Event> {
    let mut seen: Vec<Event> = Vec::new();
    loop {
        let place = seen.last().map_or(0, Event::seq).to_string();
        let ask = client.ask("GET", &path).header("last-event-id", &place);
        let Some(mut events) = ask.events_if_any().await else {
            return seen;
        };
        for _ in 0..piece {
            match events.next().await {
                Some(event) => seen.push(event),
                None => return seen,
            }
        }
    }
}

async fn many_reconnecting_readers_see_every_event_once(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events/stream");
    let mut readers = Vec::new();
    for number in 0..200 {
        if number % 10 == 0 {
            let reading = read_in_pieces(server.client.clone(), path.clone(), 3 + number);
            readers.push(tokio::spawn(reading));
        }
        world.agents.thought(id, &number.to_string());
    }
    stop(&server, &format!("/api/v1/sessions/{id}/stop")).await;
    let all = server.client.events(&path).await.until_end().await;
    assert!(all.len() > 200);
    assert_eq!(seqs(&all), (1..=all.len() as u64).collect::<Vec<_>>());
    for reader in readers {
        let seen = tokio::time::timeout(PATIENCE, reader)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(seen, all);
    }
    server.end().await.unwrap();
}

async fn a_page_of_large_events_is_whole(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let text = "x".repeat(64 * 1024);
    for _ in 0..100 {
        world.agents.thought(id, &text);
    }
    let path = format!("/api/v1/sessions/{id}/events");
    stop(&server, &format!("/api/v1/sessions/{id}/stop")).await;
    let all = server.client.events(&path).await.until_end().await;
    for (sort, per_page) in [("asc", 200), ("desc", 60)] {
        let answer = server
            .client
            .get(&format!("{path}?sort={sort}&perPage={per_page}"))
            .await;
        assert_eq!(answer.status, 200);
        let page = answer.json();
        let mut expected: Vec<_> = all.iter().map(Event::json).collect();
        if sort == "desc" {
            expected.reverse();
        }
        expected.truncate(per_page);
        assert_eq!(page["items"].as_array().unwrap(), &expected);
        assert_eq!(page["total"], all.len());
        let next = page["nextPage"].as_u64();
        assert_eq!(next, (per_page < all.len()).then_some(2));
    }
    server.end().await.unwrap();
}

async fn deltas_are_sent_on_request_and_never_numbered(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events/stream");
    let mut shown = server.client.events(&format!("{path}?deltas=true")).await;
    let other = server.client.events(&format!("{path}?deltas=false")).await;
    let default = server.client.events(&path).await;
    world.agents.thought(id, "so far");
    while shown.next().await.unwrap().json()["thought"] != "so far" {}
    let place = shown.last_event_id().to_owned();
    let message_id = MessageId::from_ulid(Ulid::from_parts(0, 7));
    let deltas = [
        EphemeralEvent::MessageDelta(MessageDelta::new(message_id, 0, "Hel")),
        EphemeralEvent::ThoughtDelta(ThoughtDelta::new(message_id, 2, "hm\nhm")),
        EphemeralEvent::ToolProgress(ToolProgress::new("run-1", "bash", "2 of 3")),
    ];
    for delta in deltas {
        world.agents.show(id, delta.clone());
        let frame = shown.next().await.unwrap();
        assert_eq!(frame.0.event.as_deref(), Some(delta.name()));
        assert_eq!(frame.json(), serde_json::to_value(&delta).unwrap());
        // An ephemeral event has no id to resume from.
        assert_eq!(frame.0.id, None);
        assert_eq!(shown.last_event_id(), place);
    }
    stop(&server, &format!("/api/v1/sessions/{id}/stop")).await;
    let rest = shown.until_end().await;
    let whole = default.until_end().await;
    // Readers without ephemeral events see a log without gaps.
    assert_eq!(seqs(&whole), (1..=whole.len() as u64).collect::<Vec<_>>());
    assert_eq!(rest[0].seq(), place.parse::<u64>().unwrap() + 1);
    assert_eq!(rest, whole[whole.len() - rest.len()..]);
    assert_eq!(other.until_end().await, whole);
    let ask = server
        .client
        .ask("GET", &format!("{path}?deltas=true"))
        .header("last-event-id", &place);
    assert_eq!(ask.events().await.until_end().await, rest);
    let pages = format!("/api/v1/sessions/{id}/events?perPage=1");
    let history = server.client.get(&pages).await;
    assert_eq!(history.json()["total"], whole.len());
    server.end().await.unwrap();
}

on_each_backend!(
    stalled_reader_is_closed_and_resumes_without_a_gap,
    many_reconnecting_readers_see_every_event_once,
    a_page_of_large_events_is_whole,
    deltas_are_sent_on_request_and_never_numbered,
);

//! Connections: their time limits from the first byte on, and the places that they take.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{Backend, PATIENCE, Server, World};

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Sends `bytes` and waits until the server closes the connection. Returns what it sent before.
async fn until_closed(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A connection that is closed with unread bytes is reset.
    tokio::time::timeout(PATIENCE, read).await.unwrap().ok();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_take_no_place_from_others() {
    let world = World::new(Backend::Engine).with("server.max-connections", "16");
    let server = world.server().await;
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(connect(&server).await);
    }
    let began = Instant::now();
    for _ in 0..20 {
        let other = server.client.with_key(None);
        assert_eq!(other.get("/health").await.status, 200);
        assert_eq!(server.client.get("/api/v1/sessions").await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{began:?}");
    server.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_with_a_key_keep_their_streams_while_strangers_come() {
    let world = World::new(Backend::Engine).with("server.max-connections", "8");
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events");
    let streams = [
        server.client.events(&path).await,
        server.client.events(&path).await,
    ];
    let mut held = Vec::new();
    for number in 0..60 {
        let mut stream = connect(&server).await;
        // Some of them are in the middle of a request that they may not make.
        if number % 3 == 0 {
            let head =
                b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
            stream.write_all(head).await.ok();
        }
        held.push(stream);
    }
    let answer = server
        .client
        .post(&format!("/api/v1/sessions/{id}/stop"), &json!({}))
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    for stream in streams {
        let events = stream.until_end().await;
        assert_eq!(events.last().unwrap().json()["status"], "stopped");
    }
    server.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_whole_request_is_closed_whatever_it_sent() {
    let world = World::new(Backend::Engine).with("server.idle-timeout-ms", "300");
    let server = world.server().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let beginnings: [&[u8]; 6] = [
        b"",
        b"G",
        b"GET /health HTTP/1.1\r\nHost: loc",
        &preface[..9],
        &[&preface[..], &settings].concat(),
        // The beginning of a TLS handshake.
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
    ];
    for bytes in beginnings {
        until_closed(connect(&server).await, bytes).await;
    }
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = until_closed(connect(&server).await, request).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    server.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_head_is_cut_off_and_a_quiet_stream_is_not() {
    let world = World::new(Backend::Engine).with("server.idle-timeout-ms", "300");
    let server = world.server().await;
    let id = server.running().await;
    let mut quiet = server
        .client
        .events(&format!("/api/v1/sessions/{id}/events?type=thought"))
        .await;
    let mut slow = connect(&server).await;
    let trickle = async {
        loop {
            if slow.write_all(b"G").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trickle).await.unwrap();
    // The stream has been idle for longer than the slow head took.
    world.agents.thought(id, "still there");
    assert_eq!(quiet.next().await.unwrap().json()["thought"], "still there");
    server.end().await.unwrap();
}

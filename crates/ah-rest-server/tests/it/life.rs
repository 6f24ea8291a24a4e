//! The lifecycle of the server: one per folder, discovery, readiness, shutdown, and its health.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ah_engine::{Clock as _, SystemClock};
use ah_rest_server::{ServeError, ServerClock, read_published, running};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::world::{Backend, PATIENCE, World, on_each_backend};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_point_file_exists_while_running_and_keeps_the_key() {
    let world = World::new(Backend::Engine);
    let home = world.home.path();
    assert_eq!(running(home).unwrap(), None);
    let server = world.server().await;
    let found = running(home).unwrap().unwrap();
    assert_eq!(found.url.as_str(), format!("http://{}/", server.address));
    assert_eq!(found.pid, std::process::id());
    assert_eq!(found.version, "1.2.3");
    let mode = home
        .join("access-point.json")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = server.client.key.clone().unwrap();
    let stored = world.store().await.api_keys().await.unwrap();
    assert_eq!(stored.len(), 1);
    assert!(
        !format!("{stored:?}").contains(&key[16..]),
        "the key itself is stored"
    );
    server.end().await.unwrap();
    assert_eq!(running(home).unwrap(), None);
    assert_eq!(read_published(home).unwrap(), None);
    let server = world.server().await;
    assert_eq!(server.client.key, Some(key));
    server.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_server_on_the_same_folder_is_refused() {
    let world = World::new(Backend::Engine);
    let server = world.server().await;
    let error = world.begin().await.err().unwrap();
    assert!(
        matches!(error, ServeError::AlreadyRunning { .. }),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.contains(&std::process::id().to_string()),
        "{message}"
    );
    assert!(
        message.contains(world.home.path().to_str().unwrap()),
        "{message}"
    );
    // The first server is not affected.
    assert_eq!(server.client.get("/api/v1/sessions").await.status, 200);
    server.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let world = World::new(Backend::Engine).with("server.port", &port);
    let error = world.begin().await.err().unwrap();
    assert!(matches!(error, ServeError::PortTaken { .. }), "{error}");
    assert!(error.to_string().contains(&port), "{error}");
}

async fn agents_outlive_the_server(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    server.end().await.unwrap();
    world.agents.thought(id, "alone");
    let server = world.server().await;
    let mut events = server
        .client
        .events(&format!("/api/v1/sessions/{id}/events?type=thought"))
        .await;
    assert_eq!(events.next().await.unwrap().json()["thought"], "alone");
    let session = server
        .client
        .get(&format!("/api/v1/sessions/{id}"))
        .await
        .json();
    assert_eq!(session["status"], "running");
    server.end().await.unwrap();
}

async fn server_is_live_before_it_is_ready(backend: Backend) {
    let world = World::new(backend);
    let (open, gate) = oneshot::channel::<()>();
    let gate = async move { gate.await.unwrap() };
    let server = world.begin_after(gate).await.unwrap();
    assert_eq!(server.client.get("/health").await.status, 200);
    let answer = server.client.get("/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.problem()["type"], "/errors/unavailable");
    open.send(()).unwrap();
    server.ready().await;
    assert_eq!(server.client.get("/api/v1/sessions").await.status, 200);
    server.end().await.unwrap();
}

/// A standard `EventSource` gives up when the response to its request is an error.
async fn a_starting_server_holds_requests(backend: Backend) {
    let world = World::new(backend);
    let (open, gate) = oneshot::channel::<()>();
    let gate = async move { gate.await.unwrap() };
    let server = world.begin_after(gate).await.unwrap();
    let client = server.client.clone();
    let list = tokio::spawn(async move { client.get("/api/v1/sessions").await });
    let client = server.client.clone();
    let stream = tokio::spawn(async move { client.events("/api/v1/events").await });
    let both_are_held = async {
        // The request for the metrics is the third. Connections do not tell: a pool may open more.
        while !server
            .client
            .get("/metrics")
            .await
            .text()
            .contains("ah_http_requests_in_flight 3\n")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, both_are_held).await.unwrap();
    assert!(!list.is_finished() && !stream.is_finished());
    open.send(()).unwrap();
    assert_eq!(list.await.unwrap().status, 200);
    stream.await.unwrap();
    server.end().await.unwrap();
}

async fn server_can_be_shut_down_before_it_is_ready(backend: Backend) {
    let world = World::new(backend);
    let never = std::future::pending();
    let server = world.begin_after(never).await.unwrap();
    server.end().await.unwrap();
    assert_eq!(running(world.home.path()).unwrap(), None);
}

async fn health_reports_each_check(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let stranger = server.client.with_key(None);
    assert_eq!(stranger.get("/health").await.json()["status"], "ok");
    let text = stranger
        .ask("GET", "/health")
        .header("accept", "text/plain")
        .send()
        .await;
    assert_eq!(text.text(), "OK");
    assert_eq!(stranger.get("/ready").await.json()["status"], "ready");
    assert_eq!(
        stranger.get("/api/v1/version").await.json(),
        json!({"version": "1.2.3"})
    );
    let deep = server.client.get("/api/v1/health/deep").await.json();
    for check in ["store", "disk", "sessions"] {
        assert!(deep["checks"][check]["detail"].is_string(), "{deep}");
    }
    assert_eq!(deep["checks"]["store"]["status"], "ok", "{deep}");
    let metrics = stranger.get("/metrics").await;
    let line =
        "ah_http_requests_total{method=\"GET\",route=\"/api/v1/health/deep\",status=\"200\"} 1";
    assert!(metrics.text().contains(line), "{}", metrics.text());
    server.end().await.unwrap();
}

async fn panic_fails_one_request_only(backend: Backend) {
    let is_broken = Arc::new(AtomicBool::new(false));
    let broken = is_broken.clone();
    let world = World::new(backend).with_clock(ServerClock::new(move || {
        assert!(!broken.load(Ordering::SeqCst), "the clock is broken");
        SystemClock.now()
    }));
    let server = world.server().await;
    is_broken.store(true, Ordering::SeqCst);
    // The request has an id, so only the handler reads the time.
    let asked = server.client.ask("GET", "/health");
    let answer = asked.header("x-request-id", "mine-1").send().await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.header("x-request-id"), "mine-1");
    let problem = answer.problem();
    assert_eq!(problem["type"], "/errors/internal");
    assert_eq!(problem["instance"], "/health");
    assert_eq!(problem["requestId"], "mine-1");
    assert!(!answer.text().contains("broken"), "{answer:?}");
    is_broken.store(false, Ordering::SeqCst);
    assert_eq!(server.client.get("/health").await.status, 200);
    server.end().await.unwrap();
}

on_each_backend!(
    agents_outlive_the_server,
    server_is_live_before_it_is_ready,
    a_starting_server_holds_requests,
    server_can_be_shut_down_before_it_is_ready,
    health_reports_each_check,
    panic_fails_one_request_only,
);

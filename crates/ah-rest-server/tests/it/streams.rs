//! Streams: every event once and in order, for every reader.

use ah_rest_api_contract::{ErrorEvent, EventPayload, LogLevel};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::Event;
use crate::world::{Backend, PATIENCE, World, a_task, on_each_backend};

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(Event::seq).collect()
}

async fn stream_has_history_then_live_events_then_the_end(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events");
    let live = server.client.events(&path).await;
    world.agents.thought(id, "first");
    world.agents.thought(id, "second\nwith a second line");
    server
        .client
        .ask("POST", &format!("/api/v1/sessions/{id}/stop"))
        .send()
        .await;
    let events = live.until_end().await;
    assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>());
    for event in &events {
        let json = event.json();
        assert_eq!(
            event.0.id.as_deref(),
            Some(json["seq"].to_string().as_str())
        );
        assert_eq!(event.0.event.as_deref(), json["type"].as_str());
        assert_eq!(json["sessionId"], id.to_string());
    }
    assert_eq!(events.last().unwrap().json()["status"], "stopped");
    // A reader that starts after the end gets the same events, and one at the end gets none.
    assert_eq!(server.client.events(&path).await.until_end().await, events);
    let all = events.len();
    let from = |after: usize| server.client.events(&path[..]).map_after(after);
    assert_eq!(from(all - 2).await, events[all - 2..]);
    assert_eq!(from(all).await, []);
    server.end().await.unwrap();
}

trait After {
    fn map_after(self, after: usize) -> impl Future<Output = Vec<Event>>;
}

impl<F: Future<Output = crate::client::Events>> After for F {
    /// Returns the events after the first `after` ones of the stream.
    async fn map_after(self, after: usize) -> Vec<Event> {
        self.await.until_end().await.split_off(after)
    }
}

async fn reader_resumes_at_its_cursor(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    for number in 0..50 {
        world.agents.thought(id, &number.to_string());
    }
    let path = format!("/api/v1/sessions/{id}/events");
    let mut seen = Vec::new();
    let mut cursor = 0;
    while seen.len() < 40 {
        // The header takes precedence over the parameter, which a browser repeats unchanged.
        let ask = server.client.ask("GET", &format!("{path}?after=1"));
        let mut events = match cursor {
            0 => server.client.events(&path).await,
            _ => {
                ask.header("last-event-id", &cursor.to_string())
                    .events()
                    .await
            }
        };
        for _ in 0..7 {
            let event = events.next().await.unwrap();
            cursor = event.seq();
            assert_eq!(events.last_event_id(), cursor.to_string());
            seen.push(event);
        }
    }
    assert_eq!(seqs(&seen), (1..=seen.len() as u64).collect::<Vec<_>>());
    let mut after = server.client.events(&format!("{path}?after=30")).await;
    assert_eq!(after.next().await.unwrap().seq(), 31);
    server.end().await.unwrap();
}

async fn filters_select_without_renumbering(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    world.agents.log(id, LogLevel::Debug, "quiet");
    world.agents.thought(id, "hm");
    world.agents.log(id, LogLevel::Error, "loud");
    server
        .client
        .ask("POST", &format!("/api/v1/sessions/{id}/stop"))
        .send()
        .await;
    let path = format!("/api/v1/sessions/{id}/events");
    let all = server.client.events(&path).await.until_end().await;
    let filtered = async |query: &str| {
        server
            .client
            .events(&format!("{path}?{query}"))
            .await
            .until_end()
            .await
    };
    let of = |wanted: &dyn Fn(&Event) -> bool| -> Vec<Event> {
        all.iter().filter(|event| wanted(event)).cloned().collect()
    };
    let logs = of(&|event| event.json()["type"] == "log");
    assert_eq!(filtered("type=log").await, logs);
    let loud = of(&|event| event.json()["level"] != "debug");
    assert_eq!(
        filtered("level=error").await,
        of(&|event| {
            let json = event.json();
            json["type"] != "log" || json["level"] == "error"
        })
    );
    assert!(loud.len() < all.len());
    // A filter that excludes the last event does not keep the stream open.
    assert_eq!(filtered("type=thought").await.len(), 1);
    server.end().await.unwrap();
}

async fn history_is_paged_json(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    for number in 0..10 {
        world.agents.log(id, LogLevel::Info, &number.to_string());
    }
    server
        .client
        .ask("POST", &format!("/api/v1/sessions/{id}/stop"))
        .send()
        .await;
    server.until(id, "stopped").await;
    let path = format!("/api/v1/sessions/{id}/events");
    let newest = server.client.get(&format!("{path}?perPage=2")).await;
    assert_eq!(newest.header("content-type"), "application/json");
    let total = newest.json()["total"].as_u64().unwrap();
    assert_eq!(newest.json()["items"][0]["seq"], total);
    assert_eq!(newest.json()["nextPage"], 2);
    assert!(newest.header("link").contains("rel=\"next\""), "{newest:?}");
    let asked = server
        .client
        .ask("GET", &path)
        .header("accept", "application/json")
        .send()
        .await;
    assert_eq!(asked.json()["total"], total);
    let oldest = server
        .client
        .get(&format!("{path}?sort=asc&after=2&before=5"))
        .await
        .json();
    let seqs: Vec<_> = oldest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["seq"])
        .collect();
    assert_eq!(seqs, [3, 4]);
    let logs = server
        .client
        .get(&format!("/api/v1/sessions/{id}/logs"))
        .await
        .json();
    assert_eq!(logs["total"], total, "every event is a line");
    let items = logs["items"].as_array().unwrap();
    let lines: Vec<&str> = items
        .iter()
        .map(|l| l["message"].as_str().unwrap())
        .collect();
    assert_eq!(lines[0], "status: queued");
    assert!(
        lines.iter().any(|line| line.starts_with("user: ")),
        "{lines:?}"
    );
    for line in ["7", "8", "9"] {
        assert!(lines.contains(&line), "{lines:?}");
    }
    let tail = server
        .client
        .get(&format!("/api/v1/sessions/{id}/logs?tail=1"))
        .await
        .json();
    assert_eq!(tail["items"][0], *items.last().unwrap());
    server.end().await.unwrap();
}

async fn events_of_a_task_are_streamed_to_its_end(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    // The events of this session are not of the task.
    let other = server.running().await;
    let mut task = a_task();
    task["agents"][0]["count"] = json!(2);
    let launched = server.client.post("/api/v1/tasks", &task).await.json();
    let task = launched["taskId"].as_str().unwrap();
    let path = format!("/api/v1/tasks/{task}/events");
    let live = server.client.events(&path).await;
    let ends_only = server.client.events(&format!("{path}?type=message")).await;
    let sessions = launched["session_ids"].as_array().unwrap();
    for session in sessions {
        let session = session.as_str().unwrap();
        let stop = format!("/api/v1/sessions/{session}/stop");
        server.client.ask("POST", &stop).send().await;
    }
    let events = live.until_end().await;
    let of = |session: &Value| -> Vec<&Event> {
        let is_of = |event: &&Event| event.json()["sessionId"] == *session;
        events.iter().filter(is_of).collect()
    };
    for session in sessions {
        let events = of(session);
        let seqs: Vec<u64> = events.iter().map(|event| event.seq()).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        assert_eq!(events.last().unwrap().json()["status"], "stopped");
    }
    let all: usize = sessions.iter().map(|session| of(session).len()).sum();
    assert_eq!(all, events.len(), "events of others: {events:?}");
    let is_message = |event: &Event| event.json()["type"] == "message";
    assert!(ends_only.until_end().await.iter().all(is_message));
    let last = events.last().unwrap().0.id.clone().unwrap();
    let again = server.client.ask("GET", &path);
    assert_eq!(
        again.header("last-event-id", &last).send().await.status,
        204
    );
    let foreign = server.client.get(&format!("{path}?sessions={other}")).await;
    assert_eq!(foreign.status, 400, "{foreign:?}");
    server.end().await.unwrap();
}

async fn two_hundred_readers_of_one_session_each_see_everything(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events");
    let mut readers = Vec::new();
    for _ in 0..200 {
        let events = server.client.events(&path).await;
        readers.push(tokio::spawn(events.until_end()));
    }
    let metrics = server.client.get("/metrics").await;
    assert!(
        metrics.text().contains("ah_sse_streams 200"),
        "{}",
        metrics.text()
    );
    for number in 0..100 {
        world.agents.thought(id, &number.to_string());
    }
    server
        .client
        .ask("POST", &format!("/api/v1/sessions/{id}/stop"))
        .send()
        .await;
    let mut logs = Vec::new();
    for reader in readers {
        logs.push(
            tokio::time::timeout(PATIENCE, reader)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert_eq!(
        seqs(&logs[0]),
        (1..=logs[0].len() as u64).collect::<Vec<_>>()
    );
    assert!(logs[0].len() > 100);
    assert!(logs.iter().all(|log| *log == logs[0]));
    server.end().await.unwrap();
}

/// A reader that reads nothing delays neither the session nor other readers, and misses nothing
/// once it reads on.
async fn stalled_reader_falls_behind_without_loss(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let mut stalled = TcpStream::connect(server.address).await.unwrap();
    let key = server.client.key.clone().unwrap();
    let request = format!(
        "GET /api/v1/sessions/{id}/events/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: ApiKey {key}\r\n\r\n"
    );
    stalled.write_all(request.as_bytes()).await.unwrap();
    let live = server
        .client
        .events(&format!("/api/v1/sessions/{id}/events"))
        .await;
    let live = tokio::spawn(live.until_end());
    // More data than fits into all buffers on the way.
    let text = "x".repeat(8 * 1024);
    for _ in 0..2000 {
        world.agents.thought(id, &text);
    }
    server
        .client
        .ask("POST", &format!("/api/v1/sessions/{id}/stop"))
        .send()
        .await;
    let events = tokio::time::timeout(PATIENCE, live).await.unwrap().unwrap();
    assert!(events.len() > 2000);
    let mut all = Vec::new();
    tokio::time::timeout(PATIENCE, stalled.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    let all = String::from_utf8(all).unwrap();
    let ids = all.lines().filter_map(|line| line.strip_prefix("id: "));
    let ids: Vec<u64> = ids.map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    assert_eq!(seqs(&events), ids);
    server.end().await.unwrap();
}

async fn many_sessions_share_one_connection(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let mut all = server.client.events("/api/v1/events").await;
    let (one, other) = (server.running().await, server.running().await);
    world.agents.thought(one, "of one");
    world.agents.thought(other, "of the other");
    let mut cursors = Vec::new();
    let mut thoughts = Vec::new();
    while thoughts.len() < 2 {
        let event = all.next().await.unwrap();
        let json = event.json();
        cursors.push(all.last_event_id().to_owned());
        if json["type"] == "thought" {
            thoughts.push(json["sessionId"].as_str().unwrap().to_owned());
        }
    }
    thoughts.sort();
    let mut ids = [one.to_string(), other.to_string()];
    ids.sort();
    assert_eq!(thoughts, ids);
    drop(all);
    // A resumed stream continues after the cursor, and the filter still applies.
    let middle = cursors.len() / 2;
    let ask = server
        .client
        .ask("GET", "/api/v1/events")
        .header("last-event-id", &cursors[middle]);
    let mut resumed = ask.events().await;
    for cursor in &cursors[middle + 1..] {
        assert_eq!(resumed.next().await.unwrap().0.id.as_ref(), Some(cursor));
    }
    let query = format!(
        "/api/v1/events?sessions={other}&type=thought&after={}",
        cursors[0]
    );
    let mut chosen = server.client.events(&query).await;
    assert_eq!(
        chosen.next().await.unwrap().json()["thought"],
        "of the other"
    );
    server.end().await.unwrap();
}

/// A regular end would be taken for the end of the session.
async fn a_shutdown_cuts_streams(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let mut events = server
        .client
        .events(&format!("/api/v1/sessions/{id}/events?type=diff"))
        .await;
    server.shut_down();
    assert_eq!(events.next().await, None);
    assert!(events.is_cut);
    server.end().await.unwrap();
}

async fn the_end_of_a_session_ends_its_stream(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events/stream?type=diff");
    let mut events = server.client.events(&path).await;
    let stop = format!("/api/v1/sessions/{id}/stop");
    server.client.ask("POST", &stop).send().await;
    assert_eq!(events.next().await, None);
    assert!(!events.is_cut);
    server.end().await.unwrap();
}

/// A client that accepts anything may wait for the end of the response.
async fn only_a_client_of_streams_gets_one(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events");
    let page = server.client.get(&path).await.json();
    assert!(page["items"].is_array(), "{page}");
    let any = server.client.ask("GET", &path).header("accept", "*/*");
    assert_eq!(any.send().await.json()["items"], page["items"]);
    let first = page["items"].as_array().unwrap().last().unwrap();
    let mut events = server.client.events(&format!("{path}/stream")).await;
    assert_eq!(events.next().await.unwrap().json(), *first);
    // The stream's own path has no other representation.
    let stream = server.client.ask("GET", &format!("{path}/stream"));
    let response = stream.header("accept", "application/json").open().await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let refused = server.client.get(&format!("{path}/stream?page=1")).await;
    assert_eq!(refused.status, 400);
    let refused = server.client.get(&format!("{path}?deltas=true")).await;
    assert_eq!(refused.status, 400);
    server.end().await.unwrap();
}

/// Browsers report a lost connection as an event named `error`.
async fn no_frame_is_named_error(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let error = ErrorEvent::new("no tokens left");
    world.agents.event(id, EventPayload::Error(error));
    let path = format!("/api/v1/sessions/{id}/events/stream?type=error");
    let event = server.client.events(&path).await.next().await.unwrap();
    assert_eq!(event.0.event.as_deref(), Some("agent_error"));
    assert_eq!(event.json()["type"], "error");
    server.end().await.unwrap();
}

on_each_backend!(
    stream_has_history_then_live_events_then_the_end,
    reader_resumes_at_its_cursor,
    filters_select_without_renumbering,
    history_is_paged_json,
    two_hundred_readers_of_one_session_each_see_everything,
    stalled_reader_falls_behind_without_loss,
    many_sessions_share_one_connection,
    events_of_a_task_are_streamed_to_its_end,
    a_shutdown_cuts_streams,
    the_end_of_a_session_ends_its_stream,
    only_a_client_of_streams_gets_one,
    no_frame_is_named_error,
);

//! Cursors at the end of a log, and cursors that no event of the log has.

use ah_rest_api_contract::{LogLevel, operations};

use crate::world::{Backend, Server, World, on_each_backend};

/// Returns the status of a stream's response, and the names of the fields that it refuses.
async fn status_at(server: &Server, path: &str, cursor: &str) -> (u16, Vec<String>) {
    let ask = server.client.ask("GET", path);
    let ask = ask.header("accept", "text/event-stream");
    let answer = ask.header("last-event-id", cursor).send().await;
    let fields = match answer.status {
        400 => answer.problem()["errors"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect(),
        _ => Vec::new(),
    };
    (answer.status, fields)
}

async fn ended_session_with_nothing_more_is_204(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    world.agents.thought(id, "only this one");
    let path = format!("/api/v1/sessions/{id}/events/stream");
    let thoughts = format!("{path}?type=thought");
    let mut first = server.client.events(&thoughts).await;
    let seen = first.next().await.unwrap().seq().to_string();
    let stop = format!("/api/v1/sessions/{id}/stop");
    server.client.ask("POST", &stop).send().await;
    let all = server.client.events(&path).await.until_end().await;
    let last = all.len().to_string();
    let nothing = (204, Vec::new());
    assert_eq!(status_at(&server, &path, &last).await, nothing);
    // The remaining events are filtered out.
    assert_eq!(status_at(&server, &thoughts, &seen).await, nothing);
    assert_eq!(status_at(&server, &path, &seen).await.0, 200);
    let after = format!("{path}?after={last}");
    let answer = server.client.ask("GET", &after).send().await;
    assert_eq!(answer.status, 204);
    // The stream of many sessions is over if all of its sessions have ended.
    let mut log = server
        .client
        .events(&format!("/api/v1/events?sessions={id}&after=log-0"))
        .await;
    for _ in 0..all.len() {
        log.next().await.unwrap();
    }
    let end = log.last_event_id().to_owned();
    let of_one = format!("/api/v1/events?sessions={id}");
    assert_eq!(status_at(&server, &of_one, &end).await, nothing);
    let answer = server.client.ask("GET", &of_one).send().await;
    assert_eq!(
        answer.status, 204,
        "only new events, of which there are none"
    );
    let running = server.running().await;
    let of_two = format!("{of_one},{running}");
    let mut events = server.client.events(&of_two).await;
    world.agents.thought(running, "goes on");
    assert_eq!(events.next().await.unwrap().json()["thought"], "goes on");
    server.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cursor_of_another_log_is_refused() {
    let world = World::new(Backend::Engine);
    let server = world.server().await;
    let id = server.running().await;
    let path = format!("/api/v1/sessions/{id}/events");
    let refused = (400, vec!["after".to_owned()]);
    assert_eq!(status_at(&server, &path, "9999").await, refused);
    for (query, status) in [
        ("after=9999", 400),
        ("after=9999&perPage=5", 400),
        ("after=1", 200),
    ] {
        let ask = server.client.ask("GET", &format!("{path}?{query}"));
        assert_eq!(ask.open().await.status(), status, "{query}");
    }
    // The log of another store, with as many events.
    let other = World::new(Backend::Engine);
    let elsewhere = other.server().await;
    elsewhere.running().await;
    let mut events = elsewhere.client.events("/api/v1/events").await;
    elsewhere.running().await;
    events.next().await.unwrap();
    let cursor = events.last_event_id().to_owned();
    for foreign in [cursor.as_str(), "log-999999999999999999"] {
        assert_eq!(status_at(&server, "/api/v1/events", foreign).await, refused);
        let query = format!("/api/v1/events?sessions={id}&after={foreign}");
        assert_eq!(server.client.get(&query).await.status, 400);
    }
    assert_eq!(
        status_at(&elsewhere, "/api/v1/events", "nonsense").await.0,
        400
    );
    elsewhere.end().await.unwrap();
    server.end().await.unwrap();
}

/// A list has pages and no other cursor. A page that does not exist is empty and says how many items
/// there are; everything else is refused with the name of the parameter.
async fn every_list_answers_any_position(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    world.agents.log(id, LogLevel::Warn, "one line");
    let session = format!("/api/v1/sessions/{id}");
    let lists = operations::ALL.iter().filter(|operation| {
        operation.answer.starts_with("Page <") || operation.answer.starts_with("Page<")
    });
    let mut count = 0;
    for list in lists {
        let path = list.path.replace("/api/v1/sessions/{id}", &session);
        let get = async |query: &str| server.client.get(&format!("{path}?{query}")).await;
        let beyond = get("page=4294967295&perPage=200").await;
        if beyond.status == 409 {
            // It has no workspace whose files could be listed.
            continue;
        }
        count += 1;
        let last = beyond.json();
        assert_eq!(beyond.status, 200, "{path}: {beyond:?}");
        assert_eq!(last["items"], serde_json::json!([]), "{path}");
        assert!(last["nextPage"].is_null(), "{path}");
        let all = get("perPage=200").await.json();
        assert_eq!(last["total"], all["total"], "{path}");
        assert!(beyond.header("link").contains("rel=\"prev\""), "{path}");
        let mut refused = vec![
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=4294967296", "page"),
            ("perPage=201", "perPage"),
            ("perPage=0", "perPage"),
            ("cursor=5", "cursor"),
        ];
        if list.id == "session_events" {
            refused.push(("perPage=5&after=9999", "after"));
            refused.push(("perPage=5&after=log-5", "after"));
        } else {
            refused.push(("after=5", "after"));
        }
        for (query, field) in refused {
            let answer = get(query).await;
            assert_eq!(answer.status, 400, "{path}?{query}: {answer:?}");
            let problem = answer.problem();
            let is_named = problem["errors"].get(field).is_some()
                || problem["detail"].as_str().unwrap().contains(field);
            assert!(is_named, "{path}?{query}: {problem}");
        }
    }
    assert!(count >= 8, "{count} lists");
    server.end().await.unwrap();
}

on_each_backend!(
    every_list_answers_any_position,
    ended_session_with_nothing_more_is_204
);

//! Tasks, sessions, drafts and other resources, over HTTP.

use ah_rest_api_contract::{PermissionId, SessionId};
use serde_json::{Value, json};

use crate::client::HttpResponse;
use crate::world::{Backend, Server, World, a_task, on_each_backend};

/// Returns a task whose agent plays this timeline.
fn playing(timeline: &Value) -> Value {
    let mut task = a_task();
    task["agents"][0]["settings"] = json!({"scenario": {"name": "test", "timeline": timeline}});
    task
}

async fn act(server: &Server, id: SessionId, what: &str, body: &Value) -> HttpResponse {
    server
        .client
        .post(&format!("/api/v1/sessions/{id}/{what}"), body)
        .await
}

async fn session_goes_through_its_lifecycle(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let launched = server.client.post("/api/v1/tasks", &a_task()).await;
    let task = launched.json();
    let id: SessionId = task["session_ids"][0].as_str().unwrap().parse().unwrap();
    assert_eq!(
        launched.header("location"),
        format!("/api/v1/sessions/{id}")
    );
    server.until(id, "running").await;
    let path = format!("/api/v1/sessions/{id}");
    let session = server.client.get(&path).await.json();
    assert_eq!(session["status"], "running");
    let of_task = format!("/api/v1/tasks/{}", task["taskId"].as_str().unwrap());
    assert_eq!(
        server.client.get(&of_task).await.json()["session_ids"][0],
        id.to_string()
    );

    let receipt = act(&server, id, "prompt", &json!({"prompt": "and then"})).await;
    assert_eq!(receipt.status, 202, "{receipt:?}");
    let prompt = receipt.json()["promptId"].as_str().unwrap().to_owned();
    let withdrawn = server
        .client
        .delete(&format!("{path}/prompts/{prompt}"))
        .await;
    assert_eq!(withdrawn.status, 204, "{withdrawn:?}");

    assert_eq!(act(&server, id, "resume", &Value::Null).await.status, 409);
    let paused = act(&server, id, "pause", &Value::Null).await;
    assert_eq!(paused.status, 202, "{paused:?}");
    server.until(id, "paused").await;
    let refused = act(&server, id, "prompt", &json!({"prompt": "now"})).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("paused")
    );
    assert_eq!(
        act(&server, id, "resume", &json!({"prompt": "go on"}))
            .await
            .status,
        202
    );
    let mut statuses = server
        .client
        .events(&format!("{path}/events?type=status"))
        .await;
    while statuses.next().await.unwrap().json()["previous"] != "resuming" {}
    assert_eq!(act(&server, id, "interrupt", &json!({})).await.status, 202);
    let stopped = act(&server, id, "stop", &json!({"reason": "enough"})).await;
    assert_eq!(stopped.status, 202, "{stopped:?}");
    server.until(id, "stopped").await;
    assert_eq!(act(&server, id, "stop", &Value::Null).await.status, 202);
    assert_eq!(
        act(&server, id, "prompt", &json!({"prompt": "more"}))
            .await
            .status,
        410
    );
    for _ in 0..2 {
        assert_eq!(server.client.delete(&path).await.status, 204);
    }
    assert_eq!(server.client.get(&path).await.status, 200);
    assert_eq!(
        server.client.get("/api/v1/sessions").await.json()["total"],
        0
    );
    let archived = server
        .client
        .get("/api/v1/sessions?includeArchived=true")
        .await;
    assert_eq!(archived.json()["total"], 1);
    server.end().await.unwrap();
}

async fn permission_is_requested_and_granted(backend: Backend) {
    let world = World::scripted(backend);
    let server = world.server().await;
    let id = server
        .launch_task(&playing(&json!([{"agentPermissionRequest": {
            "toolCall": {"toolCallId": "clean", "title": "rm", "kind": "execute"},
            "options": [{"id": "yes", "label": "Yes", "kind": "allow_once"}],
        }}])))
        .await;
    let events =
        format!("/api/v1/sessions/{id}/events?type=permission_request,permission_resolved");
    let mut events = server.client.events(&events).await;
    let asked = events.next().await.unwrap().json();
    let request: PermissionId = asked["request_id"].as_str().unwrap().parse().unwrap();
    let path = format!("/api/v1/sessions/{id}/permissions");
    let list = server.client.get(&path).await.json();
    assert_eq!(list["items"][0]["state"], "pending", "{list}");
    assert_eq!(
        list["items"][0]["request"]["request_id"],
        request.to_string()
    );
    let unknown = PermissionId::from_ulid(ulid::Ulid::from_parts(2, 2));
    let answer = |id: PermissionId, body: Value| {
        let path = format!("{path}/{id}");
        let client = server.client.clone();
        async move { client.post(&path, &body).await }
    };
    assert_eq!(
        answer(unknown, json!({"optionId": "yes"})).await.status,
        404
    );
    assert_eq!(answer(request, json!({"optionId": "no"})).await.status, 400);
    let given = answer(request, json!({"optionId": "yes"})).await;
    assert_eq!(given.status, 200, "{given:?}");
    assert_eq!(events.next().await.unwrap().json()["option_id"], "yes");
    assert_eq!(
        answer(request, json!({"outcome": "cancelled"}))
            .await
            .status,
        409
    );
    server.end().await.unwrap();
}

async fn lists_come_in_pages_with_links(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let mut task = a_task();
    task["agents"][0]["count"] = json!(5);
    task["labels"] = json!({"team": "a"});
    server.client.post("/api/v1/tasks", &task).await;
    let mut path = "/api/v1/sessions?perPage=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.client.get(&path).await;
        let json = page.json();
        assert_eq!(json["total"], 5);
        let items = json["items"].as_array().unwrap().clone();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let next = page
            .header("link")
            .split(", ")
            .find(|link| link.ends_with("rel=\"next\""));
        assert_eq!(next.is_some(), !json["nextPage"].is_null());
        match next {
            Some(link) => path = link[1..link.find('>').unwrap()].to_owned(),
            None => break,
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 5);
    server.end().await.unwrap();
}

async fn drafts_are_created_updated_and_deleted(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let made = server
        .client
        .post("/api/v1/drafts", &json!({"prompt": "later"}))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = made.header("location").to_owned();
    let agents = json!({"agents": [{"type": "scenario"}]});
    let changed = server.client.ask("PUT", &path).json(&agents).send().await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let draft = server.client.get(&path).await.json();
    assert_eq!(draft, changed.json());
    assert_eq!(
        (
            &draft["prompt"],
            &draft["promptBlocks"],
            &draft["agents"][0]["type"]
        ),
        (
            &json!("later"),
            &json!([{"type": "text", "text": "later"}]),
            &json!("scenario")
        )
    );
    assert_eq!(server.client.get("/api/v1/drafts").await.json()["total"], 1);
    assert_eq!(server.client.delete(&path).await.status, 204);
    assert_eq!(server.client.delete(&path).await.status, 404);
    assert_eq!(server.client.get(&path).await.status, 404);
    server.end().await.unwrap();
}

async fn repositories_and_agents_are_listed(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let folder = world.home.path().join("project");
    std::fs::create_dir(&folder).unwrap();
    let mut task = a_task();
    task["repo"] = json!({"mode": "git", "url": folder});
    assert_eq!(server.client.post("/api/v1/tasks", &task).await.status, 201);
    let list = server.client.get("/api/v1/repositories").await.json();
    assert_eq!(list["items"][0]["displayName"], "project", "{list}");
    assert_eq!(server.client.get("/api/v1/repos").await.json(), list);
    let path = format!(
        "/api/v1/repositories/{}",
        list["items"][0]["id"].as_str().unwrap()
    );
    assert_eq!(server.client.get(&path).await.json(), list["items"][0]);
    let branches = server.client.get(&format!("{path}/branches")).await.json();
    assert_eq!(branches["branches"][0]["name"], "main", "{branches}");
    let agents = server.client.get("/api/v1/agents").await.json();
    let schema = agents["items"][0]["settingsSchemaRef"].as_str().unwrap();
    assert_eq!(
        server.client.get(schema).await.json()["properties"]["speed"]["minimum"],
        0.01
    );
    server.end().await.unwrap();
}

/// On the engine only: an agent of the mock has no environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_context_reaches_the_agent() {
    let world = World::new(Backend::Engine);
    let server = world.server().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut task = a_task();
    task["env"] = json!({"GREETING": "hello"});
    let ask = server
        .client
        .ask("POST", "/api/v1/tasks")
        .json(&task)
        .header("traceparent", trace);
    let launched = ask.header("x-request-id", "mine-1").send().await;
    assert_eq!(launched.header("x-request-id"), "mine-1");
    let id = launched.json()["session_ids"][0]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    server.until(id, "running").await;
    let environment = world.agents.host().environment(id);
    for (name, value) in [("TRACEPARENT", trace), ("GREETING", "hello")] {
        assert!(
            environment.contains(&(name.into(), value.into())),
            "{environment:?}"
        );
    }
    server.end().await.unwrap();
}

async fn a_turn_that_ends_leaves_an_interactive_session_idle(backend: Backend) {
    let world = World::scripted(backend);
    let server = world.server().await;
    // A turn without steps ends at once.
    let id = server.launch_task(&playing(&json!([]))).await;
    server.until(id, "running").await;
    world.agents.thought(id, "done");
    let mut events = server
        .client
        .events(&format!("/api/v1/sessions/{id}/events?type=thought"))
        .await;
    events.next().await.unwrap();
    let session = server
        .client
        .get(&format!("/api/v1/sessions/{id}"))
        .await
        .json();
    assert_eq!(session["activity"], "idle", "{session}");
    assert_eq!(session["recent_events"][0]["thought"], "done");
    server.end().await.unwrap();
}

async fn an_attachment_is_served_as_a_file_and_never_as_a_page(backend: Backend) {
    let world = World::scripted(backend);
    let server = world.server().await;
    let page = json!({"type": "resource", "resource": {"uri": "file:///ws/a.html",
        "mimeType": "text/html", "blob": "PHNjcmlwdD4="}});
    let timeline = json!([{"assistant": [[0, page]]}, {"hang": null}]);
    let id = server.launch_task(&playing(&timeline)).await;
    let messages = format!("/api/v1/sessions/{id}/events?type=message");
    let mut events = server.client.events(&messages).await;
    let path = loop {
        let event = events.next().await.unwrap().json();
        if event["role"] == "assistant" {
            break event["content"][0]["uri"].as_str().unwrap().to_owned();
        }
    };
    let prefix = format!("/api/v1/sessions/{id}/attachments/");
    let hash = path.strip_prefix(&prefix).unwrap();
    let answer = server.client.get(&path).await;
    assert_eq!((answer.status, answer.text()), (200, "<script>"));
    for (name, value) in [
        ("content-type", "text/html"),
        ("content-disposition", "attachment"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "private, no-cache"),
        ("etag", &format!("\"{hash}\"")),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    for (tag, status) in [
        (format!("\"{hash}\""), 304),
        (format!("W/\"0\", W/\"{hash}\""), 304),
        ("*".to_owned(), 304),
        (format!("\"{}\"", "0".repeat(64)), 200),
    ] {
        let ask = server.client.ask("GET", &path);
        let answer = ask.header("if-none-match", &tag).send().await;
        assert_eq!(answer.status, status, "{tag}");
        assert_eq!(answer.body.is_empty(), status == 304, "{tag}");
        assert_eq!(answer.header("etag"), format!("\"{hash}\""));
    }
    let upper = server
        .client
        .get(&format!("{prefix}{}", hash.to_uppercase()))
        .await;
    assert_eq!(upper.status, 404, "{upper:?}");
    let session = format!("/api/v1/sessions/{id}");
    assert_eq!(server.client.delete(&session).await.status, 204);
    let gone = server.client.get(&path).await;
    assert_eq!(gone.status, 404, "{gone:?}");
    assert_eq!(
        gone.problem()["detail"],
        format!("there is no attachment `{hash}`")
    );
    server.end().await.unwrap();
}

on_each_backend!(
    an_attachment_is_served_as_a_file_and_never_as_a_page,
    session_goes_through_its_lifecycle,
    permission_is_requested_and_granted,
    lists_come_in_pages_with_links,
    drafts_are_created_updated_and_deleted,
    repositories_and_agents_are_listed,
    a_turn_that_ends_leaves_an_interactive_session_idle,
);

//! Invalid requests: a problem with the fault and its place, and no partial effect.

use ah_rest_api_contract::operations::{self, Method};
use serde_json::{Value, json};

use crate::world::{Backend, World, a_task, on_each_backend};

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut task = a_task();
    change(&mut task);
    task
}

async fn each_invalid_field_is_named(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let mut cases = vec![
        (changed(|task| task["prompt"] = json!("")), "prompt"),
        (changed(|task| task["prompt"] = json!(7)), "prompt"),
        (
            changed(|task| task["repo"] = json!({"mode": "git"})),
            "repo.url",
        ),
        (
            changed(|task| task["repo"] = json!({"mode": "svn"})),
            "repo.mode",
        ),
        (
            changed(|task| task["repo"] = json!({"mode": "git", "url": "../up"})),
            "repo.url",
        ),
        (changed(|task| task["agents"] = json!([])), "agents"),
        (
            changed(|task| task["agents"][0]["type"] = json!("no-such-agent")),
            "agents[0].type",
        ),
        (
            changed(|task| task["agents"][0]["count"] = json!(0)),
            "agents[0].count",
        ),
        (
            changed(|task| task["agents"][0]["count"] = json!("two")),
            "agents[0].count",
        ),
        (changed(|task| task["colour"] = json!("red")), "colour"),
        (
            changed(|task| task["repo"]["colour"] = json!("red")),
            "repo.colour",
        ),
        (
            changed(|task| task["env"] = json!({"PATH": "/"})),
            "env.PATH",
        ),
        (changed(|task| task["timeoutMs"] = json!(0)), "timeoutMs"),
        (
            changed(|task| {
                task.as_object_mut().unwrap().remove("repo");
            }),
            "repo",
        ),
    ];
    // The mock looks at no folder.
    if backend == Backend::Engine {
        let absent = changed(|task| task["repo"] = json!({"mode": "git", "url": "/no/such"}));
        cases.push((absent, "repo.url"));
    }
    for (body, field) in cases {
        let answer = server.client.post("/api/v1/tasks", &body).await;
        assert_eq!(answer.status, 400, "{field}: {answer:?}");
        let problem = answer.problem();
        let messages = &problem["errors"][field];
        assert!(messages[0].is_string(), "{field} is not named in {problem}");
    }
    let list = server.client.get("/api/v1/sessions").await.json();
    assert_eq!(list["total"], 0, "something was half done: {list}");
    server.end().await.unwrap();
}

async fn unsupported_options_are_refused_by_name(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    for (part, value, field) in [
        ("repo", json!({"mode": "upload"}), "repo.mode"),
        ("runtime", json!({"type": "devcontainer"}), "runtime.type"),
        (
            "runtime",
            json!({"type": "local", "devcontainerPath": ".devcontainer"}),
            "runtime.devcontainerPath",
        ),
        (
            "runtime",
            json!({"type": "local", "resources": {"memoryMiB": 1024}}),
            "runtime.resources",
        ),
        ("delivery", json!({"mode": "pr"}), "delivery.mode"),
        ("delivery", json!({"mode": "patch"}), "delivery.mode"),
        (
            "delivery",
            json!({"mode": "branch", "targetBranch": "main"}),
            "delivery.targetBranch",
        ),
        (
            "webhooks",
            json!([{"event": "session.completed", "url": "https://example.com"}]),
            "webhooks",
        ),
    ] {
        let mut task = a_task();
        task[part] = value;
        let answer = server.client.post("/api/v1/tasks", &task).await;
        assert_eq!(answer.status, 501, "{task}: {answer:?}");
        let problem = answer.problem();
        assert_eq!(problem["type"], "/errors/not-implemented");
        assert!(problem["errors"][field][0].is_string(), "{problem}");
    }
    let mut task = a_task();
    task["workspace"] = json!({"executionHostId": "elsewhere"});
    let answer = server.client.post("/api/v1/tasks", &task).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let list = server.client.get("/api/v1/sessions").await.json();
    assert_eq!(list["total"], 0, "something was half done: {list}");
    server.end().await.unwrap();
}

async fn every_malformed_body_is_a_problem(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let takes_body = |method| matches!(method, Method::Post | Method::Put);
    for route in operations::ALL
        .iter()
        .filter(|route| takes_body(route.method))
    {
        let path = route
            .path
            .replacen("/sessions/{id}", &format!("/sessions/{id}"), 1);
        let path = path
            .replace("{requestId}", "perm-00000000000000000000000000")
            .replace("{id}", "draft-00000000000000000000000000");
        for body in [
            "{",
            "[1,",
            "nonsense",
            "{}x",
            "[]",
            "7",
            "{\"colour\": \"red\"}",
        ] {
            let ask = server.client.ask(route.method.as_str(), &path);
            let answer = ask.body("application/json", body).send().await;
            assert!(
                matches!(answer.status, 400 | 404),
                "{} {path} took {body}: {answer:?}",
                route.method
            );
            answer.problem();
        }
        let ask = server.client.ask(route.method.as_str(), &path);
        let answer = ask.body("text/plain", "{}").send().await;
        assert!(matches!(answer.status, 404 | 415), "{path}: {answer:?}");
        answer.problem();
    }
    server.end().await.unwrap();
}

async fn queries_ids_and_paths_are_validated(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let cases = [
        ("/api/v1/sessions?page=0".to_owned(), 400, "page"),
        ("/api/v1/sessions?perPage=201".into(), 400, "perPage"),
        ("/api/v1/sessions?page=one".into(), 400, "page"),
        ("/api/v1/sessions?status=happy".into(), 400, "status"),
        ("/api/v1/sessions?colour=red".into(), 400, "colour"),
        ("/api/v1/agents?page=0".into(), 400, "page"),
        (
            format!("/api/v1/sessions/{id}/events?type=wish"),
            400,
            "type",
        ),
        (
            format!("/api/v1/sessions/{id}/events?after=x"),
            400,
            "after",
        ),
        (
            format!("/api/v1/sessions/{id}/events?since=yesterday"),
            400,
            "since",
        ),
        (
            format!("/api/v1/sessions/{id}/diff?context=11"),
            400,
            "context",
        ),
        (
            format!("/api/v1/sessions/{id}/diff?files=../../etc/passwd"),
            400,
            "files",
        ),
        (format!("/api/v1/sessions/{id}/logs?tail=0"), 400, "tail"),
        ("/api/v1/sessions?page=1&page=2".into(), 400, ""),
        (
            "/api/v1/sessions?status=running&status=happy".into(),
            400,
            "status",
        ),
        ("/api/v1/events?after=7".into(), 400, "after"),
        ("/api/v1/sessions/nonsense".into(), 404, ""),
        (
            "/api/v1/sessions/00000000000000000000000000".into(),
            404,
            "",
        ),
        ("/api/v1/sessions/..%2f..%2fetc".into(), 404, ""),
        ("/api/v1/schemas/agents/..%2fscenario.json".into(), 404, ""),
        (
            "/api/v1/drafts/draft-00000000000000000000000000".into(),
            404,
            "",
        ),
        ("/api/v1/nothing".into(), 404, ""),
        ("/errors/none".into(), 404, ""),
    ];
    for (path, status, field) in cases {
        let answer = server.client.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let problem = answer.problem();
        if !field.is_empty() {
            assert!(problem["errors"][field][0].is_string(), "{path}: {problem}");
        }
    }
    let resumed = server
        .client
        .ask("GET", &format!("/api/v1/sessions/{id}/events/stream"));
    let answer = resumed.header("last-event-id", "x").send().await;
    assert!(answer.problem()["errors"]["Last-Event-ID"][0].is_string());
    server.end().await.unwrap();
}

async fn oversized_input_is_rejected(backend: Backend) {
    let world = World::new(backend).with("server.body-limit", "65536");
    let server = world.server().await;
    let id = server.running().await;
    let prompt = format!("/api/v1/sessions/{id}/prompt");
    for size in [16 * 1024 + 1, 100_000] {
        let answer = server
            .client
            .post(&prompt, &json!({"prompt": "x".repeat(size)}))
            .await;
        assert_eq!(answer.status, 413, "{size}");
        assert_eq!(answer.problem()["type"], "/errors/payload-too-large");
    }
    let fits = server
        .client
        .post(&prompt, &json!({"prompt": "x".repeat(16 * 1024)}))
        .await;
    assert_eq!(fits.status, 202, "{fits:?}");
    server.end().await.unwrap();
}

async fn method_not_allowed_lists_the_allowed_methods(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let answer = server.client.ask("PATCH", "/api/v1/sessions").send().await;
    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").contains("GET"), "{answer:?}");
    answer.problem();
    server.end().await.unwrap();
}

on_each_backend!(
    each_invalid_field_is_named,
    unsupported_options_are_refused_by_name,
    every_malformed_body_is_a_problem,
    queries_ids_and_paths_are_validated,
    oversized_input_is_rejected,
    method_not_allowed_lists_the_allowed_methods,
);

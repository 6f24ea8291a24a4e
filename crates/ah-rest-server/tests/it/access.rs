//! Access: keys, names, origins, rates.

use ah_rest_api_contract::Role;
use ah_rest_api_contract::operations::{self, Operation};
use ah_store::ApiKey;
use sha2::{Digest as _, Sha256};

use crate::client::HttpResponse;
use crate::world::{Backend, Server, World, a_task, on_each_backend};

const UNKNOWN: &str = "00000000000000000000000000";

/// Returns a path of this route with ids that match nothing.
fn path_of(route: &Operation) -> String {
    route
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { UNKNOWN } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

async fn every_protected_route_requires_a_key(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let wrong = format!("ah_{}_{}", "0".repeat(12), "a".repeat(43));
    for route in operations::ALL {
        let path = path_of(route);
        for key in [None, Some(wrong.as_str()), Some("nonsense")] {
            let client = server.client.with_key(key);
            let answer = client.ask(route.method.as_str(), &path).send().await;
            if !route.needs_key() {
                assert_ne!(answer.status, 401, "{path}");
                continue;
            }
            assert_eq!(
                answer.status, 401,
                "{} {path} with {key:?}: {answer:?}",
                route.method
            );
            assert_eq!(answer.header("www-authenticate"), "ApiKey, Bearer");
            assert_eq!(answer.problem()["type"], "/errors/auth");
        }
    }
    server.end().await.unwrap();
}

/// Returns a path of this operation with well-formed ids that are unknown.
fn path_of_unknown(operation: &Operation) -> String {
    let ids: Vec<String> = operation
        .parameters
        .iter()
        .map(|kind| match *kind {
            "TaskId" | "SessionId" => UNKNOWN.to_owned(),
            "DraftId" => format!("draft-{UNKNOWN}"),
            "RepositoryId" => format!("repo-{UNKNOWN}"),
            "PromptId" => format!("prompt-{UNKNOWN}"),
            "PermissionId" => format!("perm-{UNKNOWN}"),
            "AttachmentHash" => "0".repeat(64),
            "FilePath" => "src/main.rs".to_owned(),
            "String" => "unknown".to_owned(),
            other => panic!("there is no id of the kind {other} here; add one"),
        })
        .collect();
    operation.path_with(&ids)
}

/// Returns a valid body for this operation.
fn fitting_body(operation: &Operation) -> serde_json::Value {
    match operation.request {
        Some("PromptRequest") => serde_json::json!({"prompt": "x"}),
        Some("PermissionAnswer") => serde_json::json!({"outcome": "cancelled"}),
        _ => serde_json::json!({}),
    }
}

async fn an_unknown_id_is_not_found_by_every_operation_with_an_id(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    for operation in operations::ALL
        .iter()
        .filter(|it| !it.parameters.is_empty())
    {
        let path = path_of_unknown(operation);
        let mut ask = server.client.ask(operation.method.as_str(), &path);
        if operation.request.is_some() {
            let body = fitting_body(operation).to_string();
            ask = ask.body("application/json", body);
        }
        let answer = ask.send().await;
        assert_eq!(
            answer.status, 404,
            "{} {path}: {answer:?}",
            operation.method
        );
        assert_eq!(answer.problem()["type"], "/errors/not-found", "{path}");
    }
    server.end().await.unwrap();
}

async fn key_is_accepted_in_three_forms_only(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let key = server.client.key.clone().unwrap();
    let stranger = server.client.with_key(None);
    let ask = |name: &'static str, value: String| {
        stranger
            .ask("GET", "/api/v1/sessions")
            .header(name, &value)
            .send()
    };
    assert_eq!(ask("x-api-key", key.clone()).await.status, 200);
    for scheme in ["ApiKey", "apikey", "Bearer", "bearer"] {
        let answer = ask("authorization", format!("{scheme} {key}")).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
    for value in [
        format!("Basic {key}"),
        key.clone(),
        format!("ApiKey{key}"),
        "ApiKey ".into(),
    ] {
        let answer = ask("authorization", value.clone()).await;
        assert_eq!(answer.status, 401, "{value}");
        assert!(!answer.text().contains(&key), "the key is in {answer:?}");
    }
    let twice = stranger
        .ask("GET", "/api/v1/sessions")
        .header("authorization", &format!("ApiKey {key}"))
        .header("x-api-key", &key);
    assert_eq!(twice.send().await.status, 401);
    server.end().await.unwrap();
}

/// Saves a key of this role and returns it.
async fn key_of(world: &World, role: Role) -> String {
    let id = format!("{role}1");
    let text = format!("ah_{id}_{}", "b".repeat(43));
    let digest = Sha256::digest(text.as_bytes());
    let key = ApiKey {
        id,
        name: role.to_string(),
        hash: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        role,
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        revoked_at: None,
    };
    world.store().await.save_api_key(key).await.unwrap();
    text
}

async fn viewer_has_read_access_only(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let viewer = key_of(&world, Role::Viewer).await;
    let operator = key_of(&world, Role::Operator).await;
    let viewer = server.client.with_key(Some(&viewer));
    assert_eq!(viewer.get("/api/v1/sessions").await.status, 200);
    for operation in operations::ALL {
        let is_stream = ["session_events", "task_events", "all_events"].contains(&operation.id);
        if is_stream || operation.action.role().is_none() {
            continue;
        }
        let answer = viewer
            .ask(operation.method.as_str(), &path_of_unknown(operation))
            .send()
            .await;
        if operation.action.role() <= Some(Role::Viewer) {
            assert_ne!(answer.status, 403, "{operation:?}: {answer:?}");
        } else {
            assert_eq!(answer.status, 403, "{operation:?}: {answer:?}");
            assert_eq!(answer.problem()["type"], "/errors/authz");
        }
    }
    let id = server.running().await;
    for what in ["stop", "pause", "interrupt"] {
        let answer = viewer
            .ask("POST", &format!("/api/v1/sessions/{id}/{what}"))
            .send()
            .await;
        assert_eq!(answer.status, 403, "{what}");
    }
    assert_eq!(
        viewer
            .delete(&format!("/api/v1/sessions/{id}"))
            .await
            .status,
        403
    );
    let operator = server.client.with_key(Some(&operator));
    assert_eq!(operator.post("/api/v1/tasks", &a_task()).await.status, 201);
    server.end().await.unwrap();
}

async fn foreign_host_and_origin_are_rejected(backend: Backend) {
    let world = World::new(backend).with("server.allowed-origins", "https://pages.example");
    let server = world.server().await;
    let ask = |name: &'static str, value: &'static str| {
        server
            .client
            .ask("GET", "/api/v1/sessions")
            .header(name, value)
            .send()
    };
    let foreign = ask("host", "evil.example").await;
    assert_eq!(foreign.status, 421);
    assert!(
        foreign.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("evil.example")
    );
    let page = ask("origin", "https://evil.example").await;
    assert_eq!(page.status, 403);
    assert_eq!(page.problem()["type"], "/errors/forbidden");
    assert_eq!(page.header("access-control-allow-origin"), "");
    let friend = ask("origin", "https://pages.example").await;
    assert_eq!(friend.status, 200);
    assert_eq!(
        friend.header("access-control-allow-origin"),
        "https://pages.example"
    );
    let preflight = |origin: &'static str| {
        server
            .client
            .with_key(None)
            .ask("OPTIONS", "/api/v1/tasks")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let allowed = preflight("https://pages.example").await;
    assert_eq!(allowed.status, 200);
    assert!(
        allowed
            .header("access-control-allow-methods")
            .contains("POST")
    );
    assert!(
        allowed
            .header("access-control-allow-headers")
            .contains("idempotency-key")
    );
    assert_eq!(preflight("https://evil.example").await.status, 403);
    server.end().await.unwrap();
}

async fn rate_limited_response_has_retry_after(backend: Backend) {
    let world = World::new(backend)
        .with("limits.requests-per-minute", "1")
        .with("limits.burst", "3");
    let server = world.server().await;
    let list = || server.client.get("/api/v1/sessions");
    let first = list().await;
    assert_eq!(first.header("x-ratelimit-limit"), "3");
    assert_eq!(first.header("x-ratelimit-remaining"), "2");
    assert_eq!([list().await.status, list().await.status], [200, 200]);
    let limited: HttpResponse = list().await;
    assert_eq!(limited.status, 429);
    assert_eq!(limited.problem()["type"], "/errors/rate-limited");
    let wait: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(limited.header("x-ratelimit-remaining"), "0");
    assert!(limited.header("ratelimit").contains("r=0"));
    // Health and streams do not count.
    assert_eq!(server.client.get("/health").await.status, 200);
    server.client.events("/api/v1/events").await;
    // Another key has its own bucket, and so has an address without a key.
    let other = key_of(&world, Role::Viewer).await;
    let other = server.client.with_key(Some(&other));
    assert_eq!(other.get("/api/v1/sessions").await.status, 200);
    let stranger = server.client.with_key(None);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(stranger.get("/api/v1/sessions").await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
    server.end().await.unwrap();
}

async fn all_clients_are_served_without_authentication(backend: Backend) {
    let world = World::new(backend).with("auth.insecure-no-auth", "true");
    let server: Server = world.server().await;
    assert_eq!(server.client.key, None);
    assert_eq!(server.client.get("/api/v1/sessions").await.status, 200);
    server.running().await;
    server.end().await.unwrap();
}

on_each_backend!(
    every_protected_route_requires_a_key,
    an_unknown_id_is_not_found_by_every_operation_with_an_id,
    key_is_accepted_in_three_forms_only,
    viewer_has_read_access_only,
    foreign_host_and_origin_are_rejected,
    rate_limited_response_has_retry_after,
    all_clients_are_served_without_authentication,
);

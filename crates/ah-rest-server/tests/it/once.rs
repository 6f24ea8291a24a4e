//! Idempotent requests: repeats, races, restarts.

use serde_json::json;

use crate::client::{Client, HttpResponse};
use crate::world::{Backend, World, a_task, on_each_backend};

const KEY: &str = "01KA5Z4T8Q6N3B0M7W1C2D9E5F";

async fn launch(client: &Client, key: &str, body: &serde_json::Value) -> HttpResponse {
    client
        .ask("POST", "/api/v1/tasks")
        .json(body)
        .header("idempotency-key", key)
        .send()
        .await
}

async fn sessions(client: &Client) -> u64 {
    client.get("/api/v1/sessions").await.json()["total"]
        .as_u64()
        .unwrap()
}

async fn repeated_request_gets_the_same_response_after_a_restart(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let first = launch(&server.client, KEY, &a_task()).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.header("idempotency-replayed"), "");
    assert!(first.header("location").starts_with("/api/v1/sessions/"));
    let same = |again: HttpResponse| {
        assert_eq!(again.status, 201);
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("idempotency-replayed"), "true");
    };
    same(launch(&server.client, KEY, &a_task()).await);
    server.end().await.unwrap();
    let server = world.server().await;
    same(launch(&server.client, KEY, &a_task()).await);
    assert_eq!(sessions(&server.client).await, 1);
    server.end().await.unwrap();
}

async fn twenty_concurrent_requests_launch_one_task(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let racing = (0..20).map(|_| {
        let client = server.client.clone();
        tokio::spawn(async move { launch(&client, KEY, &a_task()).await })
    });
    let mut bodies = Vec::new();
    let mut firsts = 0;
    for answer in futures::future::join_all(racing).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        firsts += u32::from(answer.header("idempotency-replayed").is_empty());
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!((bodies.len(), firsts), (1, 1));
    assert_eq!(sessions(&server.client).await, 1);
    server.end().await.unwrap();
}

async fn different_body_or_key_is_not_a_repeat(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    launch(&server.client, KEY, &a_task()).await;
    let mut other = a_task();
    other["prompt"] = json!("something else");
    let mismatch = launch(&server.client, KEY, &other).await;
    assert_eq!(mismatch.status, 422);
    assert_eq!(mismatch.problem()["type"], "/errors/idempotency-mismatch");
    assert_eq!(
        launch(&server.client, &KEY.replace('F', "G"), &other)
            .await
            .status,
        201
    );
    // The same key at another path is another request.
    let draft = server
        .client
        .ask("POST", "/api/v1/drafts")
        .json(&json!({"prompt": "x"}));
    assert_eq!(
        draft.header("idempotency-key", KEY).send().await.status,
        201
    );
    assert_eq!(sessions(&server.client).await, 2);
    for bad in ["short", &KEY.to_lowercase(), &format!("{KEY}0")] {
        let refused = launch(&server.client, bad, &a_task()).await;
        assert_eq!(refused.status, 400, "{bad}");
        assert!(refused.problem()["errors"]["Idempotency-Key"][0].is_string());
    }
    server.end().await.unwrap();
}

/// On the engine only: the mock looks at no folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_repeated() {
    let world = World::new(Backend::Engine);
    let server = world.server().await;
    let folder = world.home.path().join("later");
    let mut task = a_task();
    task["repo"] = json!({"mode": "git", "url": folder});
    let refused = launch(&server.client, KEY, &task).await;
    assert_eq!(refused.status, 400);
    std::fs::create_dir(&folder).unwrap();
    let again = launch(&server.client, KEY, &task).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.problem()["errors"], refused.problem()["errors"]);
    assert_eq!(sessions(&server.client).await, 0);
    server.end().await.unwrap();
}

async fn repeated_prompt_is_delivered_once(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let id = server.running().await;
    let say = || {
        let ask = server
            .client
            .ask("POST", &format!("/api/v1/sessions/{id}/prompt"));
        ask.json(&json!({"prompt": "go on"}))
            .header("idempotency-key", KEY)
            .send()
    };
    let answers = futures::future::join_all((0..5).map(|_| say())).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 202 && answer.body == answers[0].body)
    );
    let prompts = server
        .client
        .get(&format!("/api/v1/sessions/{id}/prompts"))
        .await
        .json();
    let said = prompts["items"].as_array().unwrap().iter();
    let said = said
        .filter(|prompt| prompt.to_string().contains("go on"))
        .count();
    assert_eq!(said, 1, "{prompts}");
    server.end().await.unwrap();
}

on_each_backend!(
    repeated_request_gets_the_same_response_after_a_restart,
    twenty_concurrent_requests_launch_one_task,
    different_body_or_key_is_not_a_repeat,
    repeated_prompt_is_delivered_once,
);

//! The implementation of the trait.

use std::sync::Arc;

use ah_rest_api_contract::{
    DraftContent, DraftUpdate, ErrorKind, PromptContent, RepoConfig, SessionStatus,
    TaskLaunchParams, TaskManager,
};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{SESSION, client, problem, session, session_id};

async fn world() -> (MockServer, Arc<dyn TaskManager>) {
    let server = MockServer::start().await;
    let manager = client(&server.uri());
    (server, Arc::new(manager))
}

fn draft() -> Value {
    json!({
        "id": format!("draft-{SESSION}"),
        "prompt": "later",
        "createdAt": "2026-11-21T08:00:00.000Z",
        "updatedAt": "2026-11-21T08:00:00.000Z",
    })
}

#[tokio::test]
async fn debug_output_omits_the_key() {
    let (server, manager) = world().await;
    assert_eq!(
        manager.description(),
        format!("access point at {}", server.uri())
    );
}

#[tokio::test]
async fn launch_sends_the_requested_task() {
    let (server, manager) = world().await;
    let params = TaskLaunchParams::builder("fix it", RepoConfig::git("/srv/x"), "scenario")
        .with(|request| request.agents[0].count = 2)
        .build()
        .unwrap();
    Mock::given(method("POST"))
        .and(path("/api/v1/tasks"))
        .and(body_json(params.request()))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({
            "taskId": SESSION, "session_ids": [SESSION, "01ARZ3NDEKTSV4RRFFQ69G5FAW"],
            "status": "queued", "links": {"self": "/s", "events": "/e", "logs": "/l"},
        })))
        .expect(1)
        .mount(&server)
        .await;
    let launched = manager.launch_task(params).await.unwrap();
    assert_eq!(launched.session_ids.len(), 2);
    assert_eq!(launched.status, SessionStatus::Queued);
}

#[tokio::test]
async fn draft_is_created_once_and_then_updated() {
    let (server, manager) = world().await;
    let content = DraftContent {
        prompt: Some("later".into()),
        ..DraftContent::default()
    };
    let wanted = serde_json::to_value(&content).unwrap();
    Mock::given(method("POST"))
        .and(path("/api/v1/drafts"))
        .and(body_json(&wanted))
        .respond_with(ResponseTemplate::new(201).set_body_json(draft()))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(path(format!("/api/v1/drafts/draft-{SESSION}")))
        .and(body_json(&wanted))
        .respond_with(ResponseTemplate::new(200).set_body_json(draft()))
        .expect(1)
        .mount(&server)
        .await;
    let mut update = DraftUpdate { id: None, content };
    let saved = manager.save_draft_task(update.clone()).await.unwrap();
    update.id = Some(saved.id);
    assert_eq!(manager.save_draft_task(update).await.unwrap().id, saved.id);
}

#[tokio::test]
async fn initial_tasks_request_the_largest_pages() {
    let (server, manager) = world().await;
    for (list, item) in [
        ("/api/v1/drafts", draft()),
        ("/api/v1/sessions", session(SessionStatus::Running, 3)),
    ] {
        Mock::given(path(list))
            .and(query_param("page", "1"))
            .and(query_param("perPage", "200"))
            .respond_with(
                ResponseTemplate::new(200).set_body_json(json!({"items": [item], "total": 1})),
            )
            .expect(1)
            .mount(&server)
            .await;
    }
    let initial = manager.get_initial_tasks().await.unwrap();
    assert_eq!(initial.drafts.items.len(), 1);
    assert_eq!(initial.sessions.items[0].id, session_id());
}

#[tokio::test]
async fn control_bodies_omit_absent_fields() {
    let (server, manager) = world().await;
    for (verb, body) in [
        ("stop", json!({"reason": "enough"})),
        ("stop", json!({})),
        ("resume", json!({"prompt": PromptContent::from("go on")})),
        ("resume", json!({})),
    ] {
        Mock::given(method("POST"))
            .and(path(format!("/api/v1/sessions/{SESSION}/{verb}")))
            .and(body_json(body))
            .respond_with(
                ResponseTemplate::new(202).set_body_json(session(SessionStatus::Running, 1)),
            )
            .expect(1)
            .mount(&server)
            .await;
    }
    let id = session_id();
    manager
        .stop_session(id, Some("enough".to_owned()))
        .await
        .unwrap();
    manager.stop_session(id, None).await.unwrap();
    manager
        .resume_session(id, Some("go on".into()))
        .await
        .unwrap();
    manager.resume_session(id, None).await.unwrap();
}

#[tokio::test]
async fn errors_are_those_of_the_server() {
    let (server, manager) = world().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(409).set_body_json(problem(
            "conflict",
            409,
            "it is completed",
        )))
        .mount(&server)
        .await;
    let error = manager.pause_session(session_id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.to_string(), "it is completed");
}

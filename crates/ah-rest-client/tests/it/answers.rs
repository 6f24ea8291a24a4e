//! Responses, above all error responses.

use ah_rest_api_contract::{ErrorKind, SessionQuery, SessionStatus, TaskManager as _};
use serde_json::json;
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{client, problem, session, session_id};
use crate::wire::{Reply, Wire};

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn problem_keeps_kind_fields_and_request_id() {
    let mut body = problem("validation", 400, "two fields are wrong");
    body["errors"] = json!({"repo.url": ["is required"], "agents": ["is empty", "is odd"]});
    body["instance"] = json!("/api/v1/tasks");
    let server = answering(
        ResponseTemplate::new(400)
            .insert_header("x-request-id", "req-7")
            .set_body_raw(body.to_string(), "application/problem+json"),
    )
    .await;
    let error = client(&server.uri())
        .pause_session(session_id())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.to_string(), "two fields are wrong");
    let problem = error.problem();
    assert_eq!(problem.errors.get("repo.url"), ["is required"]);
    assert_eq!(problem.errors.get("agents"), ["is empty", "is odd"]);
    assert_eq!(problem.request_id.as_deref(), Some("req-7"));
    assert_eq!(problem.instance.as_deref(), Some("/api/v1/tasks"));
}

#[tokio::test]
async fn other_error_bodies_are_truncated_and_classified_by_status() {
    let long = "ü".repeat(100_000);
    for (status, kind, body) in [
        (401, ErrorKind::Unauthenticated, "who are you?"),
        (404, ErrorKind::NotFound, "<html>nginx</html>"),
        (413, ErrorKind::PayloadTooLarge, long.as_str()),
        (418, ErrorKind::BadRequest, "{\"teapot\": true}"),
        (500, ErrorKind::Internal, ""),
    ] {
        let server = answering(
            ResponseTemplate::new(status)
                .insert_header("x-request-id", "req-8")
                .set_body_string(body),
        )
        .await;
        let error = client(&server.uri())
            .get_session(session_id())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(error.problem().status, status);
        assert_eq!(error.problem().request_id.as_deref(), Some("req-8"));
        let text = error.to_string();
        assert!(text.contains(&format!("with status {status}")), "{text}");
        let kept: String = body.chars().take(500).collect();
        assert!(text.contains(&kept), "{text}");
        assert!(
            text.chars().count() < 700,
            "{} characters",
            text.chars().count()
        );
        assert_eq!(text.ends_with('…'), body.len() > 1000);
    }
}

#[tokio::test]
async fn problem_with_another_status_is_not_trusted() {
    let server = answering(ResponseTemplate::new(404).set_body_json(problem(
        "unavailable",
        503,
        "come back later",
    )))
    .await;
    let error = client(&server.uri())
        .get_session(session_id())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("come back later"), "{error}");
}

#[tokio::test]
async fn malformed_response_is_reported_and_not_retried() {
    for body in ["", "null", "{\"id\": 7}", "{\"id\": \"01ARZ", "\u{0}"] {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .expect(1)
            .mount(&server)
            .await;
        let error = client(&server.uri())
            .get_session(session_id())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incompatible, "{body}");
        assert!(
            error.to_string().contains("does not match this client"),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn unknown_response_fields_are_ignored() {
    let page = json!({"items": [session(SessionStatus::Running, 3)], "total": 1, "extra": {}});
    let server = answering(ResponseTemplate::new(200).set_body_json(page)).await;
    let page = client(&server.uri())
        .list_sessions(SessionQuery::default())
        .await
        .unwrap();
    assert_eq!(page.items[0].id, session_id());
}

#[tokio::test]
async fn response_body_size_is_limited() {
    let wire = Wire::start(|_, _| {
        let mut bytes = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        bytes.resize(bytes.len() + 65 * 1024 * 1024, b' ');
        Reply::hold(bytes)
    })
    .await;
    let error = client(&wire.url())
        .get_session(session_id())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("limit of 64 MiB"), "{error}");
}

#[tokio::test]
async fn key_is_not_sent_to_a_redirect_target() {
    let elsewhere = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&elsewhere)
        .await;
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(307).insert_header("location", elsewhere.uri()))
        .mount(&server)
        .await;
    let error = client(&server.uri())
        .get_session(session_id())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("with status 307"), "{error}");
}

//! Retried and final failures.

use std::time::Duration;

use ah_rest_api_contract::{
    DraftContent, DraftId, ErrorKind, PromptRequest, SessionQuery, SessionStatus, TaskManager as _,
};
use ah_rest_client::{RestClient, RetryPolicy};
use serde_json::json;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{SESSION, builder, client, problem, session, session_id};
use crate::wire::{Reply, Wire, answer};

fn draft_id() -> DraftId {
    format!("draft-{SESSION}").parse().unwrap()
}

fn ok(status: SessionStatus) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(session(status, 1))
}

#[tokio::test]
async fn busy_server_is_retried() {
    for busy in [429, 503] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(
                ResponseTemplate::new(busy)
                    .insert_header("retry-after", "0")
                    .set_body_json(problem("unavailable", busy, "starting")),
            )
            .up_to_n_times(2)
            .expect(2)
            .mount(&server)
            .await;
        Mock::given(method("GET"))
            .respond_with(ok(SessionStatus::Running))
            .expect(1)
            .mount(&server)
            .await;
        let session = client(&server.uri())
            .get_session(session_id())
            .await
            .unwrap();
        assert_eq!(session.status, SessionStatus::Running);
    }
}

#[tokio::test]
async fn post_is_retried_with_the_same_key() {
    let server = MockServer::start().await;
    let receipt = json!({
        "sessionId": SESSION, "accepted": true, "ts": "2026-11-21T08:00:00.000Z",
        "promptId": format!("prompt-{SESSION}"), "delivery": "queued",
    });
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(502).set_body_string("<html>bad gateway</html>"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(202).set_body_json(receipt))
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let request = PromptRequest::queued("go on");
    client
        .prompt_session(session_id(), request.clone())
        .await
        .unwrap();
    client
        .prompt_session(session_id(), request.clone())
        .await
        .unwrap();

    let requests = server.received_requests().await.unwrap();
    let keys: Vec<&str> = requests
        .iter()
        .map(|request| request.headers["idempotency-key"].to_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
    let good = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    assert!(
        keys.iter()
            .all(|key| key.len() == 26 && key.chars().all(good)),
        "{keys:?}"
    );
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn last_attempt_returns_the_error_of_the_server() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(503).set_body_json(problem(
            "unavailable",
            503,
            "shutting down",
        )))
        .expect(4)
        .mount(&server)
        .await;
    let error = client(&server.uri())
        .get_session(session_id())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "shutting down");
}

#[tokio::test]
async fn no_wait_beyond_the_deadline_starts() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(
            ResponseTemplate::new(429)
                .insert_header("retry-after", "3600")
                .set_body_json(problem("rate-limited", 429, "too fast")),
        )
        .expect(1)
        .mount(&server)
        .await;
    let error = client(&server.uri())
        .get_session(session_id())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[tokio::test]
async fn permanent_errors_are_not_retried() {
    for (status, kind, slug) in [
        (400, ErrorKind::Validation, "validation"),
        (401, ErrorKind::Unauthenticated, "auth"),
        (404, ErrorKind::NotFound, "not-found"),
        (409, ErrorKind::Conflict, "conflict"),
        (410, ErrorKind::Gone, "gone"),
        (422, ErrorKind::IdempotencyMismatch, "idempotency-mismatch"),
        (500, ErrorKind::Internal, "internal"),
        (501, ErrorKind::NotImplemented, "not-implemented"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status).set_body_json(problem(slug, status, "no")))
            .expect(1)
            .mount(&server)
            .await;
        let error = client(&server.uri())
            .pause_session(session_id())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}

#[tokio::test]
async fn deletion_is_not_retried_after_an_ambiguous_failure() {
    // The connection breaks after the request was read, so its effect is unknown.
    let mut wire = Wire::start(|_, _| Reply::close("")).await;
    let error = client(&wire.url())
        .delete_draft(draft_id())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(
        error.to_string().contains("its effect is unknown"),
        "{error}"
    );
    assert_eq!(wire.lines().len(), 1);
    // A server that did not execute the request is retried.
    let mut wire = Wire::start(|_, number| {
        Reply::close(match number {
            0 => answer("503 Service Unavailable", "", ""),
            _ => answer("204 No Content", "", ""),
        })
    })
    .await;
    client(&wire.url()).delete_draft(draft_id()).await.unwrap();
    assert_eq!(wire.lines().len(), 2);
}

#[tokio::test]
async fn connection_lost_within_a_response_is_retried() {
    let whole = answer(
        "200 OK",
        "content-type: application/json\r\n",
        &session(SessionStatus::Running, 1).to_string(),
    );
    for cut in (0..whole.len()).step_by(7) {
        let whole = whole.clone();
        let wire = Wire::start(move |_, number| {
            let end = if number == 0 { cut } else { whole.len() };
            Reply::close(&whole.as_bytes()[..end])
        })
        .await;
        let session = client(&wire.url()).get_session(session_id()).await;
        assert_eq!(
            session.unwrap().status,
            SessionStatus::Running,
            "cut at {cut}"
        );
    }
}

#[tokio::test]
async fn missing_response_is_retried() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ok(SessionStatus::Queued).set_delay(Duration::from_secs(3600)))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ok(SessionStatus::Running))
        .mount(&server)
        .await;
    let client = builder(&server.uri())
        .answer_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let session = client.get_session(session_id()).await.unwrap();
    assert_eq!(session.status, SessionStatus::Running);
}

#[tokio::test]
async fn deadline_bounds_all_attempts() {
    let mut wire = Wire::start(|_, _| Reply::hold("HTTP/1.1 200 OK\r\n")).await;
    let client = RestClient::builder(&wire.url())
        .retry(RetryPolicy {
            deadline: Duration::from_millis(300),
            ..RetryPolicy::default()
        })
        .build()
        .unwrap();
    let error = client.cancel_session(session_id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let text = error.to_string();
    assert!(text.contains("did not answer DELETE"), "{text}");
    // The attempt was limited by the remaining 300 ms, not by the usual timeout of seconds.
    assert!(text.contains("ms; its effect is unknown"), "{text}");
    assert_eq!(wire.lines().len(), 1);
}

#[tokio::test]
async fn an_unreachable_server_is_reported_with_a_hint() {
    let wire = Wire::start(|_, _| Reply::close("")).await;
    let url = wire.url();
    let _port = wire.stop().await;
    let error = client(&url)
        .list_sessions(SessionQuery::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(
        error.to_string(),
        format!("no access point is running at {url}; start one with `ah agent access-point`")
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn health_probe_is_sent_once() {
    let server = MockServer::start().await;
    Mock::given(path("/ready"))
        .respond_with(ResponseTemplate::new(503).set_body_json(problem(
            "unavailable",
            503,
            "starting",
        )))
        .expect(1)
        .mount(&server)
        .await;
    let error = client(&server.uri()).ready().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn every_request_has_key_and_user_agent() {
    let server = MockServer::start().await;
    let draft = json!({
        "id": format!("draft-{SESSION}"),
        "createdAt": "2026-11-21T08:00:00.000Z", "updatedAt": "2026-11-21T08:00:00.000Z",
    });
    Mock::given(method("PUT"))
        .and(path(format!("/api/v1/drafts/draft-{SESSION}")))
        .and(header("authorization", "ApiKey ah_test_key"))
        .and(header("user-agent", "dashboard/2"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&draft))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(header("authorization", "Bearer token"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let with_key = builder(&server.uri())
        .user_agent("dashboard/2")
        .build()
        .unwrap();
    with_key
        .update_draft(draft_id(), DraftContent::default())
        .await
        .unwrap();
    let with_token = RestClient::builder(&server.uri())
        .bearer_token("token")
        .build()
        .unwrap();
    with_token.delete_draft(draft_id()).await.unwrap();
}

//! The tracing spans of requests.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use ah_rest_api_contract::{
    EventFilter, EventSeq, PromptRequest, RepoConfig, SessionStatus, TaskLaunchParams,
    TaskManager as _,
};
use tracing::callsite::rebuild_interest_cache;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::fmt::format::FmtSpan;
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{SESSION, builder, client, frames, problem, session, session_id};

thread_local! {
    /// The trace output of this thread, once recording has begun.
    static OUTPUT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// A writer to [`OUTPUT`].
struct Ear;

impl io::Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OUTPUT.with_borrow_mut(|output| {
            if let Some(output) = output {
                output.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The trace output of a test's thread, with the final fields of spans.
struct Traced;

impl Traced {
    /// Starts recording on this thread.
    ///
    /// One global subscriber serves all threads. With one per thread, a call site that another test
    /// reaches first without a subscriber would be cached as disabled.
    fn begin() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_span_events(FmtSpan::CLOSE)
                .with_ansi(false)
                .with_writer(|| Ear)
                .finish();
            set_global_default(subscriber).unwrap();
            // For call sites reached while the subscriber was being set.
            rebuild_interest_cache();
        });
        OUTPUT.set(Some(Vec::new()));
        Self
    }

    fn text(&self) -> String {
        let output = OUTPUT.with_borrow(|output| output.clone().unwrap_or_default());
        String::from_utf8(output).unwrap()
    }

    /// Returns the spans of finished requests.
    fn requests(&self) -> Vec<String> {
        let text = self.text();
        let closed = text.lines().filter(|line| line.contains(": close "));
        closed
            .filter_map(|line| line.split_once("request{"))
            .map(|(_, fields)| fields.to_owned())
            .collect()
    }
}

#[tokio::test]
async fn request_span_has_route_and_outcome() {
    let traced = Traced::begin();
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503).set_body_json(problem(
            "unavailable",
            503,
            "not yet",
        )))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("x-request-id", "req-9")
                .set_body_json(session(SessionStatus::Running, 1)),
        )
        .mount(&server)
        .await;
    client(&server.uri())
        .get_session(session_id())
        .await
        .unwrap();

    let [span] = &traced.requests()[..] else {
        panic!("{}", traced.text())
    };
    for field in [
        "method=\"GET\"",
        "route=\"/api/v1/sessions/{id}\"",
        "attempts=2",
        "status=200",
        "request_id=\"req-9\"",
        "duration_ms=",
    ] {
        assert!(span.contains(field), "{field}: {span}");
    }
    assert!(!span.contains(SESSION), "{span}");
}

#[tokio::test]
async fn a_dropped_request_ends_its_span() {
    let traced = Traced::begin();
    let server = MockServer::start().await;
    let client = client(&server.uri());
    let mut request = Box::pin(client.get_session(session_id()));
    assert!(futures::poll!(request.as_mut()).is_pending());
    assert!(traced.requests().is_empty());
    drop(request);
    assert_eq!(traced.requests().len(), 1, "{}", traced.text());
}

#[tokio::test]
async fn secrets_are_never_traced_or_reported() {
    let traced = Traced::begin();
    let server = MockServer::start().await;
    let echo = "you said: Authorization: ApiKey topsecret";
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500).set_body_json(problem("internal", 500, echo)))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(502).set_body_string(echo))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(frames(0, 3), "text/event-stream"))
        .mount(&server)
        .await;
    let client = builder(&server.uri()).api_key("topsecret").build().unwrap();
    let params =
        TaskLaunchParams::builder("a private prompt", RepoConfig::git("/srv/x"), "scenario")
            .build()
            .unwrap();
    let prompt = PromptRequest::queued("a private prompt");
    for error in [
        client.launch_task(params).await.unwrap_err(),
        client
            .prompt_session(session_id(), prompt)
            .await
            .unwrap_err(),
    ] {
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("ApiKey (redacted)"), "{shown}");
        assert!(!shown.contains("topsecret"), "{shown}");
    }
    let events = client
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    assert_eq!(futures::StreamExt::count(events).await, 3);

    let requests = server.received_requests().await.unwrap();
    assert!(
        requests
            .iter()
            .all(|request| request.headers["authorization"] == "ApiKey topsecret")
    );
    let text = traced.text();
    assert!(text.contains("retrying the request"), "{text}");
    assert_eq!(traced.requests().len(), 3, "{text}");
    for secret in ["topsecret", "a private prompt"] {
        assert!(!text.contains(secret), "{text}");
    }
}

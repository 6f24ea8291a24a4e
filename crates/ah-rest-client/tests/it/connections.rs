//! The connections of requests, and their timeouts.

use std::collections::BTreeSet;
use std::time::Duration;

use ah_rest_api_contract::{ErrorKind, EventFilter, EventSeq, SessionStatus, TaskManager as _};
use ah_rest_client::RestClientBuilder;
use futures::StreamExt;
use futures::future::join_all;
use hyper::Version;
use wiremock::matchers::{any, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{SESSION, builder, session, session_id};
use crate::served::Served;
use crate::tls::Identity;
use crate::wire::{Reply, Wire};

/// Returns the connections of three sequential requests.
async fn connections_of_three(
    configure: impl FnOnce(RestClientBuilder) -> RestClientBuilder,
) -> Vec<usize> {
    let mut server = Served::start(None).await;
    let url = format!("http://127.0.0.1:{}", server.port());
    let client = configure(builder(&url)).build().unwrap();
    for _ in 0..3 {
        client.get_session(session_id()).await.unwrap();
    }
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.version == Version::HTTP_11));
    seen.into_iter().map(|seen| seen.connection).collect()
}

#[tokio::test]
async fn connections_are_reused_unless_pooling_is_off() {
    assert_eq!(connections_of_three(|client| client).await, [0, 0, 0]);
    assert_eq!(
        connections_of_three(|client| client.pool_idle_max(0)).await,
        [0, 1, 2]
    );
    assert_eq!(
        connections_of_three(|client| client.pool_idle_timeout(Duration::ZERO)).await,
        [0, 1, 2]
    );
}

#[tokio::test]
async fn http2_requests_share_a_connection_and_streams_have_their_own() {
    let identity = Identity::of_localhost();
    let acceptor = identity.acceptor(&["h2", "http/1.1"]);
    let mut server = Served::start_with_streams(Some(acceptor), 3).await;
    let client = builder(&format!("https://localhost:{}", server.port()))
        .certificate_authorities(identity.authority())
        .build()
        .unwrap();
    let id = session_id();
    client.get_session(id).await.unwrap();
    join_all((0..20).map(|_| client.get_session(id)))
        .await
        .into_iter()
        .for_each(|session| drop(session.unwrap()));
    let seen = server.seen();
    assert_eq!(seen.len(), 21);
    assert!(
        seen.iter()
            .all(|seen| seen.version == Version::HTTP_2 && seen.connection == 0),
        "{seen:?}"
    );

    let streams = join_all(
        (0..3).map(|_| client.task_events_stream(id, EventSeq::START, EventFilter::default())),
    )
    .await;
    let seen = server.seen();
    let connections: BTreeSet<usize> = seen.iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, BTreeSet::from([1, 2, 3]), "{seen:?}");
    assert!(
        seen.iter().all(|seen| seen.version == Version::HTTP_11),
        "{seen:?}"
    );
    for stream in streams {
        assert_eq!(stream.unwrap().count().await, 3);
    }
}

#[tokio::test]
async fn every_request_names_its_tenant() {
    let server = MockServer::start().await;
    Mock::given(header("x-tenant-id", "acme"))
        .respond_with(ResponseTemplate::new(200).set_body_json(session(SessionStatus::Running, 1)))
        .expect(1)
        .mount(&server)
        .await;
    let client = builder(&server.uri()).tenant("acme").build().unwrap();
    client.get_session(session_id()).await.unwrap();
    let without = builder(&server.uri()).build().unwrap();
    without.get_session(session_id()).await.unwrap_err();
}

#[tokio::test]
async fn operation_can_have_its_own_timeout() {
    let server = MockServer::start().await;
    Mock::given(path(format!("/api/v1/sessions/{SESSION}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(session(SessionStatus::Running, 1)))
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(3600)))
        .mount(&server)
        .await;
    let client = builder(&server.uri())
        .operation_timeout("ready", Duration::from_millis(50))
        .operation_timeout("stream_session_events", Duration::from_millis(60))
        .build()
        .unwrap();
    client.get_session(session_id()).await.unwrap();
    let error = client.ready().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("within 50.0ms"), "{error}");
    let stream = client
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await;
    let error = stream.err().unwrap();
    assert!(error.to_string().contains("within 60.0ms"), "{error}");

    let wire = Wire::start(|_, _| Reply::hold("")).await;
    let client = builder(&wire.url())
        // Without a timeout of its own, it is limited by the deadline.
        .operation_timeout("cancel_session", Duration::from_millis(70))
        .build()
        .unwrap();
    let error = client.cancel_session(session_id()).await.unwrap_err();
    assert!(error.to_string().contains("within 70.0ms"), "{error}");
}

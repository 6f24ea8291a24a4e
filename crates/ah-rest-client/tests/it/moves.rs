//! A client that follows a local server to another address.

use std::fs;
use std::path::PathBuf;

use ah_rest_api_contract::{
    AccessPointFile, EventFilter, EventSeq, SessionStatus, TaskManager as _,
};
use ah_rest_client::RestClient;
use futures::StreamExt;
use tempfile::TempDir;

use crate::following::{STREAM, is_stream, last_event_id, logs, refusal, seqs, the_session};
use crate::samples::{frames, session_id};
use crate::wire::{Reply, Request, Wire};

/// A state folder with the file of a server.
struct State {
    folder: TempDir,
}

impl State {
    fn of(server: &Wire, key: &str) -> Self {
        let state = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        state.set(server, key);
        state
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(AccessPointFile::NAME)
    }

    fn set(&self, server: &Wire, key: &str) {
        let url = server.url();
        let json = format!(r#"{{"url": "{url}", "apiKey": "{key}", "pid": 1, "version": "1"}}"#);
        fs::write(self.file(), json).unwrap();
    }

    fn client(&self) -> RestClient {
        RestClient::from_file(&self.file()).unwrap()
    }
}

async fn server() -> Wire {
    Wire::start(|_, _| the_session(SessionStatus::Running, 1)).await
}

fn key_of(request: &Request) -> &str {
    request.header("authorization").unwrap()
}

#[tokio::test]
async fn calls_follow_a_server_to_another_port_and_key() {
    let mut first = server().await;
    let state = State::of(&first, "one");
    let client = state.client();
    client.get_session(session_id()).await.unwrap();
    assert_eq!(key_of(&first.next_request().await), "ApiKey one");
    drop(first);
    let mut second = server().await;
    state.set(&second, "two");
    client.get_session(session_id()).await.unwrap();
    assert_eq!(key_of(&second.next_request().await), "ApiKey two");
    assert_eq!(client.base_url().port(), Some(second.address.port()));
}

#[tokio::test]
async fn a_refused_key_is_read_again() {
    let server = Wire::start(|request, _| match key_of(request) {
        "ApiKey new" => the_session(SessionStatus::Running, 1),
        _ => refusal("401 Unauthorized", "auth"),
    })
    .await;
    let state = State::of(&server, "old");
    let client = state.client();
    let refused = client.get_session(session_id()).await.unwrap_err();
    assert_eq!(refused.problem().status, 401);
    state.set(&server, "new");
    client.get_session(session_id()).await.unwrap();
}

#[tokio::test]
async fn a_stream_continues_at_the_new_address() {
    let first = Wire::start(|request, _| {
        if is_stream(request) {
            Reply::hold(format!("{STREAM}{}", logs(1..=2)))
        } else {
            the_session(SessionStatus::Running, 2)
        }
    })
    .await;
    let state = State::of(&first, "key");
    let filter = EventFilter::default();
    let stream = state
        .client()
        .task_events_stream(session_id(), EventSeq::START, filter)
        .await;
    let mut stream = stream.unwrap();
    let mut items = vec![stream.next().await.unwrap(), stream.next().await.unwrap()];
    let second = Wire::start(|request, _| {
        if !is_stream(request) {
            return the_session(SessionStatus::Running, 4);
        }
        assert_eq!(last_event_id(request), 2);
        Reply::close(format!("{STREAM}{}", frames(2, 4)))
    })
    .await;
    state.set(&second, "key");
    drop(first);
    items.extend(stream.collect::<Vec<_>>().await);
    assert_eq!(seqs(&items), [1, 2, 3, 4]);
}

//! The client's methods against the operations table.

use std::collections::BTreeSet;

use ah_rest_api_contract::operations::ALL;
use ah_rest_api_contract::{
    AgentType, AllEventsQuery, AttachmentHash, ContentQuery, DiffQuery, DraftContent, DraftId,
    ErrorKind, EventFilter, EventQuery, EventSeq, FileDiffQuery, FileNodeQuery, FilePath,
    FileQuery, LogParams, PageRequest, PermissionAnswer, PermissionId, PromptContent, PromptId,
    PromptRequest, RepoConfig, RepositoryId, RepositoryQuery, SessionId, SessionQuery, TaskId,
    TaskLaunchParams, TaskManager as _, WorkspaceQuery, for_each_operation,
};
use ah_rest_client::RestClient;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{SESSION, client, session_id};

/// A valid value for a parameter of a method.
trait Sample {
    fn sample() -> Self;
}

macro_rules! samples {
    ($($type:ty: $value:expr,)+) => {
        $(impl Sample for $type {
            fn sample() -> Self {
                $value
            }
        })+
    };
}

samples! {
    TaskId: SESSION.parse().unwrap(),
    SessionId: session_id(),
    DraftId: format!("draft-{SESSION}").parse().unwrap(),
    PromptId: format!("prompt-{SESSION}").parse().unwrap(),
    PermissionId: format!("perm-{SESSION}").parse().unwrap(),
    RepositoryId: format!("repo-{SESSION}").parse().unwrap(),
    SessionQuery: SessionQuery::default(),
    PageRequest: PageRequest::default(),
    RepositoryQuery: RepositoryQuery::default(),
    WorkspaceQuery: WorkspaceQuery::default(),
    FileQuery: FileQuery::default(),
    ContentQuery: ContentQuery::default(),
    FileDiffQuery: FileDiffQuery::default(),
    FileNodeQuery: FileNodeQuery::default(),
    FilePath: "src/main.rs".parse().expect("a path"),
    DiffQuery: DiffQuery::default(),
    LogParams: LogParams::default(),
    TaskLaunchParams: TaskLaunchParams::builder("x", RepoConfig::git("/srv/x"), "scenario")
        .build()
        .unwrap(),
    PromptRequest: PromptRequest::queued("x"),
    PermissionAnswer: PermissionAnswer::Cancel,
    DraftContent: DraftContent::default(),
    Option<String>: None,
    Option<PromptContent>: None,
}

/// Calls the method of each `manager` and `client` row of the operations table, then those in
/// brackets. Returns the names of the methods. The results do not matter.
macro_rules! call_each {
    (
        $rest:ident [$($own_id:ident($($argument:expr),*)),* $(,)?]
        manager { $(
            $id:ident $method:ident $path:literal ($($parameter:ident: $type:ty),*)
            $(query $query:ty as $wire:ty,)?
            $(body $body:ty,)?
            $(fields $request:ident { $($field:ident: $field_type:ty),* },)?
            -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal,
            $result:literal;
        )* }
        client { $(
            $client_id:ident $client_method:ident $client_path:literal
            ($($client_parameter:ident: $client_type:ty),*)
            $(query $client_query:ty as $client_wire:ty,)?
            $(body $client_body:ty,)?
            -> $client_status:literal $client_answer:ty, errors $client_errors:tt,
            $client_action:ident, $client_summary:literal, $client_result:literal;
        )* }
        own $own:tt
    ) => {{
        let mut names = Vec::new();
        $(
            let called = $rest.$id(
                $(<$type>::sample(),)*
                $(<$query>::sample(),)?
                $(<$body>::sample(),)?
                $($(<$field_type>::sample(),)*)?
            );
            assert!(called.await.is_err());
            names.push(stringify!($id));
        )*
        $(
            let called = $rest.$client_id(
                $(<$client_type>::sample(),)*
                $(<$client_query>::sample(),)?
                $(<$client_body>::sample(),)?
            );
            assert!(called.await.is_err());
            names.push(stringify!($client_id));
        )*
        $(
            assert!($rest.$own_id($($argument),*).await.is_err());
            names.push(stringify!($own_id));
        )*
        names
    }};
}

async fn call_all(client: &RestClient) -> Vec<&'static str> {
    for_each_operation!(call_each client [
        list_events(session_id(), EventQuery::default()),
        task_events_stream(session_id(), EventSeq::START, EventFilter::default()),
        task_events(TaskId::from_ulid(session_id().ulid()), AllEventsQuery::default()),
        all_events(AllEventsQuery::default()),
        get_session_attachment(session_id(), AttachmentHash::from_digest([1; 32])),
        get_agent_schema(&AgentType::new("a b/c")),
        metrics(),
        docs(),
        explain_error(ErrorKind::Conflict),
    ])
}

/// Returns the operation of a method, which has the same name but for two.
fn operation_of(method: &str) -> &str {
    match method {
        "list_events" => "session_events",
        "task_events_stream" => "stream_session_events",
        _ => method,
    }
}

#[tokio::test]
async fn every_route_has_a_method_of_the_same_name() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(404))
        .mount(&server)
        .await;
    let methods = call_all(&client(&server.uri())).await;
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), methods.len());

    let mut missing: BTreeSet<&str> = ALL.iter().map(|route| route.id).collect();
    for (method, request) in methods.into_iter().zip(&requests) {
        let (verb, path) = (request.method.as_str(), request.url.path());
        let route = ALL
            .iter()
            .find(|route| route.method.as_str() == verb && route.matches(path));
        let route = route.unwrap_or_else(|| panic!("{verb} {path} is no route"));
        assert_eq!(route.id, operation_of(method), "{verb} {path}");
        missing.remove(route.id);
    }
    assert!(
        missing.is_empty(),
        "the client has no method for {missing:?}"
    );
}

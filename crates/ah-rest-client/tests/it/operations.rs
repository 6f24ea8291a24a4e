//! The client's methods against the operations table.

use std::collections::BTreeSet;

use ah_rest_api_contract::operations::ALL;
use ah_rest_api_contract::{
    AgentType, AllEventsQuery, DiffQuery, DraftContent, DraftId, ErrorKind, EventFilter,
    EventQuery, EventSeq, FileQuery, LogParams, PageRequest, PermissionAnswer, PermissionId,
    PromptId, PromptRequest, RepoConfig, RepositoryId, SessionQuery, TaskLaunchParams,
    TaskManager as _,
};
use ah_rest_client::RestClient;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{SESSION, client, session_id};

/// Calls each method once, in this order, and returns their names. The results do not matter.
macro_rules! call_each {
    ($client:expr, $($method:ident($($argument:expr),*)),+ $(,)?) => {{
        let mut names = Vec::new();
        $(
            assert!($client.$method($($argument),*).await.is_err());
            names.push(stringify!($method));
        )+
        names
    }};
}

async fn call_all(client: &RestClient) -> Vec<&'static str> {
    let id = session_id();
    let draft: DraftId = format!("draft-{SESSION}").parse().unwrap();
    let prompt: PromptId = format!("prompt-{SESSION}").parse().unwrap();
    let permission: PermissionId = format!("perm-{SESSION}").parse().unwrap();
    let repository: RepositoryId = format!("repo-{SESSION}").parse().unwrap();
    let page = PageRequest::default();
    let task = TaskLaunchParams::builder("x", RepoConfig::git("/srv/x"), "scenario")
        .build()
        .unwrap();
    call_each!(
        client,
        launch_task(task),
        get_task(SESSION.parse().unwrap()),
        list_sessions(SessionQuery::default()),
        get_session(id),
        get_session_info(id),
        cancel_session(id),
        stop_session(id, None),
        interrupt_session(id),
        pause_session(id),
        resume_session(id, None),
        prompt_session(id, PromptRequest::queued("x")),
        list_prompts(id, page),
        withdraw_prompt(id, prompt),
        list_permissions(id, page),
        answer_permission(id, permission, PermissionAnswer::Cancel),
        list_events(id, EventQuery::default()),
        task_events_stream(id, EventSeq::START, EventFilter::default()),
        list_session_logs(id, LogParams::default()),
        list_session_files(id, FileQuery::default()),
        get_session_diff(id, DiffQuery::default()),
        all_events(AllEventsQuery::default()),
        create_draft(DraftContent::default()),
        list_drafts(page),
        get_draft(draft),
        update_draft(draft, DraftContent::default()),
        delete_draft(draft),
        list_repositories(page),
        list_repos(page),
        get_repository(repository),
        list_branches(repository),
        list_agents(page),
        get_agent_schema(&AgentType::new("a b/c")),
        health(),
        ready(),
        metrics(),
        deep_health(),
        version(),
        openapi(),
        docs(),
        explain_error(ErrorKind::Conflict),
    )
}

/// Returns the operation of a method, which has the same name.
fn operation_of(method: &str) -> &str {
    match method {
        // One path has the events of a session as a stream and as pages.
        "list_events" | "task_events_stream" => "session_events",
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

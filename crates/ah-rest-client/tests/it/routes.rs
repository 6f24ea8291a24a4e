//! The client's methods against the declaration of the routes.

use std::collections::BTreeSet;

use ah_rest_api_contract::routes::ALL;
use ah_rest_api_contract::{
    AgentType, AllEventsQuery, DiffQuery, DraftContent, DraftId, EventFilter, EventQuery, EventSeq,
    FileQuery, LogParams, PageRequest, PermissionAnswer, PermissionId, PromptId, PromptRequest,
    RepoConfig, RepositoryId, ResumeRequest, SessionQuery, StopRequest, TaskLaunchParams,
};
use ah_rest_client::RestClient;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::samples::{SESSION, client, session_id};

/// Routes that the client has no method for, and why.
const NOT_CALLED: &[&str] = &[
    // Pages for people with a browser.
    "docs",
    "explain_error",
    // The same list as `list_repositories` under an older name.
    "list_repos",
];

/// Calls every method once. What comes back does not matter here.
async fn call_all(client: &RestClient) {
    let id = session_id();
    let draft: DraftId = format!("draft-{SESSION}").parse().unwrap();
    let prompt: PromptId = format!("prompt-{SESSION}").parse().unwrap();
    let permission: PermissionId = format!("perm-{SESSION}").parse().unwrap();
    let repository: RepositoryId = format!("repo-{SESSION}").parse().unwrap();
    let page = PageRequest::default();
    let params = TaskLaunchParams::builder("x", RepoConfig::git("/srv/x"), "scenario")
        .build()
        .unwrap();
    let failed = [
        client.launch_task(&params).await.is_err(),
        client.get_task(SESSION.parse().unwrap()).await.is_err(),
        client.list_sessions(SessionQuery::default()).await.is_err(),
        client.get_session(id).await.is_err(),
        client.cancel_session(id).await.is_err(),
        client
            .stop_session(id, &StopRequest::default())
            .await
            .is_err(),
        client.interrupt_session(id).await.is_err(),
        client.pause_session(id).await.is_err(),
        client
            .resume_session(id, &ResumeRequest::default())
            .await
            .is_err(),
        client
            .prompt_session(id, &PromptRequest::queued("x"))
            .await
            .is_err(),
        client.list_prompts(id, page).await.is_err(),
        client.withdraw_prompt(id, prompt).await.is_err(),
        client.list_permissions(id, page).await.is_err(),
        client
            .answer_permission(id, permission, &PermissionAnswer::Cancel)
            .await
            .is_err(),
        client.list_events(id, EventQuery::default()).await.is_err(),
        client
            .session_events(id, EventSeq::START, EventFilter::default())
            .await
            .is_err(),
        client
            .list_session_logs(id, &LogParams::default())
            .await
            .is_err(),
        client
            .list_session_files(id, FileQuery::default())
            .await
            .is_err(),
        client
            .get_session_diff(id, DiffQuery::default())
            .await
            .is_err(),
        client.all_events(AllEventsQuery::default()).await.is_err(),
        client.create_draft(&DraftContent::default()).await.is_err(),
        client.list_drafts(page).await.is_err(),
        client.get_draft(draft).await.is_err(),
        client
            .update_draft(draft, &DraftContent::default())
            .await
            .is_err(),
        client.delete_draft(draft).await.is_err(),
        client.list_repositories(page).await.is_err(),
        client.get_repository(repository).await.is_err(),
        client.list_branches(repository).await.is_err(),
        client.list_agents(page).await.is_err(),
        client
            .get_agent_schema(&AgentType::new("a b/c"))
            .await
            .is_err(),
        client.health().await.is_err(),
        client.ready().await.is_err(),
        client.metrics().await.is_err(),
        client.deep_health().await.is_err(),
        client.version().await.is_err(),
        client.openapi().await.is_err(),
    ];
    assert!(failed.iter().all(|failed| *failed));
}

#[tokio::test]
async fn every_route_has_a_method_that_calls_it() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(404))
        .mount(&server)
        .await;
    call_all(&client(&server.uri())).await;

    let mut missing: BTreeSet<&str> = ALL.iter().map(|route| route.operation_id).collect();
    for exempt in NOT_CALLED {
        assert!(missing.remove(exempt), "`{exempt}` is no route any more");
    }
    for request in server.received_requests().await.unwrap() {
        let (verb, path) = (request.method.as_str(), request.url.path());
        let route = ALL
            .iter()
            .find(|route| route.method.as_str() == verb && route.matches(path));
        let route = route.unwrap_or_else(|| panic!("{verb} {path} is no route"));
        missing.remove(route.operation_id);
    }
    assert!(
        missing.is_empty(),
        "the client has no method for {missing:?}"
    );
}

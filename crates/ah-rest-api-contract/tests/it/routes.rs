//! The routes and the paths that clients build for them.

use std::collections::BTreeSet;

use ah_rest_api_contract::routes::{self, Auth, Method, Route};
use ah_rest_api_contract::*;
use ulid::Ulid;

fn id() -> Ulid {
    Ulid::from_string("01ARZ3NDEKTSV4RRFFQ69G5FAV").expect("canonical")
}

/// Every path that a client can build, by hand or by function.
fn built_paths() -> Vec<String> {
    let session = SessionId::from_ulid(id());
    let fixed = [
        routes::HEALTH,
        routes::READY,
        routes::METRICS,
        routes::DEEP_HEALTH,
        routes::VERSION,
        routes::OPENAPI,
        routes::DOCS,
        routes::TASKS,
        routes::SESSIONS,
        routes::EVENTS,
        routes::DRAFTS,
        routes::REPOSITORIES,
        routes::REPOS,
        routes::AGENTS,
    ];
    let repository = RepositoryId::from_ulid(id());
    let mut paths: Vec<String> = fixed.map(str::to_owned).to_vec();
    paths.extend([
        routes::task(TaskId::from_ulid(id())),
        routes::session(session),
        routes::session_stop(session),
        routes::session_interrupt(session),
        routes::session_pause(session),
        routes::session_resume(session),
        routes::session_prompt(session),
        routes::session_prompts(session),
        routes::session_queued_prompt(session, PromptId::from_ulid(id())),
        routes::session_permissions(session),
        routes::session_permission(session, PermissionId::from_ulid(id())),
        routes::session_events(session),
        routes::session_logs(session),
        routes::session_files(session),
        routes::session_diff(session),
        routes::draft(DraftId::from_ulid(id())),
        routes::repository(repository),
        routes::repository_branches(repository),
        routes::agent_schema(&AgentType::new("scenario")),
        routes::error(ErrorKind::Conflict),
    ]);
    paths
}

#[test]
fn the_routes() {
    let mut lines = String::new();
    for Route {
        method,
        path,
        operation_id,
        auth,
        summary,
    } in routes::ALL
    {
        let auth = match auth {
            Auth::None => "open",
            Auth::Key => "key",
        };
        lines += &format!("{method:6} {path:50} {auth:4} {operation_id:20} {summary}\n");
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn an_operation_has_one_route_and_a_route_one_operation() {
    let operations: BTreeSet<_> = routes::ALL.iter().map(|route| route.operation_id).collect();
    assert_eq!(operations.len(), routes::ALL.len());
    let places: BTreeSet<_> = routes::ALL
        .iter()
        .map(|route| (route.method, route.path))
        .collect();
    assert_eq!(places.len(), routes::ALL.len());
}

#[test]
fn what_needs_no_key_only_reads_and_lies_beside_the_resources() {
    for route in routes::ALL.iter().filter(|route| route.auth == Auth::None) {
        assert_eq!(route.method, Method::Get, "{}", route.path);
        let resource = route.path.strip_prefix(routes::BASE);
        assert!(
            matches!(resource, None | Some("/version" | "/openapi.json")),
            "{}",
            route.path
        );
    }
}

#[test]
fn every_built_path_is_a_route_and_every_path_of_the_table_can_be_built() {
    let built = built_paths();
    for path in &built {
        assert!(
            routes::ALL.iter().any(|route| route.matches(path)),
            "{path}"
        );
    }
    for route in routes::ALL {
        let is_built = built.iter().any(|path| route.matches(path));
        assert!(is_built, "{}", route.path);
    }
}

#[test]
fn a_route_matches_whole_paths_only() {
    let session = routes::ALL
        .iter()
        .find(|route| route.operation_id == "get_session")
        .expect("a route");
    assert!(session.matches("/api/v1/sessions/x"));
    for other in [
        "/api/v1/sessions",
        "/api/v1/sessions/",
        "/api/v1/sessions/x/",
        "/api/v1/sessions/x/stop",
        "api/v1/sessions/x",
    ] {
        assert!(!session.matches(other), "{other}");
    }
}

#[test]
fn what_a_segment_cannot_carry_is_encoded() {
    let path = routes::agent_schema(&AgentType::new("a/b ü%2F?#.."));
    assert_eq!(
        path,
        "/api/v1/schemas/agents/a%2Fb%20%C3%BC%252F%3F%23...json"
    );
}

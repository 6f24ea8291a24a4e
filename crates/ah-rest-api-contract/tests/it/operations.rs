//! Tests of the operations table and its path builders.

use std::collections::BTreeSet;

use ah_rest_api_contract::operations::{self, Method, Operation, paths};
use ah_rest_api_contract::*;
use ulid::Ulid;

#[test]
fn the_operations() {
    let mut lines = String::new();
    for operation in operations::ALL {
        let Operation {
            id,
            method,
            path,
            action,
            summary,
            ..
        } = operation;
        let action = format!("{action:?}");
        lines += &format!("{method:6} {path:50} {action:17} {id:20} {summary}\n");
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn operations_and_routes_correspond_one_to_one() {
    let ids: BTreeSet<_> = operations::ALL.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), operations::ALL.len());
    let places: BTreeSet<_> = operations::ALL
        .iter()
        .map(|it| (it.method, it.path))
        .collect();
    assert_eq!(places.len(), operations::ALL.len());
}

#[test]
fn each_row_names_its_path_parameters_and_response() {
    for operation in operations::ALL {
        assert_eq!(
            operation.parameters.len(),
            operation.path.matches('{').count(),
            "{}",
            operation.id
        );
        assert_eq!(
            operation.status == 204,
            operation.answer == "()",
            "{}",
            operation.id
        );
        assert!(
            operation.request.is_none() || operation.method.has_body(),
            "{}",
            operation.id
        );
    }
}

#[test]
fn unauthenticated_operations_are_read_only_and_outside_of_resources() {
    for operation in operations::ALL.iter().filter(|it| !it.needs_key()) {
        assert_eq!(operation.method, Method::Get, "{}", operation.path);
        let resource = operation.path.strip_prefix(operations::BASE);
        assert!(
            matches!(
                resource,
                None | Some("/version" | "/openapi.json" | "/openapi-3.0.json")
            ),
            "{}",
            operation.path
        );
    }
}

#[test]
fn a_built_path_is_a_path_of_its_operation_alone() {
    let id = Ulid::from_string("01ARZ3NDEKTSV4RRFFQ69G5FAV").expect("canonical");
    let session = SessionId::from_ulid(id);
    let built = [
        (operations::LAUNCH_TASK, paths::launch_task()),
        (operations::GET_TASK, paths::get_task(TaskId::from_ulid(id))),
        (operations::PAUSE_SESSION, paths::pause_session(session)),
        (
            operations::WITHDRAW_PROMPT,
            paths::withdraw_prompt(session, PromptId::from_ulid(id)),
        ),
        (
            operations::LIST_BRANCHES,
            paths::list_branches(RepositoryId::from_ulid(id)),
        ),
        (
            operations::GET_AGENT_SCHEMA,
            paths::get_agent_schema("scenario.json".to_owned()),
        ),
        (operations::EXPLAIN_ERROR, ErrorKind::Conflict.type_uri()),
    ];
    for (operation, path) in built {
        assert!(operation.matches(&path), "{path}");
        assert!(!path.contains('{'), "{path}");
    }
    assert_eq!(
        paths::withdraw_prompt(session, PromptId::from_ulid(id)),
        format!("/api/v1/sessions/{id}/prompts/prompt-{id}")
    );
}

#[test]
fn an_operation_matches_whole_paths_only() {
    let session = operations::GET_SESSION;
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
fn path_segments_are_percent_encoded() {
    let path = paths::get_agent_schema("a/b ü%2F?#...json".to_owned());
    assert_eq!(
        path,
        "/api/v1/schemas/agents/a%2Fb%20%C3%BC%252F%3F%23...json"
    );
}

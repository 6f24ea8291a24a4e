//! OpenAPI links from responses to the operations that take their values. Programs use them to
//! navigate the API by its description.

use ah_rest_api_contract::operations::{self, Method, Operation};
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::Operation as Description;
use utoipa::openapi::{OpenApi as Document, RefOr};

/// A response that contains ids.
struct Source {
    /// The operation, and the status of its response.
    operation: &'static str,
    status: &'static str,
    /// The prefix of the paths that take these ids.
    paths: &'static str,
    /// The path parameters, and the runtime expressions of their values.
    parameters: &'static [(&'static str, &'static str)],
}

const SESSION: (&str, &str) = ("id", "$request.path.id");

const SOURCES: [Source; 7] = [
    Source {
        operation: "launch_task",
        status: "201",
        paths: "/api/v1/tasks/{id}",
        parameters: &[("id", "$response.body#/taskId")],
    },
    Source {
        operation: "launch_task",
        status: "201",
        paths: "/api/v1/sessions/{id}",
        parameters: &[("id", "$response.body#/session_ids/0")],
    },
    Source {
        operation: "prompt_session",
        status: "202",
        paths: "/api/v1/sessions/{id}/prompts/{promptId}",
        parameters: &[SESSION, ("promptId", "$response.body#/promptId")],
    },
    Source {
        operation: "list_permissions",
        status: "200",
        paths: "/api/v1/sessions/{id}/permissions/{requestId}",
        parameters: &[
            SESSION,
            ("requestId", "$response.body#/items/0/request/request_id"),
        ],
    },
    Source {
        operation: "create_draft",
        status: "201",
        paths: "/api/v1/drafts/{id}",
        parameters: &[("id", "$response.body#/id")],
    },
    Source {
        operation: "list_repositories",
        status: "200",
        paths: "/api/v1/repositories/{id}",
        parameters: &[("id", "$response.body#/items/0/id")],
    },
    Source {
        operation: "list_agents",
        status: "200",
        paths: "/api/v1/schemas/agents/{file}",
        parameters: &[("file", "{$response.body#/items/0/type}.json")],
    },
];

impl Source {
    /// Returns true if `route` starts with the prefix and has no other parameter.
    fn leads_to(&self, operation: &Operation) -> bool {
        let rest = operation.path.strip_prefix(self.paths);
        rest.is_some_and(|rest| !rest.contains('{') && (rest.is_empty() || rest.starts_with('/')))
    }
}

/// Adds links to each response, one for each operation that takes its ids.
pub(super) fn add(document: &mut Document) {
    for source in &SOURCES {
        let route = operations::ALL
            .iter()
            .find(|route| route.id == source.operation);
        let Some(answer) = route
            .and_then(|route| operation_of(document, route))
            .and_then(|operation| operation.responses.responses.get_mut(source.status))
        else {
            continue;
        };
        let RefOr::T(answer) = answer else { continue };
        for target in operations::ALL
            .iter()
            .filter(|route| source.leads_to(route))
        {
            let link = source.parameters.iter().fold(
                LinkBuilder::new().operation_id(target.id),
                |link, (name, place)| link.parameter(*name, *place),
            );
            let link = RefOr::T(link.build());
            answer.links.insert(target.id.to_owned(), link);
        }
    }
}

/// Returns the description of an operation in a document.
fn operation_of<'a>(
    document: &'a mut Document,
    operation: &Operation,
) -> Option<&'a mut Description> {
    let item = document.paths.paths.get_mut(operation.path)?;
    match operation.method {
        Method::Get => item.get.as_mut(),
        Method::Post => item.post.as_mut(),
        Method::Put => item.put.as_mut(),
        Method::Delete => item.delete.as_mut(),
    }
}

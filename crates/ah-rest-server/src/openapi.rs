//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use ah_rest_api_contract::routes::{self, Auth, Route};
use ah_rest_api_contract::{IdempotencyKey, Problem};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Info, License, OpenApi as Document, Ref, ResponseBuilder, Tag,
};
use utoipa::{OpenApi as _, ToSchema as _};

use crate::problem::MEDIA_TYPE;
use crate::routes::ProblemKind;

mod frames;
mod links;

pub(crate) use frames::{LogFrame, SessionFrame};

/// The types that no operation brings along itself: what all of them take and answer, and what
/// stands in paths.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(IdempotencyKey, Problem, ProblemKind)))]
struct Types;

const SCHEME: &str = "apiKey";

/// What any operation may answer besides.
const ALWAYS: [(&str, &str); 5] = [
    (
        "400",
        "The request could not be understood, or has invalid fields.",
    ),
    ("421", "The server does not go by the name in `Host`."),
    ("429", "There were too many requests."),
    ("500", "The server ran into a fault of its own."),
    (
        "503",
        "The server is starting, shutting down or overloaded.",
    ),
];
/// What an operation may answer besides that needs a key.
const KEYED: [(&str, &str); 2] = [
    ("401", "A key is required."),
    (
        "403",
        "The key's role or the server's policy does not allow this.",
    ),
];
/// What an operation may answer besides that is about one thing.
const ABOUT_ONE: [(&str, &str); 1] = [("404", "There is no such thing.")];
/// What an operation may answer besides that changes something.
const OF_STATE: [(&str, &str); 2] = [
    ("409", "The state of the resource does not allow this."),
    ("410", "The session has ended."),
];
/// What an operation may answer besides that is about a workspace.
const OF_WORKSPACE: [(&str, &str); 1] = [("409", "The session has no workspace yet.")];
/// The operations that are about a workspace.
const ABOUT_WORKSPACES: [&str; 2] = ["list_session_files", "get_session_diff"];
/// What an operation may answer besides that has a body.
const OF_BODY: [(&str, &str); 3] = [
    ("413", "The body is too large."),
    ("415", "The body is not declared to be JSON."),
    ("501", "This server cannot do this."),
];
/// What an operation may answer besides that is done once under its key.
const ONCE: [(&str, &str); 1] = [("422", "The idempotency key belongs to another request.")];

/// The routers' own document, completed with what holds for every operation.
pub(crate) fn complete(mut document: Document, version: &str) -> Document {
    document.merge(Types::openapi());
    let mut info = Info::new("Agent Harbor access point", version);
    info.description = Some(
        "Launches coding agents, steers them, and tells what they do. Every refusal is a problem \
         document (RFC 9457), whose `type` is the path of a page that says what it means."
            .to_owned(),
    );
    let mut license = License::new("Apache-2.0 OR MIT");
    license.identifier = Some("Apache-2.0 OR MIT".to_owned());
    info.license = Some(license);
    document.info = info;
    let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "Authorization",
        "`ApiKey <key>`. `X-API-Key: <key>` is taken as well.",
    )));
    document
        .components
        .get_or_insert_default()
        .security_schemes
        .insert(SCHEME.to_owned(), scheme.into());
    for route in routes::ALL {
        if let Some(operation) = operation_of(&mut document, route) {
            describe(operation, route);
        }
    }
    links::add(&mut document);
    let mut tags: Vec<&str> = routes::ALL.iter().map(|route| tag(route)).collect();
    tags.dedup();
    document.tags = Some(tags.into_iter().map(Tag::new).collect());
    document
}

fn operation_of<'a>(document: &'a mut Document, route: &Route) -> Option<&'a mut Operation> {
    let item = document.paths.paths.get_mut(route.path)?;
    match route.method {
        routes::Method::Get => item.get.as_mut(),
        routes::Method::Post => item.post.as_mut(),
        routes::Method::Put => item.put.as_mut(),
        routes::Method::Delete => item.delete.as_mut(),
    }
}

/// The resource that a route is about: the first word of its path within the API.
fn tag(route: &Route) -> &'static str {
    let within = route.path.strip_prefix(routes::BASE).unwrap_or(route.path);
    match within.split('/').find(|word| !word.is_empty()) {
        Some("health" | "ready" | "metrics" | "version") => "health",
        Some("api" | "openapi.json" | "errors") => "documentation",
        Some("repos") => "repositories",
        Some("schemas") => "agents",
        Some(word) => word,
        None => "documentation",
    }
}

fn describe(operation: &mut Operation, route: &Route) {
    operation.summary = Some(route.summary.to_owned());
    operation.tags = Some(vec![tag(route).to_owned()]);
    let mut besides = ALWAYS.to_vec();
    match route.auth {
        Auth::None => operation.security = Some(Vec::new()),
        Auth::Key => {
            let needs = SecurityRequirement::new(SCHEME, Vec::<String>::new());
            operation.security = Some(vec![needs]);
            besides.extend(KEYED);
        }
    }
    if route.path.contains('{') {
        besides.extend(ABOUT_ONE);
    }
    if ABOUT_WORKSPACES.contains(&route.operation_id) {
        besides.extend(OF_WORKSPACE);
    }
    match route.method {
        routes::Method::Get => {}
        routes::Method::Delete => besides.extend(OF_STATE),
        routes::Method::Put => besides.extend(OF_STATE.into_iter().chain(OF_BODY)),
        routes::Method::Post => {
            besides.extend(OF_STATE.into_iter().chain(OF_BODY).chain(ONCE));
            let parameters = operation.parameters.get_or_insert_default();
            parameters.push(idempotency_key().into());
        }
    }
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    for (status, description) in besides {
        let response = ResponseBuilder::new()
            .description(description)
            .content(MEDIA_TYPE, problem.clone())
            .build();
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert(response.into());
    }
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Has the request done once, however often it is sent within 24 hours.",
        ))
        .schema(Some(Ref::from_schema_name(IdempotencyKey::name())))
        .build()
}

//! The OpenAPI document: the handlers' descriptions, completed from the operations table.

use ah_rest_api_contract::operations::{self, Method, Operation};
use ah_rest_api_contract::{IdempotencyKey, Problem};
use utoipa::openapi::path::{Operation as Described, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Info, License, OpenApi as Document, Ref, ResponseBuilder, Tag,
};
use utoipa::{OpenApi as _, ToSchema as _};

use crate::api::ProblemKind;
use crate::problem::MEDIA_TYPE;

mod frames;
mod links;

pub(crate) use frames::{LogFrame, SessionFrame};

/// The types that no handler names: those of every operation, and those of path parameters.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(IdempotencyKey, Problem, ProblemKind)))]
struct Types;

const SCHEME: &str = "apiKey";

/// The errors of every operation.
const OF_ALL: [u16; 5] = [400, 421, 429, 500, 503];
/// The errors of operations that need a key.
const OF_KEYED: [u16; 2] = [401, 403];
/// The errors of operations with a resource in their path.
const OF_RESOURCE: [u16; 1] = [404];
/// The errors of operations with a body.
const OF_BODY: [u16; 3] = [413, 415, 501];
/// The errors of operations that are done once per idempotency key.
const OF_KEY: [u16; 1] = [422];

/// The description of an error.
const fn error_text(status: u16) -> &'static str {
    match status {
        400 => "The request could not be understood, or has invalid fields.",
        401 => "A key is required.",
        403 => "The key's role or the server's policy does not allow this.",
        404 => "The resource does not exist.",
        409 => "The state of the resource does not allow this.",
        410 => "The session has ended.",
        413 => "The body is too large.",
        415 => "The media type of the body is not JSON.",
        421 => "The host in `Host` is not in `server.allowed-hosts`.",
        422 => "The idempotency key belongs to another request.",
        429 => "Too many requests were sent.",
        501 => "The server does not support this.",
        503 => "The server is starting, shutting down or overloaded.",
        _ => "The server encountered an internal error.",
    }
}

/// The errors that an operation can answer with.
fn errors(operation: &Operation) -> Vec<u16> {
    let mut errors = OF_ALL.to_vec();
    if operation.needs_key() {
        errors.extend(OF_KEYED);
    }
    if !operation.parameters.is_empty() {
        errors.extend(OF_RESOURCE);
    }
    if operation.method.has_body() {
        errors.extend(OF_BODY);
    }
    if operation.method == Method::Post {
        errors.extend(OF_KEY);
    }
    errors.extend(operation.errors);
    errors
}

/// The router's document, completed with the rows of the operations table.
pub(crate) fn complete(mut document: Document, version: &str) -> Document {
    document.merge(Types::openapi());
    let mut info = Info::new("Agent Harbor access point", version);
    info.description = Some(
        "Launches and controls coding agents, and reports what they do. Every error is a problem \
         document (RFC 9457), whose `type` is the path of a page that explains it."
            .to_owned(),
    );
    let mut license = License::new("Apache-2.0 OR MIT");
    license.identifier = Some("Apache-2.0 OR MIT".to_owned());
    info.license = Some(license);
    document.info = info;
    let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "Authorization",
        "`ApiKey <key>`. `X-API-Key: <key>` is accepted as well.",
    )));
    document
        .components
        .get_or_insert_default()
        .security_schemes
        .insert(SCHEME.to_owned(), scheme.into());
    for operation in operations::ALL {
        if let Some(described) = operation_of(&mut document, operation) {
            describe(described, operation);
        }
    }
    links::add(&mut document);
    let mut tags: Vec<&str> = operations::ALL.iter().map(Operation::tag).collect();
    tags.sort_unstable();
    tags.dedup();
    document.tags = Some(tags.into_iter().map(Tag::new).collect());
    document
}

fn operation_of<'a>(
    document: &'a mut Document,
    operation: &Operation,
) -> Option<&'a mut Described> {
    let item = document.paths.paths.get_mut(operation.path)?;
    match operation.method {
        Method::Get => item.get.as_mut(),
        Method::Post => item.post.as_mut(),
        Method::Put => item.put.as_mut(),
        Method::Delete => item.delete.as_mut(),
    }
}

fn describe(described: &mut Described, operation: &Operation) {
    described.summary = Some(operation.summary.to_owned());
    described.tags = Some(vec![operation.tag().to_owned()]);
    let key = SecurityRequirement::new(SCHEME, Vec::<String>::new());
    described.security = Some(if operation.needs_key() {
        vec![key]
    } else {
        Vec::new()
    });
    if operation.method == Method::Post {
        let parameters = described.parameters.get_or_insert_default();
        parameters.push(idempotency_key().into());
    }
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    for status in errors(operation) {
        let response = ResponseBuilder::new()
            .description(error_text(status))
            .content(MEDIA_TYPE, problem.clone())
            .build();
        let responses = &mut described.responses.responses;
        responses
            .entry(status.to_string())
            .or_insert(response.into());
    }
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Carries the request out once, although it is repeated with this key within 24 hours.",
        ))
        .schema(Some(Ref::from_schema_name(IdempotencyKey::name())))
        .build()
}

//! The OpenAPI document, generated from the operations table and the schemas of the contract.

use ah_rest_api_contract::operations::{self, Operation};
use ah_rest_api_contract::*;
use serde_json::Value;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContactBuilder, Info, License, OpenApi as Document, Server, Tag};

use crate::api::ProblemKind;

mod generators;
mod links;
mod operation;
pub(crate) mod v3_0;

use operation::{Describe, SCHEMES};

/// The types that no row of the table names: those of every operation, and of one path parameter.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(IdempotencyKey, Problem, ProblemKind)))]
struct Types;

/// Adds the description of each row of the table to a document.
macro_rules! describe {
    ([$document:ident] $($group:ident { $(
        $id:ident $method:ident $path:literal ($($parameter:ident: $type:ty),*)
        $(query $query:ty as $wire:ty,)?
        $(body $body:ty,)?
        $(fields $request:ident $fields:tt,)?
        -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal,
        $result:literal;
    )* })*) => { pastey::paste! { $($(
        Describe::new(&mut $document, &operations::[<$id:upper>])
            $(.path_parameter::<$type>(stringify!($type)))*
            $(.query::<$wire>())?
            $(.body::<$body>(stringify!($body)))?
            $(.optional_body::<$request>(stringify!($request)))?
            .answer::<$answer>(stringify!($answer));
    )*)* } };
}

/// Returns the document of a server of this version.
pub(crate) fn document(version: &str) -> Document {
    let mut document = Types::openapi();
    let mut info = Info::new("Agent Harbor access point", version);
    info.description = Some(
        "Launches and controls coding agents, and reports what they do. Every error is a problem \
         document (RFC 9457), whose `type` is the path of a page that explains it."
            .to_owned(),
    );
    let mut license = License::new("Apache-2.0 OR MIT");
    license.identifier = Some("Apache-2.0 OR MIT".to_owned());
    info.license = Some(license);
    info.contact = Some(ContactBuilder::new().name(Some("Agent Harbor")).build());
    document.info = info;
    document.servers = Some(vec![Server::new("/")]);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "The key. `Authorization: ApiKey <key>` is accepted as well.",
        ));
    let header = ApiKeyValue::with_description("X-API-Key", "The key.");
    let schemes = [
        SecurityScheme::Http(bearer.build()),
        SecurityScheme::ApiKey(ApiKey::Header(header)),
    ];
    document
        .components
        .get_or_insert_default()
        .security_schemes
        .extend(std::iter::zip(
            SCHEMES.map(str::to_owned),
            schemes.map(Into::into),
        ));
    for_each_operation!(describe[document]);
    links::add(&mut document);
    let mut tags: Vec<&str> = operations::ALL.iter().map(Operation::tag).collect();
    tags.sort_unstable();
    tags.dedup();
    document.tags = Some(tags.into_iter().map(tag).collect());
    generators::adapt(&mut document);
    document
}

/// Returns a tag with its description.
fn tag(name: &str) -> Tag {
    let description = match name {
        "agents" => "The agents that tasks can name.",
        "documentation" => "The documentation of the API and its errors.",
        "drafts" => "Tasks that are not launched yet.",
        "events" => "The events of sessions.",
        "executors" => "The hosts that run sessions.",
        "health" => "The state of the server.",
        "projects" => "The projects that sessions belong to.",
        "repositories" => "The repositories that tasks worked on.",
        "runtimes" => "The runtimes that tasks can request.",
        "sessions" => "Sessions: an agent at work in its workspace.",
        "tasks" => "Tasks, which launch sessions.",
        "workspaces" => "The workspaces of sessions.",
        // A test refuses tags without a description.
        _ => "",
    };
    let mut tag = Tag::new(name);
    tag.description = Some(description.to_owned());
    tag
}

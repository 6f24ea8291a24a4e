//! The schemas of types whose JSON is not what their Rust fields say.
//!
//! All the others derive theirs where they are declared. A bound stands in a schema only where it
//! is judged, so that whatever a schema refuses is refused.

mod bodies;
mod events;
mod page;
mod tasks;
mod texts;

use serde_json::Value;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

pub(crate) use tasks::{PromptInput, RepoInput, environment, labels};

/// A text of a form.
fn text(description: &str, pattern: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .examples([example])
        .build()
}

/// A whole number from `minimum` to `maximum`.
fn integer(description: &str, minimum: u64, maximum: u64) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some(description))
        .minimum(Some(minimum as usize))
        .maximum(Some(maximum as usize))
        .build()
}

/// The number of a page.
pub(crate) enum PageNumber {}

impl PartialSchema for PageNumber {
    fn schema() -> RefOr<Schema> {
        let mut page = integer("", 1, u64::from(u32::MAX));
        // Each parameter has its own.
        page.description = None;
        RefOr::T(Schema::from(page))
    }
}

impl ToSchema for PageNumber {}

/// Paths within a workspace with commas between them; a backslash takes the character after it as
/// it is. None is empty or absolute, and no segment is `..`.
pub(crate) enum PathList {}

impl PartialSchema for PathList {
    fn schema() -> RefOr<Schema> {
        let character = r"(?:[^,\\/]|\\[^/]|\\$)";
        let segment = format!(r"(?!(?:\\?\.){{2}}(?:[,/]|\\/|$)){character}*");
        let path = format!(r"(?![/,]|\\/|$){segment}(?:\\?/{segment})*");
        let paths = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^{path}(?:,{path})*$")))
            .examples(["src/main.rs,docs/README.md"]);
        RefOr::T(Schema::from(paths))
    }
}

impl ToSchema for PathList {}

/// A size in bytes that may be absent or `null`: any `u64`, which no format of OpenAPI is.
pub(crate) fn size() -> RefOr<Schema> {
    let size = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some("Its size in bytes."))
        .minimum(Some(0_usize))
        .maximum(Some(u64::MAX as usize));
    RefOr::T(Schema::from(size))
}

/// What a schema says besides by a keyword of JSON Schema that its builder does not have. One
/// keyword: several would stand in another order each time that the document is made.
fn besides(keyword: &str, value: Value) -> Option<Extensions> {
    Some(Extensions::from_iter([(keyword, value)]))
}

/// A text that is one of `words`.
fn word<'a>(words: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
}

/// The schema that was derived for a struct with named fields.
fn object_of<T: PartialSchema>() -> Object {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object,
        // Only structs without flattened fields are asked for, and their derived schema is this.
        _ => unreachable!("the derived schema of a struct is an object"),
    }
}

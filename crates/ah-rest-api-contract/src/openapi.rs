//! Schemas of types whose JSON form differs from their Rust fields.
//!
//! All other schemas are derived at the types. A schema has a bound only where the bound is
//! validated, so that everything a schema rejects is rejected.

mod bodies;
mod events;
mod page;
mod tasks;
mod texts;

use serde_json::Value;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

pub(crate) use tasks::{PromptInput, RepoInput, environment, labels, providers};

/// A string with a pattern.
fn text(description: &str, pattern: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .examples([example])
        .build()
}

/// An integer from `minimum` to `maximum`.
fn integer(description: &str, minimum: u64, maximum: u64) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some(description))
        .minimum(Some(minimum as usize))
        .maximum(Some(maximum as usize))
        .build()
}

/// The schema of a page number.
pub(crate) enum PageNumber {}

impl PartialSchema for PageNumber {
    fn schema() -> RefOr<Schema> {
        let mut page = integer("", 1, u64::from(u32::MAX));
        // Each parameter has its own description.
        page.description = None;
        RefOr::T(Schema::from(page))
    }
}

impl ToSchema for PageNumber {}

/// The schema of comma-separated paths within a workspace; a backslash escapes the next character.
/// No path is empty or absolute, and no segment is `..`.
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

/// The schema of comma-separated labels, each `name:value`; a backslash escapes the next character.
pub(crate) enum LabelList {}

impl PartialSchema for LabelList {
    fn schema() -> RefOr<Schema> {
        let label = r"[A-Za-z0-9._/-]{1,63}:(?:[^,\\]|\\[\s\S]|\\$){0,256}";
        let labels = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^{label}(?:,{label}){{0,63}}$")))
            .examples(["team:payments,try:3"]);
        RefOr::T(Schema::from(labels))
    }
}

impl ToSchema for LabelList {}

/// Returns the schema of a size in bytes that may be absent or `null`: any `u64`, for which OpenAPI
/// has no format.
pub(crate) fn size() -> RefOr<Schema> {
    let size = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some("The size in bytes."))
        .minimum(Some(0_usize))
        .maximum(Some(u64::MAX as usize));
    RefOr::T(Schema::from(size))
}

/// Returns an extension with a JSON Schema keyword that the builders do not support. It takes one
/// keyword, because the order of several would vary between builds of the document.
fn extension(keyword: &str, value: Value) -> Option<Extensions> {
    Some(Extensions::from_iter([(keyword, value)]))
}

/// A string that is one of `words`.
fn word<'a>(words: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
}

/// Schemas with their names.
pub(crate) type NamedSchemas = Vec<(String, RefOr<Schema>)>;

/// Adds a type and its parts to the named schemas.
fn push<T: ToSchema>(schemas: &mut NamedSchemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// Returns a reference to the schema of `T`.
fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

/// Returns the derived schema of a struct with named fields.
fn object_of<T: PartialSchema>() -> Object {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object,
        // All callers pass structs without flattened fields, whose derived schema is an object.
        _ => unreachable!("the derived schema of a struct is an object"),
    }
}

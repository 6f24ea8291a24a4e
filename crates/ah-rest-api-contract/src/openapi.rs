//! The schemas of types whose JSON is not what their Rust fields say.
//!
//! All the others derive theirs where they are declared. A bound stands in a schema only where it
//! is judged, so that whatever a schema refuses is refused.

mod bodies;
mod events;
mod page;
mod texts;

use utoipa::PartialSchema;
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};

pub(crate) use bodies::{PromptInput, environment, labels};

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

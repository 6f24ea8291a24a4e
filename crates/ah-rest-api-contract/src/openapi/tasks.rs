//! Schemas of task requests with validation: prompts, repositories, labels and variables.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{NamedSchemas, extension, object_of, push, reference, word};
use crate::{ContentBlock, RepoConfig, RepoMode};

/// A text without NUL.
const WITHOUT_NUL: &str = r"^[^\u0000]*$";
/// A text without NUL and with at least one character that is no white space (Unicode's
/// `White_Space`, which differs from `\s`).
const NOT_BLANK: &str = r"^[^\u0000]*[^\u0000\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000]*$";

/// The schema of a prompt in a request that validates it.
pub(crate) enum PromptInput {}

impl PartialSchema for PromptInput {
    fn schema() -> RefOr<Schema> {
        let description =
            "The content of a prompt, as plain text or as content blocks. It must not be empty.";
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .pattern(Some(NOT_BLANK));
        let says_something = json!({"anyOf": [
            {
                "required": ["type"],
                "properties": {"type": {"enum": ["image", "audio", "resource", "resource_link"]}},
            },
            {"required": ["text"], "properties": {"text": {"pattern": NOT_BLANK}}},
        ]});
        let blocks = ArrayBuilder::new()
            .items(reference::<PromptBlock>())
            .min_items(Some(1))
            .extensions(extension("contains", says_something));
        let schema = OneOfBuilder::new()
            .description(Some(description))
            .item(text)
            .item(blocks);
        RefOr::T(Schema::from(schema))
    }
}

impl ToSchema for PromptInput {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PromptInput")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        push::<PromptBlock>(schemas);
    }
}

/// The schema of a content block in a request that validates it: an image has a URI, or data with
/// its media type.
enum PromptBlock {}

impl PartialSchema for PromptBlock {
    fn schema() -> RefOr<Schema> {
        let forms = match ContentBlock::schema() {
            RefOr::T(Schema::OneOf(blocks)) => blocks.items,
            // The derived schema of a tagged enum is a `oneOf`.
            _ => unreachable!("the derived schema of an enum is one of its forms"),
        };
        let mut schema = OneOfBuilder::new().description(Some("One block of a prompt."));
        for form in forms {
            schema = match form {
                RefOr::T(Schema::Object(mut image))
                    if image.properties.contains_key("data")
                        && !image.required.contains(&"data".to_owned()) =>
                {
                    // Generators ignore `not`, and make further types of `anyOf`.
                    let absent = json!({"type": "null"});
                    let has_neither = json!({"properties": {"uri": absent, "data": absent}});
                    let has_no_type = json!({
                        "required": ["data"],
                        "properties": {"data": {"type": "string"}, "mimeType": absent},
                    });
                    let neither = json!({"anyOf": [has_neither, has_no_type]});
                    image.extensions = extension("not", neither);
                    schema.item(image)
                }
                RefOr::T(Schema::Object(mut text)) if text.properties.contains_key("text") => {
                    if let Some(RefOr::T(Schema::Object(field))) = text.properties.get_mut("text") {
                        field.pattern = Some(WITHOUT_NUL.to_owned());
                    }
                    schema.item(text)
                }
                other => schema.item(other),
            };
        }
        RefOr::T(Schema::from(schema))
    }
}

impl ToSchema for PromptBlock {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PromptBlock")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        ContentBlock::schemas(schemas);
    }
}

/// The schema of the repository of a task: a git repository has an address.
pub(crate) enum RepoInput {}

impl PartialSchema for RepoInput {
    fn schema() -> RefOr<Schema> {
        let repo = object_of::<RepoConfig>();
        let of_mode = |mode: RepoMode| {
            let mut form = repo.clone();
            let mode: &'static str = mode.into();
            let word = word([mode]).description(Some("The kind of repository."));
            form.properties.insert("mode".to_owned(), word.into());
            form
        };
        let mut git = of_mode(RepoMode::Git);
        git.required.push("url".to_owned());
        if let Some(RefOr::T(Schema::Object(url))) = git.properties.get_mut("url") {
            url.schema_type = SchemaType::Type(Type::String);
        }
        let schema = OneOfBuilder::new()
            .description(repo.description.as_deref())
            .item(git)
            .item(of_mode(RepoMode::None))
            .item(of_mode(RepoMode::Upload));
        RefOr::T(Schema::from(schema))
    }
}

impl ToSchema for RepoInput {
    fn name() -> Cow<'static, str> {
        RepoConfig::name()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        RepoConfig::schemas(schemas);
    }
}

/// Returns the schema of a map with bounded names and values.
fn bounded_map(description: &str, names: Object, values: ObjectBuilder) -> RefOr<Schema> {
    let map = ObjectBuilder::new()
        .description(Some(description))
        .max_properties(Some(64))
        .property_names(Some(names))
        .additional_properties(Some(AdditionalProperties::from(
            values.schema_type(Type::String),
        )));
    RefOr::T(Schema::from(map))
}

fn name_of(pattern: &str, length_max: usize) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .max_length(Some(length_max))
        .build()
}

/// Returns the schema of a list of workspace providers.
pub(crate) fn providers() -> RefOr<Schema> {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(32))
        .pattern(Some("^[A-Za-z0-9-]+$"));
    let list = ArrayBuilder::new()
        .description(Some(
            "The providers, the preferred one first, such as `overlay` or `worktree`. Those that \
             the host does not have are skipped.",
        ))
        .items(name)
        .max_items(Some(16));
    RefOr::T(Schema::from(list))
}

/// Returns the schema of the labels of a task.
pub(crate) fn labels() -> RefOr<Schema> {
    let description = "Labels, as names and values, for searches.";
    let values = ObjectBuilder::new().max_length(Some(256));
    bounded_map(description, name_of("^[A-Za-z0-9._/-]+$", 63), values)
}

/// Returns the schema of the environment of a task's agents.
pub(crate) fn environment() -> RefOr<Schema> {
    let description = "Environment variables for the agent, with names that the server allows, \
                       at most 256 KiB together. Responses never contain their values.";
    let values = ObjectBuilder::new()
        .max_length(Some(32 * 1024))
        .pattern(Some(WITHOUT_NUL));
    bounded_map(
        description,
        name_of("^[A-Za-z_][A-Za-z0-9_]*$", 128),
        values,
    )
}

//! Schemas of request bodies other than tasks: content, policies, answers and drafts.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{
    Array, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::{NamedSchemas, integer, object_of, push, reference, word};
use crate::{
    AgentSelection, ContentBlock, Draft, DraftContent, DraftId, PermissionAction, PermissionAnswer,
    PermissionPolicy, PermissionRule, PromptContent, RepoConfig, RuntimeConfig, Timestamp,
};

fn blocks() -> ArrayBuilder {
    ArrayBuilder::new().items(reference::<ContentBlock>())
}

impl PartialSchema for PromptContent {
    fn schema() -> RefOr<Schema> {
        let description = "The content of a prompt: content blocks, or a plain string, which is \
                           read as one text block. It is always written as blocks.";
        let schema = OneOfBuilder::new()
            .description(Some(description))
            .item(ObjectBuilder::new().schema_type(Type::String))
            .item(blocks());
        RefOr::T(Schema::from(schema))
    }
}

impl ToSchema for PromptContent {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PromptContent")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        push::<ContentBlock>(schemas);
    }
}

impl PartialSchema for PermissionPolicy {
    fn schema() -> RefOr<Schema> {
        let default = Self::default();
        let actions = || word(["ask", "allow", "deny"]);
        let rules = ArrayBuilder::new()
            .items(reference::<PermissionRule>())
            .description(Some(
                "The rules, in order. The first matching rule decides each path of a request.",
            ))
            .max_items(Some(100));
        let on_timeout = word(["allow", "deny"])
            .description(Some(
                "The decision on a request that was not answered in time.",
            ))
            .default(Some(json!("deny")));
        let mut timeout_ms = integer(
            "The time limit for an answer in milliseconds.",
            1000,
            24 * 60 * 60 * 1000,
        );
        timeout_ms.default = Some(json!(default.timeout_ms));
        let full = ObjectBuilder::new()
            .property(
                "default",
                actions()
                    .description(Some("The decision on a request that no rule matches."))
                    .default(Some(json!("ask"))),
            )
            .property("rules", rules)
            .property("onTimeout", on_timeout)
            .property("timeoutMs", timeout_ms)
            .title(Some("Rules"))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let policy = OneOfBuilder::new()
            .description(Some(
                "A policy for permission requests. A string is a policy without rules.",
            ))
            .item(reference::<PermissionAction>())
            .item(full);
        RefOr::T(Schema::from(policy))
    }
}

impl ToSchema for PermissionPolicy {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PermissionPolicy")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        push::<PermissionAction>(schemas);
        push::<PermissionRule>(schemas);
    }
}

impl PartialSchema for PermissionAnswer {
    fn schema() -> RefOr<Schema> {
        let one_field = |title: &str, field: &str, value: ObjectBuilder| {
            ObjectBuilder::new()
                .property(field, value)
                .required(field)
                .title(Some(title))
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let option = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The id of the selected option."));
        let cancelled = word(["cancelled"]).description(Some(
            "Cancels the request: it is neither allowed nor rejected.",
        ));
        let answer = OneOfBuilder::new()
            .description(Some(
                "An answer to a permission request: one of its options, or its cancellation.",
            ))
            .examples([
                json!({"optionId": "allow"}),
                json!({"outcome": "cancelled"}),
            ])
            .item(one_field("Selected", "optionId", option))
            .item(one_field("Cancelled", "outcome", cancelled));
        RefOr::T(Schema::from(answer))
    }
}

impl ToSchema for PermissionAnswer {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PermissionAnswer")
    }
}

/// Returns the schema of a struct whose values are not validated: the derived schema, with no
/// bounds except those of the field types.
fn without_bounds<T: PartialSchema>() -> Object {
    let mut object = object_of::<T>();
    for field in object.properties.values_mut() {
        if let RefOr::T(Schema::Object(field)) = field {
            field.min_length = None;
            field.max_length = None;
            field.pattern = None;
            if field.minimum.is_some() {
                // The numbers of these structs are `u32`.
                field.minimum = Some(0_usize.into());
                field.maximum = Some((u32::MAX as usize).into());
            }
        }
    }
    object
}

/// The schema of an agent in a draft.
enum DraftAgent {}

impl PartialSchema for DraftAgent {
    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::from(without_bounds::<AgentSelection>()))
    }
}

impl ToSchema for DraftAgent {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("DraftAgent")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        AgentSelection::schemas(schemas);
    }
}

/// The schema of a repository in a draft.
enum DraftRepo {}

impl PartialSchema for DraftRepo {
    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::from(without_bounds::<RepoConfig>()))
    }
}

impl ToSchema for DraftRepo {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("DraftRepo")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        RepoConfig::schemas(schemas);
    }
}

/// Returns a schema that also allows `null`, which means absent.
fn optional(schema: impl Into<RefOr<Schema>>, description: &str) -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::from(
        OneOfBuilder::new()
            .description(Some(description))
            .item(null)
            .item(schema),
    )
}

/// Returns the content of a draft as an extensible object.
fn draft_fields() -> ObjectBuilder {
    let agents: Array = ArrayBuilder::new().items(reference::<DraftAgent>()).build();
    ObjectBuilder::new()
        .property(
            "prompt",
            optional(reference::<PromptContent>(), "The prompt for the agent."),
        )
        .property(
            "repo",
            optional(reference::<DraftRepo>(), "The repository to work on."),
        )
        .property(
            "agents",
            optional(RefOr::T(Schema::from(agents)), "The agents to run."),
        )
        .property(
            "runtime",
            optional(reference::<RuntimeConfig>(), "The runtime of the agents."),
        )
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn push_draft_parts(schemas: &mut NamedSchemas) {
    push::<PromptContent>(schemas);
    push::<RuntimeConfig>(schemas);
    push::<DraftRepo>(schemas);
    push::<DraftAgent>(schemas);
}

impl PartialSchema for DraftContent {
    fn schema() -> RefOr<Schema> {
        let content = draft_fields()
            .description(Some(
                "The content of a draft: any part of a task. It is not validated, because a draft \
                 may be incomplete.",
            ))
            .examples([json!({"prompt": "Tidy up the build", "agents": [{"type": "scenario"}]})]);
        RefOr::T(Schema::from(content))
    }
}

impl ToSchema for DraftContent {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("DraftContent")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        push_draft_parts(schemas);
    }
}

impl PartialSchema for Draft {
    fn schema() -> RefOr<Schema> {
        let moment = |description: &str| {
            let mut moment = reference::<Timestamp>();
            description.clone_into(&mut moment.description);
            moment
        };
        let draft = draft_fields()
            .description(Some("A saved draft."))
            .property("id", reference::<DraftId>())
            .property("createdAt", moment("The time of its creation."))
            .property("updatedAt", moment("The time of its last update."))
            .required("id")
            .required("createdAt")
            .required("updatedAt");
        RefOr::T(Schema::from(draft))
    }
}

impl ToSchema for Draft {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Draft")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        push::<DraftId>(schemas);
        push::<Timestamp>(schemas);
        push_draft_parts(schemas);
    }
}

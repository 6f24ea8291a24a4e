//! Schemas of request bodies other than tasks: content, policies, answers and drafts.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, SchemaType};
use utoipa::openapi::{
    Array, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::{NamedSchemas, integer, object_of, push, reference, word};
use crate::{
    AgentSelection, ContentBlock, CreateTask, Draft, DraftContent, DraftId, PermissionAction,
    PermissionAnswer, PermissionPolicy, PermissionRule, Priority, PromptContent, RepoConfig,
    RuntimeConfig, RuntimeResources, RuntimeType, Timestamp, WebhookRequest, WorkDelivery,
    WorkspaceConfig,
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
        if let RefOr::T(Schema::Array(list)) = field {
            list.max_items = None;
            if let ArrayItems::RefOrSchema(items) = &mut list.items
                && let RefOr::T(Schema::Object(item)) = &mut **items
            {
                item.min_length = None;
                item.max_length = None;
                item.pattern = None;
            }
        }
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

/// Declares the schemas of parts of a draft, which are those of the parts of a task without bounds.
macro_rules! draft_parts {
    ($($name:ident of $part:ident;)+) => {$(
        #[doc = concat!("The schema of the draft of `", stringify!($part), "`.")]
        enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::from(without_bounds::<$part>()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn schemas(schemas: &mut NamedSchemas) {
                $part::schemas(schemas);
            }
        }
    )+};
}

draft_parts! {
    DraftAgent of AgentSelection;
    DraftRepo of RepoConfig;
    DraftResources of RuntimeResources;
    DraftPermissionRule of PermissionRule;
    DraftWorkspace of WorkspaceConfig;
    DraftDelivery of WorkDelivery;
    DraftWebhook of WebhookRequest;
}

/// The schema of the runtime in a draft.
enum DraftRuntime {}

impl PartialSchema for DraftRuntime {
    fn schema() -> RefOr<Schema> {
        let mut runtime = without_bounds::<RuntimeConfig>();
        let resources = optional(
            reference::<DraftResources>(),
            "The computing resources; unlimited if absent.",
        );
        runtime
            .properties
            .insert("resources".to_owned(), RefOr::T(resources));
        RefOr::T(Schema::from(runtime))
    }
}

impl ToSchema for DraftRuntime {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("DraftRuntime")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        push::<RuntimeType>(schemas);
        push::<DraftResources>(schemas);
    }
}

/// The schema of the permission policy in a draft.
enum DraftPermissions {}

impl PartialSchema for DraftPermissions {
    fn schema() -> RefOr<Schema> {
        let rules = ArrayBuilder::new().items(reference::<DraftPermissionRule>());
        let any_number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0_usize))
            .maximum(Some(u64::MAX as usize));
        let full = ObjectBuilder::new()
            .property("default", reference::<PermissionAction>())
            .property("rules", rules)
            .property("onTimeout", reference::<PermissionAction>())
            .property("timeoutMs", any_number)
            .title(Some("Rules"))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let policy = OneOfBuilder::new()
            .description(Some("A policy for permission requests."))
            .item(reference::<PermissionAction>())
            .item(full);
        RefOr::T(Schema::from(policy))
    }
}

impl ToSchema for DraftPermissions {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("DraftPermissions")
    }

    fn schemas(schemas: &mut NamedSchemas) {
        push::<PermissionAction>(schemas);
        push::<DraftPermissionRule>(schemas);
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

/// Returns the fields of a draft: those of a task, all optional and of the same types.
fn draft_fields() -> ObjectBuilder {
    let agents: Array = ArrayBuilder::new().items(reference::<DraftAgent>()).build();
    let described = |name: &str, schema: RefOr<Schema>| -> RefOr<Schema> {
        let own: Schema = match name {
            "prompt" => optional(reference::<PromptContent>(), "The prompt for the agent."),
            "repo" => optional(reference::<DraftRepo>(), "The repository to work on."),
            "agents" => optional(RefOr::T(Schema::from(agents.clone())), "The agents to run."),
            "workspace" => optional(reference::<DraftWorkspace>(), "The workspace."),
            "runtime" => optional(reference::<DraftRuntime>(), "The runtime of the agents."),
            "delivery" => optional(reference::<DraftDelivery>(), "The delivery of the work."),
            "webhooks" => optional(
                RefOr::T(Schema::from(
                    ArrayBuilder::new()
                        .items(reference::<DraftWebhook>())
                        .build(),
                )),
                "The calls to make when events occur.",
            ),
            "priority" => optional(reference::<Priority>(), "The priority in the queue."),
            "permissions" => optional(
                reference::<DraftPermissions>(),
                "The permission policy for the agent.",
            ),
            "labels" | "env" => optional(
                RefOr::T(Schema::from(
                    ObjectBuilder::new()
                        .additional_properties(Some(AdditionalProperties::from(
                            ObjectBuilder::new().schema_type(Type::String),
                        )))
                        .build(),
                )),
                match name {
                    "labels" => "Labels, as names and values, for searches.",
                    _ => "Environment variables for the agent. They are kept as given.",
                },
            ),
            _ => match schema {
                RefOr::T(Schema::Object(field)) => return RefOr::T(nullable(field).into()),
                other => return other,
            },
        };
        RefOr::T(own)
    };
    let fields = without_bounds::<CreateTask>().properties;
    fields
        .into_iter()
        .fold(ObjectBuilder::new(), |draft, (name, schema)| {
            let schema = described(&name, schema);
            draft.property(name, schema)
        })
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// Returns a schema that also allows `null`, without a default.
fn nullable(mut field: Object) -> Object {
    field.default = None;
    if field.maximum.is_some() {
        // The numbers of a task are `u64`.
        field.maximum = Some((u64::MAX as usize).into());
    }
    if let SchemaType::Type(kind) = field.schema_type {
        field.schema_type = SchemaType::Array(vec![kind, Type::Null]);
    }
    field
}

fn push_draft_parts(schemas: &mut NamedSchemas) {
    push::<PromptContent>(schemas);
    push::<DraftPermissions>(schemas);
    push::<Priority>(schemas);
    push::<DraftRuntime>(schemas);
    push::<DraftRepo>(schemas);
    push::<DraftAgent>(schemas);
    push::<DraftWorkspace>(schemas);
    push::<DraftDelivery>(schemas);
    push::<DraftWebhook>(schemas);
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

fn text_of_prompt() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String);
    optional(
        RefOr::T(Schema::from(text.build())),
        "The text of the prompt.",
    )
}

fn is_summary() -> Schema {
    let flag = ObjectBuilder::new().schema_type(Type::Boolean);
    let flag = flag.description(Some(
        "True if this is a summary: an item of a list whose content is only the title of the draft. \
         `GET /drafts/{id}` returns the whole draft.",
    ));
    Schema::from(flag.build())
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
            .property("prompt", text_of_prompt())
            .property(
                "promptBlocks",
                optional(reference::<PromptContent>(), "The content of the prompt."),
            )
            .property("id", reference::<DraftId>())
            .property("createdAt", moment("The time of its creation."))
            .property("updatedAt", moment("The time of its last update."))
            .property("isSummary", is_summary())
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

//! Tests of the schemas of the wire types, in a document that names all of them.

mod values;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ah_rest_api_contract::*;
use jsonschema::Validator;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

/// A document that names every type that a server sends or accepts.
#[derive(OpenApi)]
#[openapi(
    paths(read, write),
    components(schemas(
        CreateTask,
        LaunchedTask,
        Task,
        PromptReceipt,
        ResumeRequest,
        PermissionAnswer,
        SessionDiff,
        DraftContent,
        BranchList,
        Problem,
        Health,
        DeepHealth,
        Version,
        IdempotencyKey,
        LogCursor,
        Role,
        Page<LogItem>,
        Page<FileEntry>,
        Page<Prompt>,
        Page<Permission>,
        Page<Draft>,
        Page<Repository>,
        Page<Agent>,
    ))
)]
struct Document;

#[utoipa::path(
    get, path = "/read/{id}",
    params(("id" = SessionId, Path), EventParams, StreamParams, SessionParams, LogParams, FileParams, DiffParams, PageParams, AllEventsParams),
    responses(
        (status = 200, description = "a stream or a page", content(
            (StreamItem = "text/event-stream"), (Page<SessionEvent> = "application/json")
        )),
        (status = 201, description = "a page", body = Page<Session>),
    )
)]
#[expect(dead_code, reason = "it is described and not called")]
fn read() {}

#[utoipa::path(
    post, path = "/write",
    request_body = Option<StopRequest>,
    responses((status = 200, description = "one object", body = PromptRequest))
)]
#[expect(dead_code, reason = "it is described and not called")]
fn write() {}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(Document::openapi()).expect("JSON"));

/// Visits every value below `value` with its path.
fn walk(value: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, value);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                walk(field, &format!("{path}/{name}"), visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
        _ => {}
    }
}

/// Disallows additional properties in every object with named fields, so that a field under an
/// unknown name is detected.
fn closed(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields
                .values_mut()
                .for_each(|field| *field = closed(field.take()));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = closed(item.take())),
        _ => {}
    }
    schema
}

/// Returns a validator for the schema called `name`.
fn validator(schemas: &Value, name: &str) -> Validator {
    let root = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": {"schemas": schemas},
    });
    jsonschema::options()
        .should_validate_formats(true)
        .build(&root)
        .expect("a schema")
}

macro_rules! validators {
    ($($function:ident => $name:literal $(, $closed:ident)?;)+) => {
        $(
            fn $function() -> &'static Validator {
                static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
                    let schemas = DOCUMENT["components"]["schemas"].clone();
                    $( let schemas = $closed(schemas); )?
                    validator(&schemas, $name)
                });
                &VALIDATOR
            }
        )+
    };
}

validators! {
    of_session => "Session", closed;
    of_event => "SessionEvent", closed;
    of_item => "StreamItem", closed;
    of_launched => "LaunchedTask", closed;
    of_draft => "Draft", closed;
    of_permission => "Permission", closed;
    of_diff => "SessionDiff", closed;
    of_file => "FileEntry", closed;
    of_prompt => "Prompt", closed;
    of_agent => "Agent", closed;
    of_problem => "Problem", closed;
    of_agents => "Page_Agent", closed;
    of_create_task => "CreateTask";
    of_prompt_request => "PromptRequest";
    of_stop => "StopRequest";
    of_resume => "ResumeRequest";
    of_answer => "PermissionAnswer";
    of_draft_content => "DraftContent";
}

fn fits(validator: &Validator, value: &impl Serialize) {
    let json = serde_json::to_value(value).expect("JSON");
    if let Err(error) = validator.validate(&json) {
        panic!("{error} at {}: {json}", error.instance_path());
    }
}

/// Deserializes and validates a body.
fn taken<T: serde::de::DeserializeOwned>(body: &Value, good: impl Fn(T) -> bool) -> Option<()> {
    let value: T = serde_json::from_value(body.clone()).ok()?;
    good(value).then_some(())
}

#[test]
fn every_referenced_schema_exists() {
    let schemas = DOCUMENT["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let mut count = 0;
    walk(&DOCUMENT, "", &mut |path, value| {
        if let Some(place) = value.get("$ref").and_then(Value::as_str) {
            let name = place.strip_prefix("#/components/schemas/").expect(place);
            assert!(schemas.contains_key(name), "{name}, of {path}");
            count += 1;
        }
    });
    assert!(count > 100, "{count}");
}

#[test]
fn the_sample_session_has_every_field() {
    let schema = &DOCUMENT["components"]["schemas"]["Session"];
    let fields = schema["properties"].as_object().expect("properties");
    let sample = serde_json::to_value(crate::shapes::session()).expect("JSON");
    for field in fields.keys() {
        assert!(sample.get(field).is_some(), "{field}");
    }
}

#[test]
fn descriptions_contain_no_rust_syntax() {
    walk(&DOCUMENT, "", &mut |path, value| {
        if let Some(description) = value.get("description").and_then(Value::as_str) {
            assert!(!description.contains("[`"), "{path}: {description}");
            assert!(!description.contains("::"), "{path}: {description}");
        }
    });
}

#[test]
fn examples_match_their_schemas_and_deserialize() {
    let schemas = &DOCUMENT["components"]["schemas"];
    let mut names = BTreeSet::new();
    for (name, schema) in schemas.as_object().expect("schemas") {
        for example in schema["examples"].as_array().into_iter().flatten() {
            fits(&validator(schemas, name), example);
            let refused = match name.as_str() {
                "CreateTask" => {
                    taken::<CreateTask>(example, |task| TaskLaunchParams::try_from(task).is_ok())
                }
                "PromptRequest" => taken::<PromptRequest>(example, |it| it.validated().is_ok()),
                "StopRequest" => taken::<StopRequest>(example, |it| it.validated().is_ok()),
                "ResumeRequest" => taken::<ResumeRequest>(example, |it| it.validated().is_ok()),
                "PermissionAnswer" => taken::<PermissionAnswer>(example, |_| true),
                "DraftContent" => taken::<DraftContent>(example, |_| true),
                _ => continue,
            }
            .is_none();
            assert!(!refused, "{name}: {example}");
            names.insert(name.as_str());
        }
    }
    assert_eq!(names.len(), 6, "every request has an example: {names:?}");
}

#[test]
fn stream_items_are_discriminated_by_type() {
    let words = |name: &str| -> BTreeSet<String> {
        let mapping = &DOCUMENT["components"]["schemas"][name]["discriminator"]["mapping"];
        mapping
            .as_object()
            .expect("a mapping")
            .keys()
            .cloned()
            .collect()
    };
    let stored: BTreeSet<String> = EventType::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(words("SessionEvent"), stored);
    let other_names = EphemeralEvent::NAMES.into_iter().chain(["gap"]);
    let all = stored
        .into_iter()
        .chain(other_names.map(str::to_owned))
        .collect();
    assert_eq!(words("StreamItem"), all);
}

#[test]
fn requests_reject_unknown_fields() {
    for name in [
        "CreateTask",
        "RepoConfig",
        "AgentSelection",
        "RuntimeConfig",
        "PromptRequest",
        "StopRequest",
        "ResumeRequest",
        "DraftContent",
        "PermissionRule",
    ] {
        let schema = &DOCUMENT["components"]["schemas"][name];
        let variants = schema["oneOf"].as_array();
        let objects = variants.map_or_else(|| vec![schema], |items| items.iter().collect());
        for object in objects {
            assert_eq!(object["additionalProperties"], json!(false), "{name}");
        }
    }
}

/// Compares the parameters of the schemas with the fields of the queries, in both directions.
#[test]
fn parameters_are_the_deserialized_fields() {
    fn check<P: utoipa::IntoParams + Default + Serialize + serde::de::DeserializeOwned>() {
        let parameters = serde_json::to_value(P::into_params(|| None)).expect("JSON");
        let parameters = parameters.as_array().expect("parameters");
        let described: Map<String, Value> = parameters
            .iter()
            .map(|parameter| {
                assert_eq!(parameter["in"], "query");
                assert_eq!(parameter["required"], false);
                assert!(parameter["description"].is_string(), "{parameter}");
                (
                    parameter["name"].as_str().expect("a name").to_owned(),
                    json!("1"),
                )
            })
            .collect();
        let read: P = serde_json::from_value(Value::Object(described.clone())).expect("all known");
        assert_eq!(
            serde_json::to_value(read).expect("JSON"),
            Value::Object(described)
        );
    }
    check::<SessionParams>();
    check::<EventParams>();
    check::<StreamParams>();
    check::<AllEventsParams>();
    check::<LogParams>();
    check::<FileParams>();
    check::<DiffParams>();
    check::<PageParams>();
}

//! The OpenAPI document matches the API.

use std::collections::BTreeSet;
use std::path::Path;

use ah_rest_api_contract::ErrorKind;
use ah_rest_api_contract::operations;
use serde_json::Value;

use crate::world::{Backend, World, on_each_backend};

fn document() -> Value {
    serde_json::from_str(&ah_rest_server::openapi_json().unwrap()).unwrap()
}

#[test]
fn description_has_exactly_the_operations_of_the_contract() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            described.insert((path.clone(), method.to_uppercase(), id));
        }
    }
    let declared: BTreeSet<_> = operations::ALL
        .iter()
        .map(|route| {
            let id = route.id.to_owned();
            (route.path.to_owned(), route.method.as_str().to_owned(), id)
        })
        .collect();
    assert_eq!(described, declared);
}

#[test]
fn every_operation_is_fully_described() {
    let document = document();
    for route in operations::ALL {
        let method = route.method.as_str().to_lowercase();
        let operation = &document["paths"][route.path][method];
        assert_eq!(operation["summary"], route.summary);
        assert!(
            !operation["responses"][route.status.to_string()].is_null(),
            "{} is not described with {}",
            route.id,
            route.status
        );
        assert_eq!(
            operation["requestBody"].is_null(),
            route.request.is_none(),
            "{}",
            route.id
        );
        for (status, response) in operation["responses"].as_object().unwrap() {
            let text = response["description"].as_str().unwrap();
            assert!(!text.is_empty(), "{} {status}", route.id);
        }
        // The metrics need a key only for clients of other hosts.
        let can_need_key = route.needs_key() || route.id == "metrics";
        assert_eq!(operation["responses"]["401"].is_null(), !can_need_key);
        let text = operation["description"].as_str().unwrap();
        assert!(text.starts_with("Needs "), "{}: {text}", route.id);
    }
}

#[test]
fn every_tag_is_described() {
    for tag in document()["tags"].as_array().unwrap() {
        let text = tag["description"].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{tag}");
    }
}

/// Generators of clients number the types of nameless variants, and take `{}` for an object without
/// fields.
#[test]
fn unions_have_named_variants_and_objects_say_what_they_hold() {
    fn walk(place: &str, schema: &Value) {
        if schema["type"] == "object" && schema["properties"].is_null() {
            assert!(!schema["additionalProperties"].is_null(), "{place}");
        }
        assert!(
            schema["default"].is_null() || place.ends_with("/properties"),
            "{place}"
        );
        match schema {
            Value::Object(fields) => {
                for (name, field) in fields {
                    walk(&format!("{place}/{name}"), field);
                }
            }
            Value::Array(items) => {
                for item in items {
                    walk(place, item);
                }
            }
            _ => {}
        }
    }
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        walk(name, schema);
        for variant in schema["oneOf"].as_array().into_iter().flatten() {
            assert!(variant["type"] != "object", "{name}: {variant}");
        }
    }
    for union in [
        "ContentBlock",
        "PromptBlock",
        "RepoConfig",
        "Installation",
        "SessionEvent",
    ] {
        assert!(schemas[union]["discriminator"].is_object(), "{union}");
    }
}

/// Generators name a type by its title, if it has one, and refuse two types of one name.
#[test]
fn no_two_schemas_have_the_same_name() {
    fn walk(value: &Value, names: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(title)) = fields.get("title") {
                    names.push(title.to_lowercase());
                }
                fields.values().for_each(|value| walk(value, names));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, names)),
            _ => {}
        }
    }
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut names: Vec<String> = schemas.keys().map(|name| name.to_lowercase()).collect();
    assert!(names.contains(&"permissionpolicyrules".to_owned()));
    walk(&document["components"], &mut names);
    walk(&document["paths"], &mut names);
    names.sort();
    let repeated: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

#[test]
fn every_reference_resolves() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                fields.values().for_each(|value| walk(value, document));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

/// `docs/openapi.json` is generated: `cargo xtask regenerate` sets `UPDATE_DOCS` to write it.
#[test]
fn committed_document_matches_the_server() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = ah_rest_server::openapi_json().unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi.json has drifted: run `cargo xtask regenerate`"
    );
}

async fn pages_load_no_external_resource(backend: Backend) {
    let world = World::new(backend);
    let server = world.server().await;
    let stranger = server.client.with_key(None);
    assert_eq!(
        stranger.get("/api/v1/openapi.json").await.json(),
        document()
    );
    let docs = stranger.get("/api/docs").await;
    assert!(docs.header("content-type").starts_with("text/html"));
    assert!(
        docs.header("content-security-policy")
            .contains("default-src 'none'")
    );
    let root = stranger.get("/").await;
    assert_eq!(root.status, 200);
    for link in ["/api/docs", "/api/v1/openapi.json", "ah --help"] {
        assert!(root.text().contains(link), "{link}");
    }
    for foreign in ["http://", "https://", "src="] {
        assert!(!docs.text().contains(foreign), "{foreign}");
        assert!(!root.text().contains(foreign), "{foreign}");
    }
    for kind in ErrorKind::ALL {
        let page = stranger.get(&kind.type_uri()).await;
        assert_eq!(page.status, 200, "{kind:?}");
        assert!(
            page.text().contains(kind.title()) || page.text().contains("&#"),
            "{kind:?}"
        );
    }
    server.end().await.unwrap();
}

on_each_backend!(pages_load_no_external_resource,);

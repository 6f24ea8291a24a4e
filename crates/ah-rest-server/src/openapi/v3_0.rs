//! The document in OpenAPI 3.0, for generators that do not read 3.1.
//!
//! It is derived from the document in 3.1. Where 3.0 has no words for a constraint, the constraint is
//! left out, so that the document accepts more than the server does.

use serde_json::{Map, Value, json};

/// The version of the standard.
const VERSION: &str = "3.0.3";

/// The keywords of JSON Schema that 3.0 does not have or that generators for 3.0 do not read.
const DROPPED: [&str; 17] = [
    "$comment",
    "$defs",
    "$schema",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "dependentRequired",
    "else",
    "if",
    "maxContains",
    "minContains",
    "not",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
];

/// The methods of a path.
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// Returns a document in 3.1 as one in 3.0.
pub(crate) fn rendering(document: &Value) -> Value {
    let mut document = document.clone();
    document["openapi"] = json!(VERSION);
    if let Some(license) = document.pointer_mut("/info/license") {
        remove(license, "identifier");
    }
    for schema in members(document.pointer_mut("/components/schemas")) {
        convert(schema);
    }
    for path in members(document.pointer_mut("/paths")) {
        for method in METHODS {
            if let Some(operation) = path.get_mut(method) {
                convert_operation(operation);
            }
        }
    }
    document
}

fn convert_operation(operation: &mut Value) {
    for parameter in items(operation.get_mut("parameters")) {
        if let Some(schema) = parameter.get_mut("schema") {
            convert(schema);
        }
    }
    convert_content(operation.pointer_mut("/requestBody/content"));
    let responses = operation.get_mut("responses");
    if let Some(Value::Object(responses)) = responses {
        // A generator for 3.0 makes one type of all successful responses.
        if responses.contains_key("200") {
            responses.remove("204");
        }
        for response in responses.values_mut() {
            convert_content(response.get_mut("content"));
            for header in members(response.get_mut("headers")) {
                if let Some(schema) = header.get_mut("schema") {
                    convert(schema);
                }
            }
        }
    }
}

fn convert_content(content: Option<&mut Value>) {
    for media_type in members(content) {
        if let Some(schema) = media_type.get_mut("schema") {
            convert(schema);
        }
    }
}

/// Converts a schema and those in it.
fn convert(schema: &mut Value) {
    let Value::Object(object) = schema else {
        // `true` is the schema of any value.
        *schema = json!({});
        return;
    };
    if let Some(reference) = object.get("$ref") {
        *schema = json!({"$ref": reference});
        return;
    }
    for keyword in DROPPED {
        object.remove(keyword);
    }
    for keyword in ["items", "additionalProperties"] {
        match object.get_mut(keyword) {
            Some(Value::Bool(_)) | None => {}
            Some(inner) => convert(inner),
        }
    }
    for property in members(object.get_mut("properties")) {
        convert(property);
    }
    if let Some(value) = object.remove("const") {
        object.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(examples)) = object.remove("examples")
        && let Some(first) = examples.into_iter().next()
    {
        object.insert("example".to_owned(), first);
    }
    for (exclusive, limit) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if let Some(Value::Number(number)) = object.get(exclusive).cloned() {
            object.insert(limit.to_owned(), number.into());
            object.insert(exclusive.to_owned(), json!(true));
        }
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        convert_union(object, keyword);
    }
    convert_type(object);
}

/// Converts the items of a union. One that may be null is `nullable`, and one with a single other
/// item is that item.
fn convert_union(object: &mut Map<String, Value>, keyword: &str) {
    let Some(Value::Array(mut variants)) = object.remove(keyword) else {
        return;
    };
    let before = variants.len();
    variants.retain(|variant| variant.get("type") != Some(&json!("null")));
    if variants.len() < before {
        object.insert("nullable".to_owned(), json!(true));
    }
    variants.iter_mut().for_each(convert);
    let keyword = if variants.len() == 1 {
        "allOf"
    } else {
        keyword
    };
    // The own words of an object take precedence over those of its only form.
    if let [Value::Object(only)] = &variants[..]
        && !only.contains_key("$ref")
    {
        for (name, value) in only {
            object.entry(name).or_insert_with(|| value.clone());
        }
        return;
    }
    object.insert(keyword.to_owned(), Value::Array(variants));
}

/// Converts a list of types to one type that may be null, or to a union.
fn convert_type(object: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = object.get("type").cloned() else {
        return;
    };
    let mut others: Vec<Value> = types.clone();
    others.retain(|name| name != "null");
    if others.len() < types.len() {
        object.insert("nullable".to_owned(), json!(true));
    }
    if let [only] = &others[..] {
        object.insert("type".to_owned(), only.clone());
    } else {
        object.remove("type");
        let variants = others.iter().map(|name| json!({"type": name})).collect();
        object.insert("anyOf".to_owned(), variants);
    }
}

fn remove(value: &mut Value, key: &str) {
    if let Value::Object(object) = value {
        object.remove(key);
    }
}

fn members(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    let object = value.and_then(Value::as_object_mut);
    object.into_iter().flat_map(|object| object.values_mut())
}

fn items(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    let array = value.and_then(Value::as_array_mut);
    array.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(mut schema: Value) -> Value {
        convert(&mut schema);
        schema
    }

    #[test]
    fn values_that_may_be_null_are_nullable() {
        assert_eq!(
            converted(json!({"type": ["string", "null"], "maxLength": 3})),
            json!({"type": "string", "nullable": true, "maxLength": 3})
        );
        assert_eq!(
            converted(json!({"oneOf": [{"type": "null"}, {"$ref": "#/a"}], "description": "A."})),
            json!({"allOf": [{"$ref": "#/a"}], "nullable": true, "description": "A."})
        );
        assert_eq!(
            converted(
                json!({"oneOf": [{"type": "null"}, {"type": "array", "items": {"const": 1}}]})
            ),
            json!({"type": "array", "nullable": true, "items": {"enum": [1]}})
        );
        assert_eq!(
            converted(json!({"type": ["integer", "string"]})),
            json!({"anyOf": [{"type": "integer"}, {"type": "string"}]})
        );
    }

    #[test]
    fn keywords_of_3_1_are_replaced_or_dropped() {
        assert_eq!(
            converted(json!({
                "type": "object",
                "properties": {"not": {"const": "x"}, "examples": {"not": {}}},
                "propertyNames": {"pattern": "a"},
                "additionalProperties": {"$ref": "#/b", "description": "B."},
                "examples": [{"a": 1}, {"a": 2}],
                "exclusiveMinimum": 3,
            })),
            json!({
                "type": "object",
                "properties": {"not": {"enum": ["x"]}, "examples": {}},
                "additionalProperties": {"$ref": "#/b"},
                "example": {"a": 1},
                "minimum": 3,
                "exclusiveMinimum": true,
            })
        );
    }

    #[test]
    fn own_document_has_no_keyword_of_3_1() {
        let document = crate::openapi::document("1");
        let rendered = rendering(&serde_json::to_value(document).unwrap());
        assert_eq!(rendered["openapi"], VERSION);
        assert!(rendered["info"]["license"].get("identifier").is_none());
        let mut schemas = rendered["components"]["schemas"].clone();
        for (name, schema) in schemas.as_object_mut().unwrap() {
            let before = schema.clone();
            convert(schema);
            assert_eq!(*schema, before, "{name} is converted twice");
            let text = schema.to_string();
            for keyword in [r#""type":["#, r#""type":"null""#, r#""const":"#] {
                assert!(!text.contains(keyword), "{name} has {keyword}: {text}");
            }
        }
        for path in rendered["paths"].as_object().unwrap().values() {
            for operation in path.as_object().unwrap().values() {
                let responses = operation["responses"].as_object().unwrap();
                let good = responses.keys().filter(|status| status.starts_with('2'));
                assert_eq!(good.count(), 1, "{operation}");
            }
        }
    }
}

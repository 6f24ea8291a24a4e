//! Faults of fields, in words about the field. The parsers' own messages name types of Rust and
//! places in the text.

use ah_rest_api_contract::{ErrorKind, FieldErrors};

use crate::problem::ApiError;

/// Names that other programs use for a field.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("content", "prompt"),
    ("cursor", "after"),
    ("instances", "count"),
    ("limit", "perPage"),
    ("message", "prompt"),
    ("option", "optionId"),
    ("pageSize", "perPage"),
    ("repository", "repo"),
    ("software", "type"),
    ("text", "prompt"),
];

/// Returns the error of an invalid value of the field at `path`. `message` is that of serde.
pub(super) fn invalid_field(path: &str, message: &str) -> ApiError {
    let message = without_place(message);
    // Both messages are about the object that contains the field.
    let of_whole = message
        .strip_prefix("unknown field `")
        .or_else(|| message.strip_prefix("missing field `"))
        .or_else(|| message.strip_prefix("duplicate field `"))
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name);
    let parent = path.trim_end_matches('?').trim_end_matches('.');
    let field = match (parent, of_whole) {
        // A document of the wrong type has no field to name.
        ("", None) => {
            let detail = format!("the request {}", predicate(message));
            return ApiError::new(ErrorKind::BadRequest, detail);
        }
        ("", Some(name)) => name.to_owned(),
        (parent, Some(name)) if !parent.ends_with(name) => format!("{parent}.{name}"),
        (parent, _) => parent.to_owned(),
    };
    FieldErrors::of(field, predicate(message)).into()
}

/// Removes the place in the text, since the name of the field says more.
fn without_place(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((words, place))
            if place
                .chars()
                .all(|c| c.is_ascii_digit() || " column".contains(c)) =>
        {
            words
        }
        _ => message,
    }
}

/// Converts a message of serde to a predicate of the field.
fn predicate(message: &str) -> String {
    if message.starts_with("missing field `") {
        return "is required".to_owned();
    }
    if message.starts_with("duplicate field `") {
        return "is given more than once".to_owned();
    }
    if let Some((name, known)) = named(message, "unknown field `") {
        return unknown_field(name, &known);
    }
    if let Some((word, known)) = named(message, "unknown variant `") {
        let words: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
        return format!("is `{word}`, but must be {}", one_of(&words));
    }
    let is_of_kind = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, wanted)) = is_of_kind.and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("must be {}, not {}", kind(wanted), value(found));
    }
    format!("is invalid: {message}")
}

/// Splits a message with the prefix into the name in it and the names that are known.
fn named<'m>(message: &'m str, prefix: &str) -> Option<(&'m str, Vec<&'m str>)> {
    let (name, rest) = message.strip_prefix(prefix)?.split_once('`')?;
    // Each known name is between two backticks.
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((name, known))
}

fn unknown_field(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "is not a known field; there are no fields here".to_owned();
    }
    if let Some(similar) = similar(name, known) {
        return format!("is not a known field; did you mean `{similar}`?");
    }
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("is not a known field; the fields are {}", names.join(", "))
}

/// Returns the known name that was probably meant.
fn similar<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let typed = plain(name);
    let find = |is_meant: &dyn Fn(&str) -> bool| known.iter().copied().find(|it| is_meant(it));
    // `project_id` for `projectId`; `agent` for `agents`; `timeout` for `timeoutMs`.
    find(&|it| plain(it) == typed)
        .or_else(|| {
            let other = OTHER_NAMES.iter().find(|(name, _)| plain(name) == typed);
            other.and_then(|(_, meant)| find(&|it| it == *meant))
        })
        .or_else(|| {
            let endings = ["s", "id", "ms", "url"];
            find(&|it| {
                let it = plain(it);
                let is_longer = |long: &str, short: &str| {
                    long.strip_prefix(short)
                        .is_some_and(|rest| endings.contains(&rest))
                };
                is_longer(&it, &typed) || is_longer(&typed, &it)
            })
        })
        .or_else(|| {
            let distance = |it: &str| strsim::osa_distance(&plain(it), &typed);
            let nearest = known.iter().copied().min_by_key(|it| distance(it))?;
            (distance(nearest) <= (typed.len() / 3).max(1)).then_some(nearest)
        })
}

fn one_of(words: &[String]) -> String {
    match words {
        [] => "another value".to_owned(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Returns the words for a type that serde expected.
fn kind(wanted: &str) -> &str {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            "a whole number"
        }
        "f32" | "f64" => "a number",
        "a sequence" | "a tuple" => "an array",
        "a map" => "an object",
        "unit" => "null",
        "variant identifier" | "string or map" => "a string",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("enum ") => "a string",
        other => other,
    }
}

/// Returns the words for a value that serde found.
fn value(found: &str) -> String {
    match found {
        "sequence" => return "an array".to_owned(),
        "map" => return "an object".to_owned(),
        "null" | "unit value" | "Option value" => return "null".to_owned(),
        _ => {}
    }
    let is_of = |name: &str| found.strip_prefix(name).map(str::trim);
    let text = is_of("string ").or_else(|| is_of("character "));
    if let Some(text) = text {
        return format!("the string {text}");
    }
    ["integer ", "floating point ", "boolean "]
        .iter()
        .find_map(|name| is_of(name))
        .unwrap_or(found)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{CreateTask, DraftContent, PromptRequest};
    use serde::de::DeserializeOwned;

    use super::*;

    /// Returns the messages about a document that `T` refuses, by field.
    fn refusal<T: DeserializeOwned>(document: &str) -> String {
        let mut json = serde_json::Deserializer::from_str(document);
        let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) else {
            panic!("accepted {document}");
        };
        let path = error.path().to_string();
        let error = invalid_field(&path, &error.into_inner().to_string());
        error.problem().detail.clone().unwrap()
    }

    fn task(fields: &str) -> String {
        refusal::<CreateTask>(&format!(
            r#"{{"prompt":"x","repo":{{"mode":"none"}},"agents":[{{"type":"scenario"}}],{fields}}}"#
        ))
    }

    #[test]
    fn near_misses_are_suggested() {
        for (fields, typed, meant) in [
            (r#""agent":{}"#, "agent", "agents"),
            (r#""message":"x""#, "message", "prompt"),
            (r#""project_id":"p""#, "project_id", "projectId"),
            (r#""timeout":1"#, "timeout", "timeoutMs"),
            (r#""webhook":[]"#, "webhook", "webhooks"),
            (r#""permission":"ask""#, "permission", "permissions"),
            (r#""interactiv":true"#, "interactiv", "interactive"),
            (r#""Labels":{}"#, "Labels", "labels"),
        ] {
            let expected = format!("`{typed}` is not a known field; did you mean `{meant}`?");
            assert_eq!(task(fields), expected);
        }
        let nested = refusal::<CreateTask>(
            r#"{"prompt":"x","repo":{"mode":"none"},"agents":[{"type":"a","instances":2}]}"#,
        );
        assert_eq!(
            nested,
            "`agents[0].instances` is not a known field; did you mean `count`?"
        );
        let message = refusal::<PromptRequest>(r#"{"message":"x"}"#);
        assert_eq!(
            message,
            "`message` is not a known field; did you mean `prompt`?"
        );
    }

    #[test]
    fn unknown_fields_are_answered_with_the_known_ones() {
        let refusal = refusal::<CreateTask>(r#"{"colour":"red"}"#);
        assert!(
            refusal.starts_with("`colour` is not a known field; the fields are `prompt`, `repo`"),
            "{refusal}"
        );
    }

    #[test]
    fn values_are_judged_in_words() {
        for (fields, expected) in [
            (
                r#""priority":"urgent""#,
                "`priority` is `urgent`, but must be `normal` or `high`",
            ),
            (
                r#""interactive":"yes""#,
                "`interactive` must be a boolean, not the string \"yes\"",
            ),
            (r#""labels":[]"#, "`labels` must be an object, not an array"),
            (r#""prompt":"y""#, "`prompt` is given more than once"),
        ] {
            assert_eq!(task(fields), expected);
        }
        assert_eq!(
            refusal::<CreateTask>(r#"{"prompt":"x","repo":{"mode":"none"}}"#),
            "`agents` is required"
        );
        assert_eq!(
            refusal::<DraftContent>("[]"),
            "the request must be an object, not an array"
        );
        assert_eq!(
            refusal::<DraftContent>(r#"{"agents":{}}"#),
            "`agents` must be an array, not an object"
        );
    }

    #[test]
    fn no_message_names_types_of_rust_or_places_in_the_text() {
        for document in [
            r#"{"prompt":1}"#,
            r#"{"prompt":null}"#,
            r#"{"repo":{"mode":1}}"#,
            r#"{"repo":"x"}"#,
            r#"{"agents":[1]}"#,
            r#"{"agents":[{"type":"a","count":-1}]}"#,
            r#"{"agents":[{"type":"a","count":1.5}]}"#,
            r#"{"agents":[{"type":"a","settings":[]}]}"#,
            r#"{"runtime":{"type":"vm"}}"#,
            r#"{"permissions":1}"#,
            r#"{"permissions":{"rules":{}}}"#,
            r#"{"timeoutMs":"1"}"#,
            r#"{"webhooks":[{"event":1}]}"#,
            "true",
        ] {
            let refusal = refusal::<CreateTask>(document);
            for word in [
                "u32", "u64", "struct", "enum", "sequence", "line 1", "variant",
            ] {
                assert!(!refusal.contains(word), "{document}: {refusal}");
            }
        }
    }
}

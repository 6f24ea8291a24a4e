//! The document of a scenario: JSON values with their places, so that an error can name the
//! original place after rules have moved a value.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use crate::{Location, ScenarioError};

/// The maximum time in a scenario: a day, in milliseconds.
const TIME_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// A value of the document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Location,
    pub(crate) kind: NodeKind,
}

/// The content of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeKind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Parses a YAML document.
    pub(crate) fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        // Only `true` and `false` are booleans, as in YAML 1.2. An option with the id `y` is a
        // text.
        let options = serde_saphyr::options! { strict_booleans: true };
        let raw: Spanned<Raw> =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| {
                ScenarioError::Syntax {
                    message: error.without_snippet().to_string(),
                }
            })?;
        Ok(raw_to_node(raw, String::new()))
    }

    /// Converts a JSON value.
    pub(crate) fn from_value(value: Value, path: String) -> Self {
        let kind = match value {
            Value::Null => NodeKind::Null,
            Value::Bool(value) => NodeKind::Bool(value),
            Value::Number(value) => NodeKind::Number(value),
            Value::String(value) => NodeKind::Text(value),
            Value::Array(values) => NodeKind::List(
                values
                    .into_iter()
                    .enumerate()
                    .map(|(index, value)| Self::from_value(value, item_path(&path, index)))
                    .collect(),
            ),
            Value::Object(values) => NodeKind::Map(
                values
                    .into_iter()
                    .map(|(key, value)| {
                        let node = Self::from_value(value, key_path(&path, &key));
                        (key, node)
                    })
                    .collect(),
            ),
        };
        let place = Location { path, line: None };
        Self { place, kind }
    }

    /// Returns the value without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Number(value) => Value::Number(value.clone()),
            NodeKind::Text(value) => Value::String(value.clone()),
            NodeKind::List(items) => items.iter().map(Self::to_value).collect(),
            NodeKind::Map(_) => Value::Object(self.to_object()),
        }
    }

    /// Returns the fields of a map without places; empty for any other value.
    pub(crate) fn to_object(&self) -> Map<String, Value> {
        match &self.kind {
            NodeKind::Map(fields) => fields
                .iter()
                .map(|(key, node)| (key.clone(), node.to_value()))
                .collect(),
            _ => Map::new(),
        }
    }

    /// Creates an error at this place.
    pub(crate) fn invalid(&self, problem: impl Into<String>) -> ScenarioError {
        ScenarioError::Invalid {
            place: self.place.clone(),
            problem: problem.into(),
        }
    }

    /// Creates an error at this place: the expected and the found value differ.
    pub(crate) fn expected(&self, what: &str) -> ScenarioError {
        self.invalid(format!("expected {what}, found {}", self.kind_in_words()))
    }

    fn kind_in_words(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(_) => "a boolean",
            NodeKind::Number(_) => "a number",
            NodeKind::Text(_) => "a text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "an object",
        }
    }

    pub(crate) fn text(&self) -> Result<&str, ScenarioError> {
        match &self.kind {
            NodeKind::Text(text) => Ok(text),
            _ => Err(self.expected("a text")),
        }
    }

    pub(crate) fn boolean(&self) -> Result<bool, ScenarioError> {
        match &self.kind {
            NodeKind::Bool(value) => Ok(*value),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    pub(crate) fn count(&self) -> Result<u64, ScenarioError> {
        match &self.kind {
            NodeKind::Number(number) => number.as_u64(),
            _ => None,
        }
        .ok_or_else(|| self.expected("a whole number from 0 up"))
    }

    /// Parses a duration in milliseconds.
    pub(crate) fn millis(&self) -> Result<Duration, ScenarioError> {
        match &self.kind {
            NodeKind::Number(number) => number.as_u64().filter(|millis| *millis <= TIME_MS_MAX),
            _ => None,
        }
        .map(Duration::from_millis)
        .ok_or_else(|| self.expected("a time in whole milliseconds, from 0 to 86400000 (a day)"))
    }

    pub(crate) fn list(&self) -> Result<&[Self], ScenarioError> {
        match &self.kind {
            NodeKind::List(items) => Ok(items),
            _ => Err(self.expected("a list")),
        }
    }

    pub(crate) fn map(&self) -> Result<&[(String, Self)], ScenarioError> {
        match &self.kind {
            NodeKind::Map(fields) => Ok(fields),
            _ => Err(self.expected("an object")),
        }
    }

    /// Returns the items of a list, or the value itself as the only item.
    pub(crate) fn one_or_more(&self) -> &[Self] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// Returns the field with this name, if this is a map with a non-null value for it.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            NodeKind::Map(fields) => fields
                .iter()
                .find(|(key, node)| key == name && node.kind != NodeKind::Null)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// Returns the field with this name, or an error.
    pub(crate) fn required(&self, name: &str) -> Result<&Self, ScenarioError> {
        self.map()?;
        self.field(name)
            .ok_or_else(|| self.invalid(format!("`{name}` is missing")))
    }

    /// Returns the text field with this name, if present.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<String>, ScenarioError> {
        self.field(name)
            .map(|node| node.text().map(str::to_owned))
            .transpose()
    }

    /// Maps a word of a closed set to its value.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ScenarioError> {
        let known = || {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            words.join(", ")
        };
        let NodeKind::Text(text) = &self.kind else {
            return Err(self.expected(&format!("one of {}", known())));
        };
        words
            .iter()
            .find(|(word, _)| word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| self.invalid(format!("expected one of {}, found `{text}`", known())))
    }
}

fn item_path(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

fn key_path(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// A YAML value from the parser, without places.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(String, Spanned<Self>)>),
}

fn raw_to_node(raw: Spanned<Raw>, path: String) -> Node {
    let line = Some(raw.referenced.line()).filter(|line| *line > 0);
    let kind = match raw.value {
        Raw::Null => NodeKind::Null,
        Raw::Bool(value) => NodeKind::Bool(value),
        Raw::Number(value) => NodeKind::Number(value),
        Raw::Text(value) => NodeKind::Text(value),
        Raw::List(items) => NodeKind::List(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| raw_to_node(item, item_path(&path, index)))
                .collect(),
        ),
        Raw::Map(fields) => NodeKind::Map(
            fields
                .into_iter()
                .map(|(key, value)| {
                    let node = raw_to_node(value, key_path(&path, &key));
                    (key, node)
                })
                .collect(),
        ),
    };
    let place = Location { path, line };
    Node { place, kind }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        Number::from_f64(value)
            .map(Raw::Number)
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        Ok(Raw::Map(map))
    }
}

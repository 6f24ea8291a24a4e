//! The keys of a configuration with their values and origins.

use toml::Value;

use super::error::Layer;

/// The separator of the items of a list.
const SEPARATOR: &str = ", ";

/// A key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The dotted key.
    pub key: String,
    /// The effective value as text; lists are separated by commas. Empty if there is none.
    pub value: String,
    /// The environment variable that sets it.
    pub variable: String,
    /// The origin of the value.
    pub layer: Layer,
}

/// Returns a value as text.
pub(super) fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .map(in_words)
            .collect::<Vec<_>>()
            .join(SEPARATOR),
        other => other.to_string(),
    }
}

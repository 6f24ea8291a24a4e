//! Symbols that the caller of a scenario defines, for use in rules and texts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// An invalid definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDefine {
    /// The name is not valid in an expression.
    #[error("`{0}` cannot be a define's name: expected letters, digits and `_`")]
    Name(String),
    /// The value is a list, an object or null.
    #[error("the define `{0}` must be a text, a number or a boolean")]
    Value(String),
}

/// Defined names and their texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defines(BTreeMap<String, String>);

impl Defines {
    /// Parses `K=V,FLAG=true`, the form of the environment variable `AH_SCENARIO_DEFINES`. A name
    /// without a value is defined as `true`.
    ///
    /// # Errors
    /// A name contains characters other than letters, digits and `_`.
    pub fn from_list(text: &str) -> Result<Self, InvalidDefine> {
        let mut defines = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').unwrap_or((part, "true"));
            defines.define(name.trim(), value.trim())?;
        }
        Ok(defines)
    }

    /// Converts the fields of a JSON object: texts, numbers and booleans.
    ///
    /// # Errors
    /// A name is invalid, or a value has another type.
    pub fn from_object(object: &Map<String, Value>) -> Result<Self, InvalidDefine> {
        let mut defines = Self::default();
        for (name, value) in object {
            match value {
                Value::String(text) => defines.define(name, text)?,
                Value::Number(number) => defines.define(name, &number.to_string())?,
                Value::Bool(flag) => defines.define(name, &flag.to_string())?,
                _ => return Err(InvalidDefine::Value(name.clone())),
            }
        }
        Ok(defines)
    }

    /// Defines `name` as `value`, replacing an earlier value.
    ///
    /// # Errors
    /// The name contains characters other than letters, digits and `_`.
    pub fn define(&mut self, name: &str, value: &str) -> Result<(), InvalidDefine> {
        if name.is_empty() || !name.chars().all(is_name_char) {
            return Err(InvalidDefine::Name(name.to_owned()));
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Returns the value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns all names with their values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Returns true if a define's name may contain the character.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_defines_each_part_and_a_bare_name_is_true() {
        let defines = Defines::from_list("SECONDS=3, FLAG , NAME=a=b,").unwrap();
        let all: Vec<_> = defines.iter().collect();
        assert_eq!(all, [("FLAG", "true"), ("NAME", "a=b"), ("SECONDS", "3")]);
    }

    #[test]
    fn name_with_other_characters_is_rejected() {
        assert_eq!(
            Defines::from_list("A-B=1").unwrap_err().to_string(),
            "`A-B` cannot be a define's name: expected letters, digits and `_`"
        );
    }

    #[test]
    fn an_object_gives_scalars_as_text_and_nothing_else() {
        let object = serde_json::json!({"n": 3, "flag": false, "text": "x"});
        let defines = Defines::from_object(object.as_object().unwrap()).unwrap();
        assert_eq!(
            (defines.get("n"), defines.get("flag"), defines.get("text")),
            (Some("3"), Some("false"), Some("x"))
        );
        let list = serde_json::json!({"n": [1]});
        assert_eq!(
            Defines::from_object(list.as_object().unwrap()),
            Err(InvalidDefine::Value("n".to_owned()))
        );
    }
}

//! Validation errors by field.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

/// Error messages by dotted field path, such as `agents[0].count`. Empty means that no field is
/// invalid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldErrors(BTreeMap<String, Vec<String>>);

impl FieldErrors {
    /// Creates an error with one message for one field.
    #[must_use]
    pub fn of(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds a message for a field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.entry(field.into()).or_default().push(message.into());
    }

    /// Returns true if there are no errors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the fields and their messages, sorted by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(field, messages)| (field.as_str(), messages.as_slice()))
    }

    /// Returns the messages of one field; empty if the field is valid.
    #[must_use]
    pub fn get(&self, field: &str) -> &[String] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// Returns `value` if there are no errors.
    ///
    /// # Errors
    /// Returns itself if there are errors.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// Adds the errors of a derived validation under the path `prefix` (empty for the root).
    pub(crate) fn absorb(&mut self, prefix: &str, errors: &ValidationErrors) {
        for (field, kind) in errors.errors() {
            // Errors of rules over a whole struct are under `__all__`; their code names the field.
            if let ("__all__", ValidationErrorsKind::Field(failures)) = (field.as_ref(), kind) {
                for failure in failures {
                    self.add(
                        join(prefix, &camel_case(&failure.code)),
                        message_of(failure),
                    );
                }
                continue;
            }
            let path = join(prefix, &camel_case(field));
            match kind {
                ValidationErrorsKind::Struct(nested) => self.absorb(&path, nested),
                ValidationErrorsKind::List(items) => {
                    for (index, nested) in items {
                        self.absorb(&format!("{path}[{index}]"), nested);
                    }
                }
                ValidationErrorsKind::Field(failures) => {
                    for failure in failures {
                        self.add(path.clone(), message_of(failure));
                    }
                }
            }
        }
    }
}

fn message_of(failure: &ValidationError) -> String {
    failure.message.as_ref().map_or_else(
        || format!("fails the rule `{}`", failure.code),
        ToString::to_string,
    )
}

fn join(prefix: &str, field: &str) -> String {
    if prefix.is_empty() {
        field.to_owned()
    } else {
        format!("{prefix}.{field}")
    }
}

/// Converts a Rust field name to its wire name: `timeout_ms` to `timeoutMs`.
fn camel_case(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut upper = false;
    for c in field.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (field, messages) in &self.0 {
            for message in messages {
                write!(f, "{}`{field}` {message}", if first { "" } else { "; " })?;
                first = false;
            }
        }
        Ok(())
    }
}

impl Error for FieldErrors {}

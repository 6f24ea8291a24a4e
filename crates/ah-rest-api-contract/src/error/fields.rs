//! What is wrong with a request, field by field.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};
use validator::{ValidationError, ValidationErrors, ValidationErrorsKind};

/// Messages by dotted field path, such as `agents[0].count`. Empty means nothing is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldErrors(BTreeMap<String, Vec<String>>);

impl FieldErrors {
    /// One message on one field.
    #[must_use]
    pub fn of(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds a message on a field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.entry(field.into()).or_default().push(message.into());
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields and their messages, by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(field, messages)| (field.as_str(), messages.as_slice()))
    }

    /// The messages on one field; none when it is fine.
    #[must_use]
    pub fn get(&self, field: &str) -> &[String] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// `value` when there is no error.
    ///
    /// # Errors
    /// Returns itself when there is one.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// Takes over what a derived validation found, below the path `prefix` (empty for the root).
    pub(crate) fn absorb(&mut self, prefix: &str, errors: &ValidationErrors) {
        for (field, kind) in errors.errors() {
            // What a rule over a whole struct found stands under `__all__`; its code is the field.
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

/// The wire spelling of a Rust field: `timeout_ms` is `timeoutMs`.
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

//! Substitution in the texts of a scenario: `{{prompt}}` and the defines.

use serde_json::{Map, Value};

use crate::Defines;

/// Substitutes `{{prompt}}` and the `{{name}}` of every define. Undefined names stay unchanged, and
/// substituted text is not substituted again.
#[must_use]
pub fn fill(text: &str, prompt: &str, defines: &Defines) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let known = after.split_once("}}").and_then(|(name, after)| {
            let value = match name.trim() {
                "prompt" => Some(prompt),
                name => defines.get(name),
            };
            Some((value?, after))
        });
        match known {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push_str("{{");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The arguments that are programs and are never substituted.
const PROGRAMS: &[&str] = &["cmd", "command", "expression", "script"];

/// Applies `fill` to every text in a tool's arguments, except for programs.
#[must_use]
pub fn fill_args(args: &Map<String, Value>, fill: impl Fn(&str) -> String) -> Map<String, Value> {
    let mut args = args.clone();
    for (name, value) in &mut args {
        if !PROGRAMS.contains(&name.as_str()) {
            fill_texts(value, &fill);
        }
    }
    args
}

/// Recursion is bounded: documents have at most 64 levels from YAML and 128 from JSON.
fn fill_texts(value: &mut Value, fill: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = fill(text),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_texts(item, fill)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| fill_texts(field, fill)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prompt_and_defines_are_substituted() {
        let defines = Defines::from_list("n=3").unwrap();
        assert_eq!(
            fill("{{n}} of {{ prompt }}, {{other}} {{", "{{n}}", &defines),
            "3 of {{n}}, {{other}} {{"
        );
    }

    proptest! {
        #[test]
        fn text_without_braces_is_unchanged(text in "[^{]{0,40}") {
            prop_assert_eq!(fill(&text, "p", &Defines::default()), text);
        }
    }
}

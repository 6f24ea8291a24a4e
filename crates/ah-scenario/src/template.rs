//! What the texts of a scenario may name: `{{prompt}}` and the defines.

use crate::Defines;

/// The text with `{{prompt}}` and `{{name}}` of every define filled in. What is not defined is
/// left as it stands, and what was filled in is not looked at again.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_prompt_and_defines_are_filled_in_and_the_rest_is_left() {
        let defines = Defines::from_list("n=3").unwrap();
        assert_eq!(
            fill("{{n}} of {{ prompt }}, {{other}} {{", "{{n}}", &defines),
            "3 of {{n}}, {{other}} {{"
        );
    }

    proptest! {
        #[test]
        fn a_text_without_braces_is_itself(text in "[^{]{0,40}") {
            prop_assert_eq!(fill(&text, "p", &Defines::default()), text);
        }
    }
}

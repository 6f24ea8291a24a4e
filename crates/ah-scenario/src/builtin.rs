//! The built-in scenarios.

/// The names of the built-in scenarios. The first is the default.
pub const BUILTIN_NAMES: &[&str] = &["demo", "permission", "edit", "long", "conversation"];

/// Returns the YAML of a built-in scenario.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static str> {
    match name {
        "demo" => Some(include_str!("../scenarios/demo.yaml")),
        "permission" => Some(include_str!("../scenarios/permission.yaml")),
        "edit" => Some(include_str!("../scenarios/edit.yaml")),
        "long" => Some(include_str!("../scenarios/long.yaml")),
        "conversation" => Some(include_str!("../scenarios/conversation.yaml")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Defines, Scenario};

    #[test]
    fn every_builtin_scenario_is_valid_and_named() {
        for name in BUILTIN_NAMES {
            let scenario = Scenario::from_yaml(builtin(name).unwrap()).unwrap();
            assert_eq!(scenario.name(), *name);
            assert!(
                !scenario
                    .resolve(&Defines::default())
                    .unwrap()
                    .steps
                    .is_empty()
            );
        }
        assert_eq!(builtin("nothing"), None);
    }
}

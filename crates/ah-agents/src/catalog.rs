//! The catalogue: which agents there are, and how a task's choice of one becomes a program to run.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    Agent, AgentCapabilities, AgentSelection, AgentType, FieldErrors, Installation,
};

use crate::scenario_agent;
use crate::{AgentProgram, DriverKind};

/// The type of the built-in agent.
const SCENARIO: &str = "scenario";

/// The agents that tasks can name.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The command that is the scenario agent, without its settings.
    scenario_command: Vec<String>,
}

impl Catalog {
    /// The agents that need nothing installed. `scenario_command` is how this program is run as the
    /// scenario agent, such as `ah agent scenario`.
    #[must_use]
    pub const fn builtin(scenario_command: Vec<String>) -> Self {
        Self { scenario_command }
    }

    /// Every agent, by type.
    #[must_use]
    pub fn list(&self) -> Vec<Agent> {
        vec![Agent {
            agent_type: AgentType::new(SCENARIO),
            driver: SCENARIO.to_owned(),
            description: "plays a scenario file with real edits and real commands; needs no model"
                .to_owned(),
            versions: vec![env!("CARGO_PKG_VERSION").to_owned()],
            installation: Installation::Installed {
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            },
            capabilities: AgentCapabilities {
                resume: false,
                steer: crate::driver::can_steer(DriverKind::Scenario),
                permissions: true,
                images: false,
                usage: true,
            },
            settings_schema_ref: format!("/api/v1/schemas/agents/{SCENARIO}.json"),
        }]
    }

    /// The program that runs what a task has chosen.
    ///
    /// # Errors
    /// Names the fields of the selection that are wrong: `type` when there is no such agent,
    /// `version` when it is not there, `model` when the agent has no use for one, and `settings.<name>` for a setting.
    pub fn resolve(&self, selection: &AgentSelection) -> Result<AgentProgram, FieldErrors> {
        let name = selection.agent_type.as_str();
        if name != SCENARIO {
            let message = format!("there is no agent `{name}`; there is `{SCENARIO}`");
            return Err(FieldErrors::of("type", message));
        }
        let mut errors = FieldErrors::default();
        let installed = env!("CARGO_PKG_VERSION");
        if let Some(version) = selection.version.as_deref().filter(|it| *it != installed) {
            let message = format!("`{name}` is here in version {installed}, not in `{version}`");
            errors.add("version", message);
        }
        if let Some(model) = &selection.model {
            let message =
                format!("`{name}` plays a scenario without a model, so not with `{model}`");
            errors.add("model", message);
        }
        if let Err(error) = scenario_agent::check(&selection.settings) {
            errors.add(format!("settings.{}", error.setting()), error.to_string());
        }
        errors.into_result(AgentProgram {
            agent_type: SCENARIO.to_owned(),
            driver: DriverKind::Scenario,
            argv: self.scenario_command.clone(),
            env: BTreeMap::new(),
            model: None,
            settings: selection.settings.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn catalog() -> Catalog {
        Catalog::builtin(vec!["ah".to_owned(), "play".to_owned()])
    }

    fn with_settings(settings: &Value) -> AgentSelection {
        AgentSelection {
            settings: settings.as_object().unwrap().clone(),
            ..AgentSelection::new(SCENARIO)
        }
    }

    #[test]
    fn every_listed_agent_resolves_as_it_comes() {
        for agent in catalog().list() {
            let mut selection = AgentSelection::new(agent.agent_type.as_str());
            assert_eq!(catalog().resolve(&selection).unwrap().argv, ["ah", "play"]);
            for version in agent.versions {
                selection.version = Some(version);
                catalog().resolve(&selection).unwrap();
            }
        }
    }

    #[test]
    fn good_settings_reach_the_program() {
        for settings in [
            json!({"scenario": "demo", "speed": 0.5, "defines": {"A": "1"}}),
            json!({"scenario": {"name": "mine", "timeline": []}}),
        ] {
            let program = catalog().resolve(&with_settings(&settings)).unwrap();
            assert_eq!(Value::Object(program.settings), settings);
        }
    }

    #[test]
    fn each_thing_that_is_wrong_names_its_field() {
        for (settings, field) in [
            (
                json!({"scenario": "nothing of the kind"}),
                "settings.scenario",
            ),
            (json!({"scenario": 7}), "settings.scenario"),
            (json!({"scenario": {"timeline": []}}), "settings.scenario"),
            (json!({"speed": "fast"}), "settings.speed"),
            (json!({"speed": -1}), "settings.speed"),
            (json!({"defines": []}), "settings.defines"),
            (json!({"colour": "red"}), "settings.colour"),
        ] {
            let errors = catalog().resolve(&with_settings(&settings)).unwrap_err();
            assert_eq!(errors.iter().count(), 1, "{settings}: {errors:?}");
            assert!(!errors.get(field).is_empty(), "{settings}: {errors:?}");
        }
        let unknown = catalog()
            .resolve(&AgentSelection::new("nobody"))
            .unwrap_err();
        assert!(unknown.get("type")[0].contains("`nobody`"));
        let modelled = AgentSelection {
            model: Some("a-model".to_owned()),
            ..AgentSelection::new(SCENARIO)
        };
        let errors = catalog().resolve(&modelled).unwrap_err();
        assert!(errors.get("model")[0].contains("`a-model`"), "{errors:?}");
        let old = AgentSelection {
            version: Some("0.0.1-old".to_owned()),
            ..AgentSelection::new(SCENARIO)
        };
        assert!(
            !catalog()
                .resolve(&old)
                .unwrap_err()
                .get("version")
                .is_empty()
        );
    }
}

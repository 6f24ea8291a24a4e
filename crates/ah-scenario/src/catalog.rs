//! The scenario agent as a catalogue lists it, and the check of a task's selection of it.

use ah_rest_api_contract::{
    Agent, AgentCapabilities, AgentSelection, AgentType, FieldErrors, Installation,
};

use crate::Settings;

/// The type of the scenario agent.
pub const AGENT_TYPE: &str = "scenario";

/// The version of the scenario agent.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the catalogue's entry of the scenario agent, which needs no installation.
#[must_use]
pub fn agent() -> Agent {
    Agent::new(
        AgentType::new(AGENT_TYPE),
        AGENT_TYPE.to_owned(),
        "plays a scenario file with real edits and commands; needs no model",
        Installation::Installed {
            version: Some(VERSION.to_owned()),
        },
        AgentCapabilities {
            resume: false,
            steer: true,
            permissions: true,
            images: false,
            usage: true,
        },
        format!("/api/v1/schemas/agents/{AGENT_TYPE}.json"),
    )
    .with_versions(vec![VERSION.to_owned()])
}

/// Checks a task's selection of the scenario agent.
///
/// # Errors
/// The invalid fields: `version` for another version, `model`, and `settings.<name>`.
pub fn check_selection(selection: &AgentSelection) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    if let Some(version) = selection.wanted_version().filter(|it| *it != VERSION) {
        let message =
            format!("is `{version}`, but the installed version of `{AGENT_TYPE}` is {VERSION}");
        errors.add("version", message);
    }
    if let Some(model) = &selection.model {
        let message = format!("is `{model}`, but `{AGENT_TYPE}` uses no model");
        errors.add("model", message);
    }
    if let Err(error) = Settings::read(&selection.settings) {
        errors.add(format!("settings.{}", error.setting()), error.to_string());
    }
    errors.into_result(())
}

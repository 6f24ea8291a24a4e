//! The agents of a mock, and their scripts.

use std::sync::Arc;

use ah_rest_api_contract::{
    Agent, AgentCapabilities, AgentSelection, AgentType, FieldErrors, Installation, SessionAgent,
    TaskManagerError, Timestamp,
};
use ah_scenario::{Defines, InvalidSettings, Script, ScriptedAgent, Settings, Speed};
use serde_json::{Map, Value};

use crate::ids::Ids;

/// The agent that plays the scenario in its settings.
const SCENARIO: &str = "scenario";

/// The agents of a mock.
#[derive(Clone, Debug)]
pub(crate) struct Agents {
    known: Vec<(Agent, ScriptSource)>,
    /// The default script.
    script: Arc<Script>,
}

/// The script of an agent.
#[derive(Clone, Debug)]
enum ScriptSource {
    /// The scenario of its task's settings, or the default script.
    Settings,
    /// Always this script; settings are ignored.
    Script(Arc<Script>),
}

impl Agents {
    /// Creates the scenario agent alone, with `script` as its default.
    pub(crate) fn playing(script: Script) -> Self {
        let capabilities = AgentCapabilities {
            resume: false,
            steer: true,
            permissions: true,
            images: false,
            usage: true,
        };
        let scenario = agent(SCENARIO, "plays the scenario of its settings", capabilities);
        Self {
            known: vec![(scenario, ScriptSource::Settings)],
            script: Arc::new(script),
        }
    }

    pub(crate) fn set_script(&mut self, script: Script) {
        self.script = Arc::new(script);
    }

    /// Adds an agent, or replaces the one with this type.
    pub(crate) fn add(&mut self, name: &str, capabilities: AgentCapabilities, script: Script) {
        let new = agent(name, "plays a script", capabilities);
        self.known
            .retain(|(known, _)| known.agent_type != new.agent_type);
        self.known
            .push((new, ScriptSource::Script(Arc::new(script))));
        self.known
            .sort_by(|(a, _), (b, _)| a.agent_type.cmp(&b.agent_type));
    }

    pub(crate) fn list(&self) -> Vec<Agent> {
        self.known.iter().map(|(agent, _)| agent.clone()).collect()
    }

    fn find(&self, agent_type: &AgentType) -> Option<&(Agent, ScriptSource)> {
        let mut known = self.known.iter();
        known.find(|(agent, _)| agent.agent_type == *agent_type)
    }

    pub(crate) fn can_steer(&self, agent_type: &AgentType) -> bool {
        self.find(agent_type)
            .is_some_and(|(agent, _)| agent.capabilities.steer)
    }

    fn version(&self, agent_type: &AgentType) -> String {
        let known = self.find(agent_type);
        known.map_or_else(String::new, |(agent, _)| agent.versions.concat())
    }

    /// Validates a task's selection.
    pub(crate) fn check(&self, selection: &AgentSelection) -> Result<(), FieldErrors> {
        let Some((agent, part)) = self.find(&selection.agent_type) else {
            let names: Vec<&str> = self
                .known
                .iter()
                .map(|(it, _)| it.agent_type.as_str())
                .collect();
            let message = format!(
                "unknown agent `{}`; available agents: {}",
                selection.agent_type,
                names.join(", ")
            );
            return Err(FieldErrors::of("type", message));
        };
        let mut errors = FieldErrors::default();
        if let Some(version) = selection.wanted_version()
            && !agent.versions.iter().any(|known| known == version)
        {
            let here = agent.versions.join(", ");
            errors.add(
                "version",
                format!("is `{version}`, but the installed version is {here}"),
            );
        }
        if let ScriptSource::Settings = part {
            if let Some(model) = &selection.model {
                let message = format!("is `{model}`, but the agent uses no model");
                errors.add("model", message);
            }
            if let Err(error) = self.read(&selection.settings) {
                errors.add(format!("settings.{}", error.setting()), error.to_string());
            }
        }
        errors.into_result(())
    }

    fn read(&self, settings: &Map<String, Value>) -> Result<Settings, InvalidSettings> {
        Settings::read_or(settings, |_| Ok(self.script.clone()))
    }

    /// Returns the script and speed of a session's agent.
    pub(crate) fn play(
        &self,
        agent: &SessionAgent,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Result<(ScriptedAgent, Speed), TaskManagerError> {
        let part = self.find(&agent.agent_type).map(|(_, part)| part);
        let (script, speed, defines) = match part {
            Some(ScriptSource::Script(script)) => {
                (script.clone(), Speed::default(), Defines::default())
            }
            // The settings were validated before.
            Some(ScriptSource::Settings) | None => match self.read(&agent.settings) {
                Ok(settings) => (settings.script, settings.speed, settings.defines),
                Err(error) => {
                    return Err(FieldErrors::of(error.setting(), error.to_string()).into());
                }
            },
        };
        let first_message = ids.next(now);
        let version = self.version(&agent.agent_type);
        let agent = ScriptedAgent::new(script, defines, version, first_message);
        Ok((agent, speed))
    }
}

fn agent(name: &str, description: &str, capabilities: AgentCapabilities) -> Agent {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Agent::new(
        AgentType::new(name),
        SCENARIO,
        description,
        Installation::Installed {
            version: Some(version.clone()),
        },
        capabilities,
        format!("/api/v1/schemas/agents/{name}.json"),
    )
    .with_versions(vec![version])
}

//! The catalogue of agents, and the translation of a task's selection into a program to run.

mod builtin;
mod configured;
mod context;
mod installation;
mod launcher;
mod profile;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use ah_rest_api_contract::{
    Agent, AgentCapabilities, AgentSelection, AgentType, FieldErrors, Installation,
};
use ah_scenario::AGENT_TYPE as SCENARIO;
use serde_json::Value;

pub use builtin::has_own_sandbox;
pub use configured::{AgentEntry, ConfiguredAgents, HomeOf, InvalidAgent};

use crate::near_miss::nearest_name;
use crate::{AgentProgram, DriverKind};
use installation::Versions;
use profile::{ModelChoice, Profile};

/// The setting of an ACP agent that selects one of its modes.
const MODE: &str = "mode";

/// The properties of this process that affect how agents run.
#[derive(Clone, Debug, Default)]
pub struct HostEnvironment {
    /// The search path for programs, in the format of `PATH`.
    pub search_path: OsString,
    /// True if agents run as root.
    pub is_root: bool,
}

/// The agents available to tasks.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The command of the scenario agent, without its settings.
    scenario_command: Vec<String>,
    profiles: Arc<BTreeMap<String, Profile>>,
    host_environment: HostEnvironment,
    versions: Arc<Versions>,
}

impl Catalog {
    /// Creates a catalogue with the scenario agent only, which needs no installation.
    /// `scenario_command` runs this program as the scenario agent, such as `ah agent scenario`.
    #[must_use]
    pub fn scripted(scenario_command: Vec<String>) -> Self {
        Self {
            scenario_command,
            profiles: Arc::default(),
            host_environment: HostEnvironment::default(),
            versions: Arc::default(),
        }
    }

    /// Creates a catalogue with the scenario agent, the built-in agents and the configured ones. A
    /// configured agent replaces a built-in one of the same type.
    #[must_use]
    pub fn new(
        scenario_command: Vec<String>,
        configured: ConfiguredAgents,
        host_environment: HostEnvironment,
    ) -> Self {
        let mut profiles: BTreeMap<String, Profile> = builtin::ALL
            .iter()
            .map(|known| (known.agent_type.to_owned(), Profile::of(known)))
            .collect();
        profiles.extend(configured.0);
        Self {
            profiles: Arc::new(profiles),
            host_environment,
            ..Self::scripted(scenario_command)
        }
    }

    /// Lists all agents: the scenario agent, then the others by type. Versions that are not known
    /// yet are missing.
    #[must_use]
    pub fn list(&self) -> Vec<Agent> {
        let others = self.profiles.iter();
        std::iter::once(ah_scenario::agent())
            .chain(others.map(|(name, profile)| self.describe(name, profile)))
            .collect()
    }

    /// Determines the missing versions by running the installed programs, one after the other, each
    /// for at most ten seconds.
    pub async fn ask_versions(&self) {
        let silent = self.profiles.values().filter_map(|profile| {
            let program = self.find(profile)?;
            let packaged =
                installation::packaged_version(&program, profile.distribution.as_deref());
            let is_agent = !launcher::starts_another(&program, &profile.command);
            (packaged.is_none() && is_agent).then_some(program)
        });
        let programs: Vec<PathBuf> = silent.collect();
        self.versions.ask(&programs).await;
    }

    /// Returns the program for a task's selection.
    ///
    /// # Errors
    /// The invalid fields of the selection: `type` for an unknown agent or a missing program,
    /// `version` for a version that is not installed, `model` if the agent does not support a
    /// choice, and `settings.<name>` for a setting.
    pub fn resolve(&self, selection: &AgentSelection) -> Result<AgentProgram, FieldErrors> {
        let name = selection.agent_type.as_str();
        if name == SCENARIO {
            return self.resolve_scenario(selection);
        }
        let Some(profile) = self.profiles.get(name) else {
            let names = std::iter::once(SCENARIO).chain(self.profiles.keys().map(String::as_str));
            let meant = nearest_name(name, names.clone())
                .map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
            let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
            let message = format!(
                "unknown agent `{name}`; {meant}available agents: {}",
                names.join(", ")
            );
            return Err(FieldErrors::of("type", message));
        };
        let Some(program) = self.find(profile) else {
            let mut message = format!("`{name}` is not installed: {}", absence(profile));
            if let Some(install) = &profile.install {
                message = format!("{message}; install it with `{install}`");
            }
            return Err(FieldErrors::of("type", message));
        };
        let mut errors = FieldErrors::default();
        if let Some(wanted) = selection.wanted_version() {
            self.check_version(name, profile, &program, wanted, &mut errors);
        }
        check_settings(name, selection, &mut errors);
        let mut found = AgentProgram {
            agent_type: name.to_owned(),
            driver: profile.driver,
            argv: profile.command.clone(),
            env: profile.env.clone(),
            inherits: context::inheritance(Some(profile)),
            home: profile.home.clone(),
            model: None,
            version: self.version(profile, &program),
            settings: selection.settings.clone(),
        };
        if self.host_environment.is_root {
            let extra_env = profile.env_as_root.clone().into_iter();
            // The user's configuration takes precedence.
            extra_env.for_each(|(name, value)| {
                found.env.entry(name).or_insert(value);
            });
        }
        match program.into_os_string().into_string() {
            Ok(path) => found.argv[..1].fill(path),
            Err(path) => {
                let message = format!("the path {} is not valid UTF-8", path.display());
                errors.add("type", message);
            }
        }
        if let Some(model) = &selection.model
            && let Err(message) = choose_model(&mut found, &profile.model, model)
        {
            errors.add("model", message);
        }
        errors.into_result(found)
    }

    fn resolve_scenario(&self, selection: &AgentSelection) -> Result<AgentProgram, FieldErrors> {
        ah_scenario::check_selection(selection)?;
        Ok(AgentProgram {
            agent_type: SCENARIO.to_owned(),
            driver: DriverKind::Scenario,
            argv: self.scenario_command.clone(),
            env: BTreeMap::new(),
            inherits: context::inheritance(None),
            home: None,
            model: None,
            version: None,
            settings: selection.settings.clone(),
        })
    }

    fn describe(&self, name: &str, profile: &Profile) -> Agent {
        let installation = match self.find(profile) {
            // A list has room only for the start of the reason.
            None => Installation::Missing {
                hint: match &profile.install {
                    Some(install) => format!("`{install}` installs it; {}", absence(profile)),
                    None => absence(profile),
                },
            },
            Some(program) => Installation::Installed {
                version: self.version(profile, &program),
            },
        };
        let versions = match &installation {
            Installation::Installed { version } => version.iter().cloned().collect(),
            _ => Vec::new(),
        };
        let capabilities = AgentCapabilities {
            steer: profile.driver.can_steer(),
            ..profile.capabilities
        };
        Agent::new(
            AgentType::new(name),
            profile.driver.as_str(),
            &profile.description,
            installation,
            capabilities,
            schema_ref(name),
        )
        .with_versions(versions)
    }

    fn find(&self, profile: &Profile) -> Option<PathBuf> {
        let program = profile.command.first()?;
        installation::find(program, &self.host_environment.search_path)
    }

    /// Returns the version of the agent; `None` if it is unknown, or if `program` only starts the
    /// agent.
    fn version(&self, profile: &Profile, program: &std::path::Path) -> Option<String> {
        if launcher::starts_another(program, &profile.command) {
            return None;
        }
        installation::packaged_version(program, profile.distribution.as_deref())
            .or_else(|| self.versions.reported(program).flatten())
    }

    fn check_version(
        &self,
        name: &str,
        profile: &Profile,
        program: &std::path::Path,
        wanted: &str,
        errors: &mut FieldErrors,
    ) {
        match self.version(profile, program) {
            Some(installed) if installed == wanted => {}
            Some(installed) => errors.add("version", other_version(name, &installed, wanted)),
            None => {
                let message = format!(
                    "is `{wanted}`, but the installed version of `{name}` is unknown; omit the \
                     version"
                );
                errors.add("version", message);
            }
        }
    }
}

fn schema_ref(name: &str) -> String {
    format!("/api/v1/schemas/agents/{name}.json")
}

fn other_version(name: &str, installed: &str, wanted: &str) -> String {
    format!("is `{wanted}`, but the installed version of `{name}` is {installed}")
}

/// Describes the missing program of an agent.
fn absence(profile: &Profile) -> String {
    let program = profile.command.first().map_or("", String::as_str);
    match program.contains('/') {
        true => format!("{program} is not executable"),
        false => format!("`{program}` was not found in PATH"),
    }
}

/// Validates the settings of an ACP agent.
fn check_settings(name: &str, selection: &AgentSelection, errors: &mut FieldErrors) {
    for (setting, value) in &selection.settings {
        let field = format!("settings.{setting}");
        if setting != MODE {
            let message = format!("is not a setting of `{name}`; the only setting is `{MODE}`");
            errors.add(field, message);
        } else if !matches!(value, Value::String(mode) if !mode.is_empty()) {
            errors.add(field, "must be the id of a mode");
        }
    }
}

/// Configures `program` to use `model`.
fn choose_model(
    program: &mut AgentProgram,
    choice: &ModelChoice,
    model: &str,
) -> Result<(), String> {
    match choice {
        ModelChoice::Protocol => program.model = Some(model.to_owned()),
        ModelChoice::Argument(_) if model.starts_with('-') => {
            return Err(format!("is `{model}`, which looks like an option"));
        }
        ModelChoice::Argument(argument) => {
            program.argv.extend([argument.clone(), model.to_owned()]);
        }
        ModelChoice::Variable(variable) => {
            program.env.insert(variable.clone(), model.to_owned());
        }
        ModelChoice::Elsewhere(words) => return Err(words.clone()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;

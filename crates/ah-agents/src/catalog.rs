//! The catalogue: which agents there are, and how a task's choice of one becomes a program to run.

mod builtin;
mod configured;
mod installation;
mod profile;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use ah_rest_api_contract::{
    Agent, AgentCapabilities, AgentSelection, AgentType, FieldErrors, Installation,
};
use serde_json::Value;

pub use configured::{AgentEntry, ConfiguredAgents, HomeOf, InvalidAgent};

use crate::scenario_agent;
use crate::{AgentProgram, DriverKind, Inheritance};
use installation::Versions;
use profile::{ModelChoice, Profile, WITHHELD};

/// The type of the scripted agent.
const SCENARIO: &str = "scenario";

/// The setting of an ACP agent that chooses one of the modes it offers.
const MODE: &str = "mode";

/// What of this process's surroundings decides how agents are run.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Where programs are looked for, as `PATH` has it.
    pub search_path: OsString,
    /// Whether agents run as root.
    pub is_root: bool,
}

/// The agents that tasks can name.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The command that is the scenario agent, without its settings.
    scenario_command: Vec<String>,
    profiles: Arc<BTreeMap<String, Profile>>,
    surroundings: Surroundings,
    versions: Arc<Versions>,
}

impl Catalog {
    /// The agent that needs nothing installed, and no other. `scenario_command` is how this program
    /// is run as the scenario agent, such as `ah agent scenario`.
    #[must_use]
    pub fn scripted(scenario_command: Vec<String>) -> Self {
        Self {
            scenario_command,
            profiles: Arc::default(),
            surroundings: Surroundings::default(),
            versions: Arc::default(),
        }
    }

    /// The scripted agent, the built-in ones, and those that were configured, which are stronger
    /// than built-in ones of the same type.
    #[must_use]
    pub fn new(
        scenario_command: Vec<String>,
        configured: ConfiguredAgents,
        surroundings: Surroundings,
    ) -> Self {
        let mut profiles: BTreeMap<String, Profile> = builtin::ALL
            .iter()
            .map(|known| (known.agent_type.to_owned(), Profile::of(known)))
            .collect();
        profiles.extend(configured.0);
        Self {
            profiles: Arc::new(profiles),
            surroundings,
            ..Self::scripted(scenario_command)
        }
    }

    /// Every agent: the scripted one, then the others by type. Their versions are those that are
    /// known by now.
    #[must_use]
    pub fn list(&self) -> Vec<Agent> {
        let others = self.profiles.iter();
        std::iter::once(scenario())
            .chain(others.map(|(name, profile)| self.describe(name, profile)))
            .collect()
    }

    /// Asks every program for its version that is here, has not told, and came with none; one after
    /// the other, each for at most ten seconds.
    pub async fn ask_versions(&self) {
        let silent = self.profiles.values().filter_map(|profile| {
            let program = self.find(profile)?;
            let packaged =
                installation::packaged_version(&program, profile.distribution.as_deref());
            packaged.is_none().then_some(program)
        });
        let programs: Vec<PathBuf> = silent.collect();
        self.versions.ask(&programs).await;
    }

    /// The program that runs what a task has chosen.
    ///
    /// # Errors
    /// Names the fields of the selection that are wrong: `type` when there is no such agent or its
    /// program is missing, `version` when it is not there, `model` when the agent has no use for
    /// one, and `settings.<name>` for a setting.
    pub fn resolve(&self, selection: &AgentSelection) -> Result<AgentProgram, FieldErrors> {
        let name = selection.agent_type.as_str();
        if name == SCENARIO {
            return self.resolve_scenario(selection);
        }
        let Some(profile) = self.profiles.get(name) else {
            let names: Vec<String> = std::iter::once(SCENARIO)
                .chain(self.profiles.keys().map(String::as_str))
                .map(|name| format!("`{name}`"))
                .collect();
            let message = format!("there is no agent `{name}`; there is {}", names.join(", "));
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
        if let Some(wanted) = &selection.version {
            self.check_version(name, profile, &program, wanted, &mut errors);
        }
        check_settings(name, selection, &mut errors);
        let mut found = AgentProgram {
            agent_type: name.to_owned(),
            driver: profile.driver,
            argv: profile.command.clone(),
            env: profile.env.clone(),
            inherits: Inheritance {
                withheld: WITHHELD.map(str::to_owned).to_vec(),
                passed: profile.passed.clone(),
            },
            home: profile.home.clone(),
            model: None,
            settings: selection.settings.clone(),
        };
        if self.surroundings.is_root {
            let besides = profile.env_as_root.clone().into_iter();
            // What the user has configured is stronger.
            besides.for_each(|(name, value)| {
                found.env.entry(name).or_insert(value);
            });
        }
        match program.into_os_string().into_string() {
            Ok(path) => found.argv[..1].fill(path),
            Err(path) => {
                let message = format!("the path {} is not UTF-8", path.display());
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
        let mut errors = FieldErrors::default();
        let installed = env!("CARGO_PKG_VERSION");
        if let Some(version) = selection.version.as_deref().filter(|it| *it != installed) {
            errors.add("version", other_version(SCENARIO, installed, version));
        }
        if let Some(model) = &selection.model {
            let message =
                format!("`{SCENARIO}` plays a scenario without a model, so not with `{model}`");
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
            inherits: Inheritance::default(),
            home: None,
            model: None,
            settings: selection.settings.clone(),
        })
    }

    fn describe(&self, name: &str, profile: &Profile) -> Agent {
        let installation = match self.find(profile) {
            // A list has room for the beginning of it.
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
            Installation::Missing { .. } => Vec::new(),
        };
        Agent {
            agent_type: AgentType::new(name),
            driver: profile.driver.as_str().to_owned(),
            description: profile.description.clone(),
            versions,
            installation,
            capabilities: AgentCapabilities {
                steer: crate::driver::can_steer(profile.driver),
                ..profile.capabilities
            },
            settings_schema_ref: schema_ref(name),
        }
    }

    fn find(&self, profile: &Profile) -> Option<PathBuf> {
        let program = profile.command.first()?;
        installation::find(program, &self.surroundings.search_path)
    }

    fn version(&self, profile: &Profile, program: &std::path::Path) -> Option<String> {
        installation::packaged_version(program, profile.distribution.as_deref())
            .or_else(|| self.versions.told(program).flatten())
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
                    "which version of `{name}` is here is not known, so it cannot be `{wanted}` \
                     for sure; leave the version out"
                );
                errors.add("version", message);
            }
        }
    }
}

/// The scripted agent.
fn scenario() -> Agent {
    Agent {
        agent_type: AgentType::new(SCENARIO),
        driver: DriverKind::Scenario.as_str().to_owned(),
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
        settings_schema_ref: schema_ref(SCENARIO),
    }
}

fn schema_ref(name: &str) -> String {
    format!("/api/v1/schemas/agents/{name}.json")
}

fn other_version(name: &str, installed: &str, wanted: &str) -> String {
    format!("`{name}` is here in version {installed}, not in `{wanted}`")
}

/// What is missing of an agent.
fn absence(profile: &Profile) -> String {
    let program = profile.command.first().map_or("", String::as_str);
    match program.contains('/') {
        true => format!("{program} is not a program"),
        false => format!("there is no program `{program}` in PATH"),
    }
}

/// The settings of an agent that is spoken to by ACP.
fn check_settings(name: &str, selection: &AgentSelection, errors: &mut FieldErrors) {
    for (setting, value) in &selection.settings {
        let field = format!("settings.{setting}");
        if setting != MODE {
            let message = format!("`{setting}` is not a setting of `{name}`: it takes `{MODE}`");
            errors.add(field, message);
        } else if !matches!(value, Value::String(mode) if !mode.is_empty()) {
            errors.add(field, format!("`{MODE}` must be the name of a mode"));
        }
    }
}

/// Has `program` use `model`.
fn choose_model(
    program: &mut AgentProgram,
    choice: &ModelChoice,
    model: &str,
) -> Result<(), String> {
    match choice {
        ModelChoice::Protocol => program.model = Some(model.to_owned()),
        ModelChoice::Argument(_) if model.starts_with('-') => {
            return Err(format!(
                "`{model}` begins like an argument, not like a model"
            ));
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

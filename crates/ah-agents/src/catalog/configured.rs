//! The configured agents: new ones, and changes to built-in ones.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use ah_rest_api_contract::AgentCapabilities;
use serde::Deserialize;

use super::profile::{ModelChoice, PROVIDERS, Profile};
use super::{SCENARIO, builtin};
use crate::{DriverKind, HomePlan};

/// The maximum number of configured agents.
const AGENTS_MAX: usize = 100;

/// The maximum length of an agent type, in bytes.
const TYPE_BYTES_MAX: usize = 64;

/// An entry of `[[agents]]`, before validation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AgentEntry {
    /// The name for tasks. The type of a built-in agent changes that agent.
    #[serde(rename = "type")]
    pub agent_type: String,
    /// The protocol: `acp`.
    pub driver: Option<String>,
    /// The command line.
    pub command: Option<Vec<String>>,
    /// A one-line description.
    pub description: Option<String>,
    /// The install command, shown if the program is missing.
    pub install: Option<String>,
    /// Environment variables to set.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Withheld variables to inherit after all.
    pub inherit_env: Option<Vec<String>>,
    /// The choice of the home.
    pub home: Option<HomeOf>,
    /// The paths of the home that belong to the session.
    pub home_own: Option<Vec<PathBuf>>,
    /// The paths within these that link to the user's.
    pub home_linked: Option<Vec<PathBuf>>,
    /// The paths within these that start as a copy of the user's.
    pub home_copied: Option<Vec<PathBuf>>,
    /// The option that precedes the model.
    pub model_argument: Option<String>,
    /// The environment variable for the model.
    pub model_variable: Option<String>,
}

/// The choice of an agent's home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HomeOf {
    /// A home per session.
    Session,
    /// The home of the user.
    User,
}

/// An invalid entry of `[[agents]]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {message}")]
pub struct InvalidAgent {
    /// The key, such as `agents[1].driver`.
    pub key: String,
    /// The problem, as a predicate.
    pub message: String,
}

/// The validated agents of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfiguredAgents(pub(super) BTreeMap<String, Profile>);

impl ConfiguredAgents {
    /// Validates the entries of `[[agents]]`, in their order.
    ///
    /// # Errors
    /// The first invalid key.
    pub fn judge(entries: &[AgentEntry]) -> Result<Self, InvalidAgent> {
        if entries.len() > AGENTS_MAX {
            return Err(InvalidAgent {
                key: "agents".to_owned(),
                message: format!("has {} entries, and {AGENTS_MAX} at most", entries.len()),
            });
        }
        let mut agents = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let wrong = |(field, message): InvalidField| InvalidAgent {
                key: format!("agents[{index}].{field}"),
                message,
            };
            let profile = entry.judge().map_err(wrong)?;
            if agents.insert(entry.agent_type.clone(), profile).is_some() {
                let message = format!(
                    "is `{}`, which an earlier entry already uses",
                    entry.agent_type
                );
                return Err(wrong(("type".to_owned(), message)));
            }
        }
        Ok(Self(agents))
    }
}

/// A field and its problem, as a predicate.
type InvalidField = (String, String);

fn fault(field: &str, message: impl Into<String>) -> InvalidField {
    (field.to_owned(), message.into())
}

impl AgentEntry {
    fn judge(&self) -> Result<Profile, InvalidField> {
        self.check_type()?;
        if let Some(driver) = self.driver.as_deref().filter(|driver| *driver != "acp") {
            return Err(fault("driver", format!("is `{driver}`, but must be `acp`")));
        }
        let known = builtin::ALL
            .iter()
            .find(|known| known.agent_type == self.agent_type);
        let mut profile = match known {
            Some(known) => Profile::of(known),
            None => self.new_profile()?,
        };
        if let Some(command) = &self.command {
            check_command(command)?;
            profile.command.clone_from(command);
            // The install command of a different program is unknown.
            profile.install = None;
            profile.distribution = None;
        }
        if let Some(description) = &self.description {
            profile.description.clone_from(description);
        }
        if let Some(install) = &self.install {
            profile.install = Some(install.clone());
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(fault(
                    &format!("env.{name}"),
                    "is not a valid environment variable",
                ));
            }
            profile.env.insert(name.clone(), value.clone());
        }
        if let Some(inherited) = &self.inherit_env {
            profile.passed.clone_from(inherited);
        }
        profile.home = self.home_plan(profile.home)?;
        match (&self.model_argument, &self.model_variable) {
            (Some(_), Some(_)) => {
                let message = "conflicts with `model-argument`; use only one of them";
                return Err(fault("model-variable", message));
            }
            (Some(argument), None) => profile.model = ModelChoice::Argument(argument.clone()),
            (None, Some(variable)) => profile.model = ModelChoice::Variable(variable.clone()),
            (None, None) => {}
        }
        Ok(profile)
    }

    fn check_type(&self) -> Result<(), InvalidField> {
        let name = self.agent_type.as_str();
        if name == SCENARIO {
            let message = format!("is `{SCENARIO}`, which is reserved for the built-in agent");
            return Err(fault("type", message));
        }
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = name.bytes().next().is_some_and(is_plain)
            && name
                .bytes()
                .all(|byte| is_plain(byte) || b"._-".contains(&byte));
        if !is_name || name.len() > TYPE_BYTES_MAX {
            let message = format!(
                "is `{name}`, but must consist of lower-case letters, digits, `.`, `_` and `-`, \
                 start with a letter or a digit, and have at most {TYPE_BYTES_MAX} characters"
            );
            return Err(fault("type", message));
        }
        Ok(())
    }

    /// Returns the profile of a new agent, with default values.
    fn new_profile(&self) -> Result<Profile, InvalidField> {
        if self.driver.is_none() {
            return Err(fault("driver", "is missing; it must be `acp`"));
        }
        if self.command.is_none() {
            return Err(fault("command", "is missing"));
        }
        Ok(Profile {
            description: "a configured agent".to_owned(),
            driver: DriverKind::Acp,
            command: Vec::new(),
            install: None,
            distribution: None,
            env: BTreeMap::new(),
            env_as_root: BTreeMap::new(),
            passed: PROVIDERS.map(str::to_owned).to_vec(),
            home: None,
            model: ModelChoice::Protocol,
            // Other capabilities are untested.
            capabilities: AgentCapabilities {
                permissions: true,
                ..AgentCapabilities::default()
            },
        })
    }

    /// Returns the home plan of the agent. `known` is the plan before this entry.
    fn home_plan(&self, known: Option<HomePlan>) -> Result<Option<HomePlan>, InvalidField> {
        let parts = [
            ("home-own", &self.home_own),
            ("home-linked", &self.home_linked),
            ("home-copied", &self.home_copied),
        ];
        let mut plan = match (self.home, known) {
            (Some(HomeOf::User), _) | (None, None) => {
                return match parts.iter().find(|(_, paths)| paths.is_some()) {
                    None => Ok(None),
                    Some((key, _)) => Err(fault(key, "requires `home = \"session\"`")),
                };
            }
            (_, Some(known)) => known,
            (Some(HomeOf::Session), None) => HomePlan::default(),
        };
        for ((key, given), place) in
            parts
                .into_iter()
                .zip([&mut plan.own, &mut plan.linked, &mut plan.copied])
        {
            let Some(paths) = given else { continue };
            if let Some(path) = paths.iter().find(|path| !is_plain(path)) {
                let message = format!(
                    "contains `{}`; use paths relative to the home, such as `.agent/auth.json`",
                    path.display()
                );
                return Err(fault(key, message));
            }
            place.clone_from(paths);
        }
        for (key, paths) in [("home-linked", &plan.linked), ("home-copied", &plan.copied)] {
            let is_own = |path: &&PathBuf| plan.own.iter().any(|own| path.starts_with(own));
            if let Some(path) = paths.iter().find(|path| !is_own(path)) {
                let message = format!(
                    "contains `{}`, which is not within `home-own`",
                    path.display()
                );
                return Err(fault(key, message));
            }
        }
        let is_own = |path: &PathBuf| plan.own.contains(path);
        plan.variables.retain(|_, path| is_own(path));
        Ok(Some(plan))
    }
}

fn check_command(command: &[String]) -> Result<(), InvalidField> {
    let Some(program) = command.first().filter(|program| !program.is_empty()) else {
        return Err(fault("command", "is empty"));
    };
    if command.iter().any(|word| word.contains('\0')) {
        return Err(fault("command", "contains a NUL byte"));
    }
    if program.contains('/') && !program.starts_with('/') {
        let message = format!(
            "starts with `{program}`, but must start with an absolute path or a name in PATH"
        );
        return Err(fault("command", message));
    }
    Ok(())
}

/// Returns true for a relative path of plain names, which stays below its parent.
fn is_plain(path: &Path) -> bool {
    path.components().next().is_some()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests;

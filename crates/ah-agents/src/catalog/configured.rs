//! The agents of the configuration: new ones, and changes to built-in ones.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use ah_rest_api_contract::AgentCapabilities;
use serde::Deserialize;

use super::profile::{ModelChoice, PROVIDERS, Profile};
use super::{SCENARIO, builtin};
use crate::{DriverKind, HomePlan};

/// How many agents a configuration may have.
const AGENTS_MAX: usize = 100;

/// How long the type of an agent may be, in bytes.
const TYPE_BYTES_MAX: usize = 64;

/// An entry of `[[agents]]`, as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AgentEntry {
    /// What a task names it by. That of a built-in agent changes what is given here of it.
    #[serde(rename = "type")]
    pub agent_type: String,
    /// How it is spoken to: `acp`.
    pub driver: Option<String>,
    /// Its command line.
    pub command: Option<Vec<String>>,
    /// What it is, in a line.
    pub description: Option<String>,
    /// How it is installed, as a command line to show where it is missing.
    pub install: Option<String>,
    /// What its environment always has.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What it inherits of the variables that belong to agents and providers of models.
    pub inherit_env: Option<Vec<String>>,
    /// Whose home it lives in.
    pub home: Option<HomeOf>,
    /// What each session has of its own in its home.
    pub home_own: Option<Vec<PathBuf>>,
    /// What of that is a link to the user's.
    pub home_linked: Option<Vec<PathBuf>>,
    /// What of that begins as a copy of the user's.
    pub home_copied: Option<Vec<PathBuf>>,
    /// The argument that its model comes after.
    pub model_argument: Option<String>,
    /// The variable that names its model.
    pub model_variable: Option<String>,
}

/// Whose home an agent lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HomeOf {
    /// One of its session's own.
    Session,
    /// The user's.
    User,
}

/// What is wrong with an entry of `[[agents]]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {message}")]
pub struct InvalidAgent {
    /// The key, such as `agents[1].driver`.
    pub key: String,
    /// What is wrong with it, as the end of a sentence.
    pub message: String,
}

/// The agents of a configuration, each found good.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfiguredAgents(pub(super) BTreeMap<String, Profile>);

impl ConfiguredAgents {
    /// Judges the entries of `[[agents]]`, in their order.
    ///
    /// # Errors
    /// Names the key at fault.
    pub fn judge(entries: &[AgentEntry]) -> Result<Self, InvalidAgent> {
        if entries.len() > AGENTS_MAX {
            return Err(InvalidAgent {
                key: "agents".to_owned(),
                message: format!("has {} entries, and {AGENTS_MAX} at most", entries.len()),
            });
        }
        let mut agents = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let wrong = |(field, message): Fault| InvalidAgent {
                key: format!("agents[{index}].{field}"),
                message,
            };
            let profile = entry.judge().map_err(wrong)?;
            if agents.insert(entry.agent_type.clone(), profile).is_some() {
                let message = format!("is `{}`, as that of an entry before it", entry.agent_type);
                return Err(wrong(("type".to_owned(), message)));
            }
        }
        Ok(Self(agents))
    }
}

/// A field, and what is wrong with it as the end of a sentence.
type Fault = (String, String);

fn fault(field: &str, message: impl Into<String>) -> Fault {
    (field.to_owned(), message.into())
}

impl AgentEntry {
    fn judge(&self) -> Result<Profile, Fault> {
        self.check_type()?;
        if let Some(driver) = self.driver.as_deref().filter(|driver| *driver != "acp") {
            return Err(fault("driver", format!("is `{driver}`, and must be `acp`")));
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
            // How the program of another command is installed only its user knows.
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
                return Err(fault(&format!("env.{name}"), "cannot be in an environment"));
            }
            profile.env.insert(name.clone(), value.clone());
        }
        if let Some(inherited) = &self.inherit_env {
            profile.passed.clone_from(inherited);
        }
        profile.home = self.home_plan(profile.home)?;
        match (&self.model_argument, &self.model_variable) {
            (Some(_), Some(_)) => {
                let message = "is given together with `model-argument`; one of them is enough";
                return Err(fault("model-variable", message));
            }
            (Some(argument), None) => profile.model = ModelChoice::Argument(argument.clone()),
            (None, Some(variable)) => profile.model = ModelChoice::Variable(variable.clone()),
            (None, None) => {}
        }
        Ok(profile)
    }

    fn check_type(&self) -> Result<(), Fault> {
        let name = self.agent_type.as_str();
        if name == SCENARIO {
            let message = format!("is `{SCENARIO}`, which is part of the program; take another");
            return Err(fault("type", message));
        }
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = name.bytes().next().is_some_and(is_plain)
            && name
                .bytes()
                .all(|byte| is_plain(byte) || b"._-".contains(&byte));
        if !is_name || name.len() > TYPE_BYTES_MAX {
            let message = format!(
                "is `{name}`, and must be of lower-case letters, digits, `.`, `_` and `-`, begin \
                 with a letter or a digit, and have {TYPE_BYTES_MAX} characters at most"
            );
            return Err(fault("type", message));
        }
        Ok(())
    }

    /// The profile of an agent that is not built in, as far as nothing is said of it.
    fn new_profile(&self) -> Result<Profile, Fault> {
        if self.driver.is_none() {
            return Err(fault("driver", "is missing; it must be `acp`"));
        }
        if self.command.is_none() {
            return Err(fault("command", "is missing: how is the agent started?"));
        }
        Ok(Profile {
            description: "an agent of the configuration".to_owned(),
            driver: DriverKind::Acp,
            command: Vec::new(),
            install: None,
            distribution: None,
            env: BTreeMap::new(),
            env_as_root: BTreeMap::new(),
            passed: PROVIDERS.map(str::to_owned).to_vec(),
            home: None,
            model: ModelChoice::Protocol,
            // Nobody has tried what else it can do.
            capabilities: AgentCapabilities {
                permissions: true,
                ..AgentCapabilities::default()
            },
        })
    }

    /// The home of the agent, where the profile without this entry has `known`.
    fn home_plan(&self, known: Option<HomePlan>) -> Result<Option<HomePlan>, Fault> {
        let parts = [
            ("home-own", &self.home_own),
            ("home-linked", &self.home_linked),
            ("home-copied", &self.home_copied),
        ];
        let mut plan = match (self.home, known) {
            (Some(HomeOf::User), _) | (None, None) => {
                return match parts.iter().find(|(_, paths)| paths.is_some()) {
                    None => Ok(None),
                    Some((key, _)) => Err(fault(key, "is for `home = \"session\"`")),
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
                    "has `{}`, and takes paths in the home, such as `.agent/auth.json`",
                    path.display()
                );
                return Err(fault(key, message));
            }
            place.clone_from(paths);
        }
        for (key, paths) in [("home-linked", &plan.linked), ("home-copied", &plan.copied)] {
            let is_own = |path: &&PathBuf| plan.own.iter().any(|own| path.starts_with(own));
            if let Some(path) = paths.iter().find(|path| !is_own(path)) {
                let message = format!("has `{}`, which is in none of `home-own`", path.display());
                return Err(fault(key, message));
            }
        }
        let is_own = |path: &PathBuf| plan.own.contains(path);
        plan.variables.retain(|_, path| is_own(path));
        Ok(Some(plan))
    }
}

fn check_command(command: &[String]) -> Result<(), Fault> {
    let Some(program) = command.first().filter(|program| !program.is_empty()) else {
        return Err(fault("command", "is empty"));
    };
    if command.iter().any(|word| word.contains('\0')) {
        return Err(fault("command", "has a NUL in it"));
    }
    if program.contains('/') && !program.starts_with('/') {
        let message = format!(
            "begins with `{program}`, and must begin with an absolute path or a name in PATH"
        );
        return Err(fault("command", message));
    }
    Ok(())
}

/// Whether a path is one of plain names, below whatever it is joined to.
fn is_plain(path: &Path) -> bool {
    path.components().next().is_some()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests;

//! The profile of an agent: how to find, start and isolate its program.

use std::collections::BTreeMap;

use ah_rest_api_contract::AgentCapabilities;

use super::builtin::{Builtin, Model};
use crate::{DriverKind, HomePlan};

/// The variables of agents and model providers. An agent inherits only those that its profile
/// passes. Otherwise it could see the keys of another agent, believe that it runs inside another
/// one, or be configured to skip permission requests.
pub(super) const WITHHELD: [&str; 15] = [
    "AH_API_KEY",
    "ANTHROPIC_*",
    "CLAUDE*",
    "CODEX_*",
    "COPILOT_*",
    "DASHSCOPE_*",
    "GEMINI_*",
    "KIMI_*",
    "LLM_*",
    "MISTRAL_*",
    "MOONSHOT_*",
    "OPENAI_*",
    "OPENCODE*",
    "QWEN_*",
    "VIBE_*",
];

/// The subset with the addresses and keys of models, for agents that support any provider.
pub(super) const PROVIDERS: [&str; 7] = [
    "ANTHROPIC_*",
    "DASHSCOPE_*",
    "GEMINI_API_KEY",
    "LLM_*",
    "MISTRAL_*",
    "MOONSHOT_*",
    "OPENAI_*",
];

/// The way to select an agent's model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModelChoice {
    /// With this option, followed by the model.
    Argument(String),
    /// With this environment variable.
    Variable(String),
    /// Through the protocol.
    Protocol,
    /// Not supported; a description of the user's alternative.
    Elsewhere(String),
}

/// The profile of an agent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile {
    /// A one-line description.
    pub(super) description: String,
    /// The protocol driver.
    pub(super) driver: DriverKind,
    /// The command line. The first word is a path, or a name in `PATH`.
    pub(super) command: Vec<String>,
    /// The install command, if known.
    pub(super) install: Option<String>,
    /// The Python distribution that contains it, if any.
    pub(super) distribution: Option<String>,
    /// Environment variables to set.
    pub(super) env: BTreeMap<String, String>,
    /// Additional environment variables when running as root.
    pub(super) env_as_root: BTreeMap<String, String>,
    /// The patterns of [`WITHHELD`] that it inherits after all.
    pub(super) passed: Vec<String>,
    /// The plan of the session's own home; `None` if it uses the user's.
    pub(super) home: Option<HomePlan>,
    /// The way to select its model.
    pub(super) model: ModelChoice,
    /// Its capabilities. The driver determines whether steering is supported.
    pub(super) capabilities: AgentCapabilities,
}

impl From<Model> for ModelChoice {
    fn from(model: Model) -> Self {
        match model {
            Model::Argument(name) => Self::Argument(name.to_owned()),
            Model::Variable(name) => Self::Variable(name.to_owned()),
            Model::Protocol => Self::Protocol,
            Model::Elsewhere(words) => Self::Elsewhere(words.to_owned()),
        }
    }
}

impl Profile {
    /// Returns the profile of a built-in agent.
    pub(super) fn of(builtin: &Builtin) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let pairs = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            owned.collect()
        };
        let paths = |paths: &[&str]| paths.iter().map(Into::into).collect();
        let home = &builtin.home;
        Self {
            description: builtin.description.to_owned(),
            driver: DriverKind::Acp,
            command: owned(builtin.command),
            install: Some(builtin.install.to_owned()),
            distribution: builtin.distribution.map(str::to_owned),
            env: pairs(builtin.env),
            env_as_root: pairs(builtin.env_as_root),
            passed: owned(builtin.passed),
            home: Some(HomePlan {
                own: paths(home.own),
                linked: paths(home.linked),
                renewed: paths(home.renewed),
                copied: paths(home.copied),
                variables: home
                    .variables
                    .iter()
                    .map(|(name, path)| ((*name).to_owned(), path.into()))
                    .collect(),
                unmoved: home
                    .unmoved
                    .iter()
                    .map(|(path, unmoved)| (path.into(), unmoved.into()))
                    .collect(),
            }),
            model: builtin.model.into(),
            capabilities: builtin.capabilities,
        }
    }
}

//! What is known of an agent: how its program is found, started, and kept apart from others.

use std::collections::BTreeMap;

use ah_rest_api_contract::AgentCapabilities;

use super::builtin::Builtin;
use crate::{DriverKind, HomePlan};

/// The variables that belong to agents and to those who serve their models. An agent inherits those
/// its profile passes, so that none sees the keys of another, takes itself to run within another, or
/// is told by one to ask nobody for leave.
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

/// Of these, what says where models are and with which key: for agents that can speak to any.
pub(super) const PROVIDERS: [&str; 7] = [
    "ANTHROPIC_*",
    "DASHSCOPE_*",
    "GEMINI_API_KEY",
    "LLM_*",
    "MISTRAL_*",
    "MOONSHOT_*",
    "OPENAI_*",
];

/// How an agent is told which model to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModelChoice {
    /// By this argument, with the model after it.
    Argument(String),
    /// By this environment variable.
    Variable(String),
    /// By its protocol.
    Protocol,
    /// It is not told; how its user chooses instead, in words.
    Elsewhere(String),
}

/// An agent that tasks can name, as it is run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile {
    /// What it is, in a line.
    pub(super) description: String,
    /// How it is spoken to.
    pub(super) driver: DriverKind,
    /// Its command line. The first word is a path, or a name that is looked for in `PATH`.
    pub(super) command: Vec<String>,
    /// How it is installed, as a command line; `None` when only its user knows.
    pub(super) install: Option<String>,
    /// The Python distribution it comes in, if it comes in one.
    pub(super) distribution: Option<String>,
    /// What its environment always has.
    pub(super) env: BTreeMap<String, String>,
    /// What its environment has besides when it runs as root.
    pub(super) env_as_root: BTreeMap<String, String>,
    /// What it inherits of [`WITHHELD`].
    pub(super) passed: Vec<String>,
    /// What it has of a home of its own; `None` when it lives in the user's.
    pub(super) home: Option<HomePlan>,
    /// How it is told which model to use.
    pub(super) model: ModelChoice,
    /// What it can do. Whether it can be steered is for its driver to say.
    pub(super) capabilities: AgentCapabilities,
}

impl Profile {
    /// The profile of a built-in agent.
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

//! What a scripted agent is told to play, and how: the settings that a task gives it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    BUILTIN_NAMES, Defines, InvalidDefine, InvalidSpeed, Scenario, ScenarioError, Script, Speed,
    builtin,
};

/// What is played when nothing is named.
const DEFAULT_SCENARIO: &str = "demo";

/// The settings of a scripted agent, read and found good.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is played.
    pub script: Arc<Script>,
    /// How fast.
    pub speed: Speed,
    /// What the script's texts and commands may name.
    pub defines: Defines,
}

/// Settings that a scripted agent cannot play by.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// There is a setting that the agent does not know.
    #[error(
        "`{0}` is not a setting of the scenario agent: it takes `scenario`, `speed` and `defines`"
    )]
    Unknown(String),
    /// No built-in scenario has that name.
    #[error("there is no built-in scenario `{0}`: there are {names}", names = BUILTIN_NAMES.join(", "))]
    NoSuchScenario(String),
    /// A setting is of another kind.
    #[error("`{setting}` must be {expected}")]
    Kind {
        /// The setting.
        setting: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The speed is no speed.
    #[error(transparent)]
    Speed(#[from] InvalidSpeed),
    /// A define is no define.
    #[error(transparent)]
    Define(#[from] InvalidDefine),
    /// The scenario is none.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

impl InvalidSettings {
    /// Which setting is wrong.
    #[must_use]
    pub fn setting(&self) -> &str {
        match self {
            Self::Unknown(setting) => setting,
            Self::Kind { setting, .. } => setting,
            Self::NoSuchScenario(_) | Self::Scenario(_) => "scenario",
            Self::Speed(_) => "speed",
            Self::Define(_) => "defines",
        }
    }
}

impl Settings {
    /// Reads the settings of a task: `scenario` is the name of a built-in scenario or the scenario
    /// itself (`demo` when absent), `speed` the factor on its delays (1 when absent), `defines` an
    /// object of symbols.
    ///
    /// # Errors
    /// Says what is wrong with them, and for a scenario, where.
    pub fn read(settings: &Map<String, Value>) -> Result<Self, InvalidSettings> {
        Self::read_or(settings, |defines| {
            Ok(Arc::new(built_in(DEFAULT_SCENARIO)?.resolve(defines)?))
        })
    }

    /// Reads the settings of a task as [`Settings::read`] does, with another script for those that
    /// name no scenario.
    ///
    /// # Errors
    /// Says what is wrong with them, and for a scenario, where.
    pub fn read_or(
        settings: &Map<String, Value>,
        default: impl FnOnce(&Defines) -> Result<Arc<Script>, InvalidSettings>,
    ) -> Result<Self, InvalidSettings> {
        let known = ["scenario", "speed", "defines"];
        if let Some(unknown) = settings.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(InvalidSettings::Unknown(unknown.clone()));
        }
        let defines = match settings.get("defines") {
            None | Some(Value::Null) => Defines::default(),
            Some(Value::Object(defines)) => Defines::from_object(defines)?,
            Some(_) => return Err(kind("defines", "an object")),
        };
        let speed = match settings.get("speed") {
            None | Some(Value::Null) => Speed::default(),
            Some(speed) => Speed::new(speed.as_f64().ok_or_else(|| kind("speed", "a number"))?)?,
        };
        let resolved = |scenario: Scenario| scenario.resolve(&defines).map(Arc::new);
        let script = match settings.get("scenario") {
            None | Some(Value::Null) => default(&defines)?,
            Some(Value::String(name)) => resolved(built_in(name)?)?,
            Some(object @ Value::Object(_)) => resolved(Scenario::from_value(object.clone())?)?,
            Some(_) => {
                return Err(kind(
                    "scenario",
                    "the name of a built-in scenario, or a scenario",
                ));
            }
        };
        Ok(Self {
            script,
            speed,
            defines,
        })
    }
}

fn built_in(name: &str) -> Result<Scenario, InvalidSettings> {
    let yaml = builtin(name).ok_or_else(|| InvalidSettings::NoSuchScenario(name.to_owned()))?;
    Ok(Scenario::from_yaml(yaml)?)
}

const fn kind(setting: &'static str, expected: &'static str) -> InvalidSettings {
    InvalidSettings::Kind { setting, expected }
}

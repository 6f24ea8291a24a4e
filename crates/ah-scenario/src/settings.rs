//! The settings of a scripted agent.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::{
    BUILTIN_NAMES, Defines, InvalidDefine, InvalidSpeed, Scenario, ScenarioError, Script, Speed,
    builtin,
};

/// The default scenario.
const DEFAULT_SCENARIO: &str = "demo";

/// The validated settings of a scripted agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The script to play.
    pub script: Arc<Script>,
    /// The speed.
    pub speed: Speed,
    /// The symbols for the script's texts and commands.
    pub defines: Defines,
}

/// Invalid settings of a scripted agent.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// An unknown setting.
    #[error(
        "`{0}` is not a setting of the scenario agent: expected `scenario`, `speed` or `defines`"
    )]
    Unknown(String),
    /// No built-in scenario has this name.
    #[error("there is no built-in scenario `{0}`: there are {names}", names = BUILTIN_NAMES.join(", "))]
    NoSuchScenario(String),
    /// A setting has the wrong type.
    #[error("`{setting}` must be {expected}")]
    Kind {
        /// The setting.
        setting: &'static str,
        /// The expected type.
        expected: &'static str,
    },
    /// The speed is invalid.
    #[error(transparent)]
    Speed(#[from] InvalidSpeed),
    /// A define is invalid.
    #[error(transparent)]
    Define(#[from] InvalidDefine),
    /// The scenario is invalid.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

impl InvalidSettings {
    /// Returns the name of the invalid setting.
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
    /// Parses the settings of a task: `scenario` is the name of a built-in scenario or a scenario
    /// as an object (by default `demo`), `speed` is the factor on its delays (by default 1), and
    /// `defines` is an object of symbols.
    ///
    /// # Errors
    /// An invalid setting. For a scenario, the error contains the place.
    pub fn read(settings: &Map<String, Value>) -> Result<Self, InvalidSettings> {
        Self::read_or(settings, |defines| built_in(DEFAULT_SCENARIO, defines))
    }

    /// Like [`Settings::read`], with another script for settings that name no scenario.
    ///
    /// # Errors
    /// An invalid setting. For a scenario, the error contains the place.
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
            Some(Value::String(name)) => built_in(name, &defines)?,
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

/// A built-in scenario, and its script without defines.
struct BuiltIn {
    scenario: Scenario,
    script: Arc<Script>,
}

/// The built-in scenarios in the order of [`BUILTIN_NAMES`], each parsed when it is first needed:
/// every launch of a scenario agent validates its settings.
static BUILT_IN: [OnceLock<BuiltIn>; BUILTIN_NAMES.len()] =
    [const { OnceLock::new() }; BUILTIN_NAMES.len()];

/// Returns the script of a built-in scenario.
fn built_in(name: &str, defines: &Defines) -> Result<Arc<Script>, InvalidSettings> {
    let unknown = || InvalidSettings::NoSuchScenario(name.to_owned());
    let index = BUILTIN_NAMES.iter().position(|known| *known == name);
    let parsed = &BUILT_IN[index.ok_or_else(unknown)?];
    let built_in = match parsed.get() {
        Some(built_in) => built_in,
        None => {
            let scenario = Scenario::from_yaml(builtin(name).ok_or_else(unknown)?)?;
            let script = Arc::new(scenario.resolve(&Defines::default())?);
            parsed.get_or_init(|| BuiltIn { scenario, script })
        }
    };
    if *defines == Defines::default() {
        return Ok(built_in.script.clone());
    }
    Ok(Arc::new(built_in.scenario.resolve(defines)?))
}

const fn kind(setting: &'static str, expected: &'static str) -> InvalidSettings {
    InvalidSettings::Kind { setting, expected }
}

//! The access point's configuration: typed sections, made of layers.
//!
//! `config/default.toml` is the default layer itself, so that the file which explains every key is
//! the one that is used. Over it come a file, the environment and flags. Nothing here reads the
//! environment or the disk by itself but for the file it is told of.

mod error;
mod layers;
mod sections;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ah_agents::ConfiguredAgents;
use ah_engine::EngineConfig;

pub use error::{ConfigError, Layer};
pub use sections::Config;
pub(crate) use sections::Limits;

use layers::Layers;

/// The default layer, comments included: what a commented `config.toml` begins as.
pub const DEFAULT_TOML: &str = include_str!("config/default.toml");

/// The name of the file that is read from the state folder when no other one is named.
pub const FILE_NAME: &str = "config.toml";

/// The variable that an agent finds the trace of its task's launch in (W3C Trace Context).
pub(crate) const TRACEPARENT_VARIABLE: &str = "TRACEPARENT";

/// Where a configuration comes from, from the weakest layer to the strongest.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The state folder. Its [`FILE_NAME`] is read if it is there and `file` names no other.
    pub home: &'a Path,
    /// The file that `--config` named; it must be there.
    pub file: Option<&'a Path>,
    /// The environment, as names and values.
    pub environment: &'a [(String, String)],
    /// What flags say, as dotted keys such as `server.port` and values in words.
    pub flags: &'a [(&'a str, String)],
}

impl Config {
    /// Puts the layers together and judges the result whole.
    ///
    /// # Errors
    /// Names the layer and the key at fault.
    pub fn load(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let mut layers = Layers::new();
        if let Some((path, text)) = read_file(sources)? {
            layers.put_file(&path, &text)?;
        }
        layers.put_environment(sources.environment)?;
        layers.put_flags(sources.flags)?;
        layers.finish()
    }

    /// What `--print-config` prints: every key with the value it has. It can be used as a
    /// `config.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        self.effective.clone()
    }

    /// The agents that the configuration has, besides those that are built in.
    #[must_use]
    pub const fn agents(&self) -> &ConfiguredAgents {
        &self.agents
    }

    /// What the engine is told: `base` with what the configuration decides of it.
    #[must_use]
    pub fn engine_config(&self, base: EngineConfig) -> EngineConfig {
        let mut allowed_env = base.allowed_env;
        allowed_env.extend(self.sessions.allowed_env.iter().cloned());
        allowed_env.insert(TRACEPARENT_VARIABLE.to_owned());
        EngineConfig {
            max_concurrent_tasks: self.limits.max_concurrent_tasks,
            idle_timeout: Duration::from_millis(self.sessions.idle_timeout_ms),
            stop_grace: Duration::from_millis(self.sessions.stop_grace_ms),
            allowed_env,
            ..base
        }
    }
}

/// The configuration file's path and text, if there is one.
fn read_file(sources: &Sources<'_>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let path = match sources.file {
        Some(path) => path.to_owned(),
        None => sources.home.join(FILE_NAME),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if sources.file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

//! The access point's configuration: typed sections, merged from layers.
//!
//! `config/default.toml` is both the default layer and its documentation. A file, the environment
//! and flags override it, in this order. The module reads no environment and no file besides the
//! given ones.

mod edit;
mod entry;
mod error;
mod layers;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ah_agents::ConfiguredAgents;
use ah_rest_api_contract::{
    DevcontainerPolicy, RuntimePolicy, SandboxProfile, UnsandboxedPolicy, WorkspaceProvider,
};

pub use edit::{file_of, set};
pub use entry::ConfigEntry;
pub use error::{ConfigError, Layer};
pub(crate) use sections::LimitsSection;
pub use sections::{CliSection, Config, TaskSection};

pub use layers::DEFAULT_TOML;
use layers::Layers;

use crate::trust::{self, TrustError};

/// The name of the configuration file in the state folder.
pub const FILE_NAME: &str = "config.toml";

/// The variable that passes the trace of a task's launch to its agent (W3C Trace Context).
pub(crate) const TRACEPARENT_VARIABLE: &str = "TRACEPARENT";

/// The sources of a configuration, from the lowest precedence to the highest.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The state folder. Its [`FILE_NAME`] is read if it exists and `file` is absent.
    pub home: &'a Path,
    /// The file given by `--config`; it must exist.
    pub file: Option<&'a Path>,
    /// The environment, as names and values.
    pub environment: &'a [(String, String)],
    /// The flags, as dotted keys such as `server.port` with values as text.
    pub flags: &'a [(&'a str, String)],
}

/// The settings of sessions, for the access point that runs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// The maximum number of sessions that hold a slot.
    pub max_concurrent_tasks: NonZeroU32,
    /// The maximum idle time of a session whose task does not set one.
    pub idle_timeout: Duration,
    /// The maximum duration of each step of ending an agent.
    pub stop_grace: Duration,
    /// The names of the environment variables that a task may set.
    pub allowed_env: BTreeSet<String>,
    /// The treatment of tasks by the runtime that they request.
    pub runtimes: RuntimePolicy,
}

/// The settings of workspaces, for the host that creates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceSettings {
    /// True if agents may push to remotes on other hosts.
    pub may_push: bool,
    /// The maximum size of a new file, in bytes.
    pub file_bytes_max: u64,
    /// The permitted providers besides a plain checkout, the preferred one first.
    pub providers: Vec<WorkspaceProvider>,
    /// The maximum size of all prepared checkouts, in bytes.
    pub base_bytes_max: u64,
}

/// The settings of the sandbox, for the host that runs agents. A path is absolute or begins with `~`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSettings {
    /// The profile of the runtime `local`.
    pub profile: SandboxProfile,
    /// True if tasks may request to run without a sandbox.
    pub allow_disabled: bool,
    /// The names of the protections that the host must enforce.
    pub require: BTreeSet<String>,
    /// Further readable places.
    pub read: Vec<PathBuf>,
    /// Further writable places.
    pub write: Vec<PathBuf>,
    /// Places out of reach.
    pub deny: Vec<PathBuf>,
}

impl SandboxSettings {
    /// Returns true if tasks may run without a sandbox: because that is allowed, or the default.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.allow_disabled || self.profile == SandboxProfile::Disabled
    }
}

impl Config {
    /// Merges the layers and validates the result.
    ///
    /// # Errors
    /// The layer and the key at fault.
    pub fn load(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let mut layers = Layers::new();
        if let Some((path, text)) = read_file(sources)? {
            layers.put_file(&path, &text)?;
        }
        layers.put_environment(sources.environment)?;
        layers.put_flags(sources.flags)?;
        layers.finish()
    }

    /// Returns every key with its effective value, for `--print-config`. The result is a valid
    /// `config.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        self.effective.clone()
    }

    /// Returns every key with its value and origin.
    #[must_use]
    pub fn entries(&self) -> &[ConfigEntry] {
        &self.entries
    }

    /// Returns the settings of the command line.
    #[must_use]
    pub const fn cli(&self) -> &CliSection {
        &self.cli
    }

    /// Returns the defaults of the options of `ah task`.
    #[must_use]
    pub const fn task(&self) -> &TaskSection {
        &self.task
    }

    /// Returns the configured agents, without the built-in ones.
    #[must_use]
    pub const fn agents(&self) -> &ConfiguredAgents {
        &self.agents
    }

    /// Returns the settings of workspaces.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceSettings {
        let known = WorkspaceProvider::ALL.into_iter();
        let named = |name: &String| known.clone().find(|it| it.to_string() == *name);
        WorkspaceSettings {
            may_push: self.workspace.push == "allow",
            file_bytes_max: self.workspace.max_file_bytes,
            providers: self.workspace.providers.iter().filter_map(named).collect(),
            base_bytes_max: self.workspace.max_base_bytes,
        }
    }

    /// Returns the settings of the sandbox.
    #[must_use]
    pub fn sandbox(&self) -> SandboxSettings {
        let section = &self.sandbox;
        SandboxSettings {
            profile: match &*section.profile {
                "disabled" => SandboxProfile::Disabled,
                _ => SandboxProfile::Default,
            },
            allow_disabled: section.allow_disabled,
            require: section.require.clone(),
            read: section.read.clone(),
            write: section.write.clone(),
            deny: section.deny.clone(),
        }
    }

    /// Returns the settings of sessions.
    #[must_use]
    pub fn sessions(&self) -> SessionSettings {
        let mut allowed_env = self.sessions.allowed_env.clone();
        allowed_env.insert(TRACEPARENT_VARIABLE.to_owned());
        SessionSettings {
            max_concurrent_tasks: self.limits.max_concurrent_tasks,
            idle_timeout: Duration::from_millis(self.sessions.idle_timeout_ms),
            stop_grace: Duration::from_millis(self.sessions.stop_grace_ms),
            allowed_env,
            runtimes: RuntimePolicy {
                devcontainers: match &*self.sessions.devcontainer {
                    "local" => DevcontainerPolicy::Local,
                    _ => DevcontainerPolicy::Refuse,
                },
                unsandboxed: match self.sandbox().is_optional() {
                    true => UnsandboxedPolicy::Allow,
                    false => UnsandboxedPolicy::Refuse,
                },
            },
        }
    }
}

/// Returns the path and the text of the configuration file, if there is one.
fn read_file(sources: &Sources<'_>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let path = match sources.file {
        Some(path) => path.to_owned(),
        None => sources.home.join(FILE_NAME),
    };
    match trust::read_file(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if sources.file.is_none() && error.is_missing() => Ok(None),
        Err(TrustError::Io { source, .. }) => Err(ConfigError::Unreadable { path, source }),
        Err(untrusted) => Err(ConfigError::Untrusted(untrusted)),
    }
}

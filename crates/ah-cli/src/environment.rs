//! The settings that the environment and the configuration file result in.

mod place;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use ah_agents::ConfiguredAgents;
use ah_rest_api_contract::{ApiKeyText, RuntimePolicy, error_chain};
use ah_rest_server::{
    CliSection, Config, SandboxSettings, Sources, TaskSection, TrustError, WorkspaceSettings,
    check_home, make_home,
};

use crate::failure::Failure;
use crate::variables::{
    AH_AGENT, AH_API_KEY, AH_HOME, AH_LOG, AH_MAX_CONCURRENT_TASKS, AH_REMOTE_SERVER,
};

const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
const HOME: &str = "HOME";
/// The prefixes of the variables that set keys for the command line. The server's are not read by
/// other commands, so that a fault in one of them does not stop a command that needs none of them.
const READ: [&str; 4] = ["AH_CLI_", "AH_SANDBOX_", "AH_TASK_", "AH_WORKSPACE_"];

/// The access point that commands use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remote {
    /// The one that runs on the state folder, if any.
    Running,
    /// None: the engine runs in this process.
    None,
    /// The one at this URL.
    At(String),
}

impl Remote {
    /// Parses the value of the option, the variable or the key.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "" => Self::Running,
            "none" => Self::None,
            url => Self::At(url.to_owned()),
        }
    }
}

/// The settings of every command that needs the state folder, from the environment and the
/// configuration file.
#[derive(Clone, Debug)]
pub(crate) struct CommandSettings {
    /// The state folder, an absolute path. It may not exist yet.
    pub(crate) home: PathBuf,
    /// The access point to use.
    pub(crate) remote: Remote,
    /// The key for an access point that was named.
    pub(crate) api_key: Option<ApiKeyText>,
    /// The whole configuration.
    config: Config,
}

impl CommandSettings {
    /// Reads the environment of this process, and the configuration file of the state folder.
    pub(crate) fn load() -> Result<Self, Failure> {
        let home = home()?;
        check(&home)?;
        let config = Config::load(&Sources {
            home: &home,
            file: None,
            environment: &environment(),
            flags: &[],
        })
        .map_err(|error| Failure::configuration(error_chain(&error)).caused_by(error))?;
        let api_key = variable(AH_API_KEY.name)
            .map(|text| {
                // The value is a secret, so the error does not contain it.
                text.into_string().map_err(|_| {
                    Failure::configuration(format!("{} is not UTF-8", AH_API_KEY.name))
                })
            })
            .transpose()?
            .map(ApiKeyText::new);
        Ok(Self {
            remote: Remote::parse(&config.cli().remote_server),
            api_key,
            home,
            config,
        })
    }

    /// Returns the maximum number of running sessions.
    pub(crate) fn max_concurrent_tasks(&self) -> NonZeroU32 {
        self.config.sessions().max_concurrent_tasks
    }

    /// Returns the settings of workspaces.
    pub(crate) fn workspaces(&self) -> WorkspaceSettings {
        self.config.workspace()
    }

    /// Returns the treatment of tasks by the runtime that they request.
    pub(crate) fn runtimes(&self) -> RuntimePolicy {
        self.config.sessions().runtimes
    }

    /// Returns the settings of the sandbox.
    pub(crate) fn sandbox(&self) -> SandboxSettings {
        self.config.sandbox()
    }

    /// Returns the configured agents, without the built-in ones.
    pub(crate) const fn agents(&self) -> &ConfiguredAgents {
        self.config.agents()
    }

    /// Returns the settings of the command line.
    pub(crate) const fn cli(&self) -> &CliSection {
        self.config.cli()
    }

    /// Returns the defaults of the options of `ah task`.
    pub(crate) const fn task(&self) -> &TaskSection {
        self.config.task()
    }

    /// Returns the origin of a key's value in words, such as `the environment variable AH_AGENT`.
    pub(crate) fn origin(&self, key: &str) -> String {
        let entry = self.config.entries().iter().find(|entry| entry.key == key);
        entry.map_or_else(String::new, |entry| entry.layer.to_string())
    }

    /// Creates the state folder, accessible only to its owner, unless it exists, and checks it.
    pub(crate) fn make_home(&self) -> Result<(), Failure> {
        make(&self.home)
    }
}

/// Returns the state folder, an absolute path. It may not exist yet.
pub(crate) fn home() -> Result<PathBuf, Failure> {
    home_of(variable)
}

/// Returns a variable of this process; `None` if it is empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn home_of(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Failure> {
    if let Some(path) = variable(AH_HOME.name) {
        return place::named(path.into());
    }
    // The XDG specification requires a relative XDG_STATE_HOME to be ignored.
    variable(XDG_STATE_HOME)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(Path::new(&variable(HOME)?).join(".local/state")))
        .map(|state| state.join("agent-harbor"))
        .ok_or_else(|| {
            Failure::configuration("cannot determine the state folder: HOME is not set")
                .hint(format!("set {} to a folder", AH_HOME.name))
        })
}

/// Returns the variables that set keys for the command line.
pub(crate) fn environment() -> Vec<(String, String)> {
    let named = [AH_AGENT, AH_LOG, AH_MAX_CONCURRENT_TASKS, AH_REMOTE_SERVER];
    let is_read = |name: &str| {
        named.iter().any(|known| known.name == name)
            || READ.iter().any(|prefix| name.starts_with(prefix))
    };
    // No variable that sets a key has a name or a value that is not UTF-8.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_read(name))
        .collect()
}

/// Creates the state folder, accessible only to its owner, unless it exists, and checks it.
pub(crate) fn make(home: &Path) -> Result<(), Failure> {
    place::check_text(home)?;
    make_home(home).map_err(unusable_home)?;
    place::check_file_system(home)
}

/// Checks the file system of a state folder that exists.
pub(crate) fn check_place(home: &Path) -> Result<(), Failure> {
    place::check_file_system(home)
}

/// Checks that only this user can write to the state folder, if it exists. Nothing in it may be
/// read before.
pub(crate) fn check(home: &Path) -> Result<(), Failure> {
    place::check_text(home)?;
    check_home(home).map_err(unusable_home)
}

fn unusable_home(error: TrustError) -> Failure {
    Failure::configuration(format!(
        "the state folder cannot be used: {}",
        error_chain(&error)
    ))
    .hint(format!(
        "set {} to a writable folder of your own",
        AH_HOME.name
    ))
    .caused_by(error)
}

#[cfg(test)]
impl CommandSettings {
    /// Returns the settings that these variables result in, without a file.
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let home = PathBuf::from("/nowhere");
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = Config::load(&Sources {
            home: &home,
            file: None,
            environment: &variables,
            flags: &[],
        });
        Self {
            home,
            remote: Remote::None,
            api_key: None,
            config: config.expect("the configuration is valid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_found_in_order() {
        let home = |variables: &[(&str, &str)]| {
            home_of(|name| {
                let mut all = variables.iter();
                let found = all.find(|(variable, _)| *variable == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        let found = |variables: &[(&str, &str)]| home(variables).expect("is valid");
        let all = [("AH_HOME", "/a"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(found(&all), Path::new("/a"));
        assert_eq!(found(&all[1..]), Path::new("/x/agent-harbor"));
        assert_eq!(found(&all[2..]), Path::new("/h/.local/state/agent-harbor"));
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(found(&relative), Path::new("/h/.local/state/agent-harbor"));
        assert!(home(&[]).is_err());
    }
}

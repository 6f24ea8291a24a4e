//! The settings that the environment variables result in.

mod place;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{ApiKeyText, error_chain};
use ah_rest_server::{TrustError, check_home, make_home};

use crate::failure::Failure;
use crate::variables::{
    AH_AGENT, AH_API_KEY, AH_HOME, AH_MAX_CONCURRENT_TASKS, AH_REMOTE_SERVER, Variable,
};

const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
const HOME: &str = "HOME";
const AGENT_DEFAULT: &str = "scenario";
const MAX_CONCURRENT_TASKS_DEFAULT: NonZeroU32 = NonZeroU32::new(16).expect("16 is not zero");

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
    /// Parses the value of the option or the variable.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "none" => Self::None,
            url => Self::At(url.to_owned()),
        }
    }
}

/// The settings from the environment, for every command that needs the state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvironmentSettings {
    /// The state folder, an absolute path. It may not exist yet.
    pub(crate) home: PathBuf,
    /// The maximum number of running sessions.
    pub(crate) max_concurrent_tasks: NonZeroU32,
    /// The agent of a task that names none.
    pub(crate) default_agent: String,
    /// The access point to use.
    pub(crate) remote: Remote,
    /// The key for an access point that was named.
    pub(crate) api_key: Option<ApiKeyText>,
}

impl EnvironmentSettings {
    /// Reads the environment of this process.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        Self::read(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<Self, Failure> {
        let home = match variable(AH_HOME.name) {
            Some(path) => place::named(path.into())?,
            // The XDG specification requires a relative XDG_STATE_HOME to be ignored.
            None => variable(XDG_STATE_HOME)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| Some(Path::new(&variable(HOME)?).join(".local/state")))
                .map(|state| state.join("agent-harbor"))
                .ok_or_else(|| {
                    Failure::configuration("cannot determine the state folder: HOME is not set")
                        .hint(format!("set {} to a folder", AH_HOME.name))
                })?,
        };
        let max_concurrent_tasks = match variable(AH_MAX_CONCURRENT_TASKS.name) {
            None => MAX_CONCURRENT_TASKS_DEFAULT,
            Some(text) => text
                .to_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| {
                    Failure::configuration(format!(
                        "{} is `{}`, but must be a positive integer",
                        AH_MAX_CONCURRENT_TASKS.name,
                        text.display()
                    ))
                })?,
        };
        let default_agent = match variable(AH_AGENT.name) {
            None => AGENT_DEFAULT.to_owned(),
            Some(text) => text.into_string().map_err(|text| {
                Failure::configuration(format!(
                    "{} is `{}`, which is not valid UTF-8",
                    AH_AGENT.name,
                    text.display()
                ))
            })?,
        };
        let text = |known: Variable| {
            variable(known.name)
                .map(|text| {
                    // The value may be a secret, so the error does not contain it.
                    text.into_string()
                        .map_err(|_| Failure::configuration(format!("{} is not UTF-8", known.name)))
                })
                .transpose()
        };
        let remote = text(AH_REMOTE_SERVER)?.map_or(Remote::Running, |text| Remote::parse(&text));
        let api_key = text(AH_API_KEY)?.map(ApiKeyText::new);
        Ok(Self {
            remote,
            api_key,
            home,
            max_concurrent_tasks,
            default_agent,
        })
    }

    /// Creates the state folder, accessible only to its owner, unless it exists, and checks it.
    pub(crate) fn make_home(&self) -> Result<(), Failure> {
        make_home(&self.home).map_err(Self::unusable_home)?;
        place::check_file_system(&self.home)
    }

    /// Checks that only this user can write to the state folder, if it exists. Nothing in it may be
    /// read before.
    pub(crate) fn check_home(&self) -> Result<(), Failure> {
        check_home(&self.home).map_err(Self::unusable_home)
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
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<EnvironmentSettings, Failure> {
        EnvironmentSettings::read(|name| {
            variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_home_is_found_in_order() {
        let home = |variables: &[(&str, &str)]| read(variables).expect("is valid").home;
        let all = [("AH_HOME", "/a"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(home(&all), Path::new("/a"));
        assert_eq!(home(&all[1..]), Path::new("/x/agent-harbor"));
        assert_eq!(home(&all[2..]), Path::new("/h/.local/state/agent-harbor"));
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(home(&relative), Path::new("/h/.local/state/agent-harbor"));
        assert!(read(&[]).is_err());
    }

    #[test]
    fn invalid_number_is_rejected() {
        let base = ("AH_HOME", "/a");
        let settings = read(&[base, ("AH_MAX_CONCURRENT_TASKS", "3")]).expect("is valid");
        assert_eq!(settings.max_concurrent_tasks.get(), 3);
        for bad in ["0", "-1", "many"] {
            assert!(
                read(&[base, ("AH_MAX_CONCURRENT_TASKS", bad)]).is_err(),
                "{bad}"
            );
        }
    }
}

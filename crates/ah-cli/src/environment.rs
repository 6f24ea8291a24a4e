//! The environment variables that `ah` reads, declared once, and what they come to.

use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::ApiKeyText;

use crate::failure::Failure;

/// An environment variable and what it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is for, in a sentence.
    pub(crate) help: &'static str,
}

/// The folder with everything that `ah` keeps.
pub(crate) const AH_HOME: Variable = Variable {
    name: "AH_HOME",
    help: "the folder with everything that ah keeps; $XDG_STATE_HOME/agent-harbor by default, \
           else ~/.local/state/agent-harbor",
};
/// The agent that runs a task which names none.
pub(crate) const AH_AGENT: Variable = Variable {
    name: "AH_AGENT",
    help: "the agent that runs a task which names none; `scenario` by default",
};
/// How many sessions may run at once.
pub(crate) const AH_MAX_CONCURRENT_TASKS: Variable = Variable {
    name: "AH_MAX_CONCURRENT_TASKS",
    help: "how many sessions may run at once, the others wait; 16 by default",
};
/// What is logged to the standard error.
pub(crate) const AH_LOG: Variable = Variable {
    name: "AH_LOG",
    help: "what is logged to the standard error: a level, or a list of target=level; `error` by \
           default",
};
/// The access point that commands use.
pub(crate) const AH_REMOTE_SERVER: Variable = Variable {
    name: "AH_REMOTE_SERVER",
    help: "the URL of the access point to use, or `none`; the one that runs on AH_HOME by default",
};
/// The key for [`AH_REMOTE_SERVER`].
pub(crate) const AH_API_KEY: Variable = Variable {
    name: "AH_API_KEY",
    help: "the key for the access point that --remote-server or AH_REMOTE_SERVER names",
};
const NO_COLOR: Variable = Variable {
    name: "NO_COLOR",
    help: "when it is set, nothing is coloured",
};
const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
const HOME: &str = "HOME";

/// Every variable, in the order of the help.
pub(crate) const ALL: [Variable; 7] = [
    AH_HOME,
    AH_AGENT,
    AH_MAX_CONCURRENT_TASKS,
    AH_REMOTE_SERVER,
    AH_API_KEY,
    AH_LOG,
    NO_COLOR,
];

const AGENT_DEFAULT: &str = "scenario";
const MAX_CONCURRENT_TASKS_DEFAULT: NonZeroU32 = NonZeroU32::new(16).expect("16 is not zero");

/// Which access point commands use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remote {
    /// The one that runs on the state folder, if one does.
    Running,
    /// None: the engine is in this process.
    None,
    /// The one at this URL.
    At(String),
}

impl Remote {
    /// Reads what the flag or the variable says.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "none" => Self::None,
            url => Self::At(url.to_owned()),
        }
    }
}

/// What the environment says to every command that needs the state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The state folder, absolute. It need not exist yet.
    pub(crate) home: PathBuf,
    /// How many sessions may run at once.
    pub(crate) max_concurrent_tasks: NonZeroU32,
    /// The agent that runs a task which names none.
    pub(crate) default_agent: String,
    /// Which access point to use.
    pub(crate) remote: Remote,
    /// The key for one that was named.
    pub(crate) api_key: Option<ApiKeyText>,
}

impl Settings {
    /// Reads the environment of this process.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        Self::read(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<Self, Failure> {
        let home = match variable(AH_HOME.name) {
            Some(path) => std::path::absolute(&path).map_err(|error| {
                Failure::configuration(format!("{} cannot be made absolute", AH_HOME.name))
                    .caused_by(error)
            })?,
            // A relative XDG_STATE_HOME is to be ignored, says the specification.
            None => variable(XDG_STATE_HOME)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| Some(Path::new(&variable(HOME)?).join(".local/state")))
                .map(|state| state.join("agent-harbor"))
                .ok_or_else(|| {
                    Failure::configuration(
                        "there is no folder to keep sessions in: HOME is not set",
                    )
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
                        "{} is `{}`, which is not a whole number from 1",
                        AH_MAX_CONCURRENT_TASKS.name,
                        text.display()
                    ))
                })?,
        };
        let default_agent = match variable(AH_AGENT.name) {
            None => AGENT_DEFAULT.to_owned(),
            Some(text) => text.into_string().map_err(|text| {
                Failure::configuration(format!(
                    "{} is `{}`, which is not a name",
                    AH_AGENT.name,
                    text.display()
                ))
            })?,
        };
        let text = |known: Variable| {
            variable(known.name)
                .map(|text| {
                    // What it is may be a secret, so it is not shown.
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

    /// Makes the state folder, for nobody but its owner, unless it is there.
    pub(crate) fn make_home(&self) -> Result<(), Failure> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.home)
            .map_err(|error| {
                Failure::configuration(format!(
                    "the state folder {} cannot be made: {error}",
                    self.home.display()
                ))
                .hint(format!(
                    "set {} to a folder that can be written to",
                    AH_HOME.name
                ))
                .caused_by(error)
            })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Failure> {
        Settings::read(|name| {
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
    fn a_number_that_is_none_is_refused() {
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

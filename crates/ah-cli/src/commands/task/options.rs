//! The options of `ah task`, with the defaults of the configuration.

use std::time::Duration;

use clap::ValueEnum;

use crate::args::{PolicyArg, PriorityArg, TaskArgs, duration};
use crate::environment::CommandSettings;
use crate::failure::Failure;

/// The effective options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskOptions {
    pub(super) model: Option<String>,
    pub(super) permissions: PolicyArg,
    pub(super) priority: PriorityArg,
    pub(super) timeout: Option<Duration>,
    pub(super) interactive: bool,
    pub(super) follow: bool,
}

impl TaskOptions {
    /// Merges the options of the command line with the configuration.
    ///
    /// # Errors
    /// A configured value is wrong; the failure names its origin.
    pub(super) fn of(args: &TaskArgs, settings: &CommandSettings) -> Result<Self, Failure> {
        let defaults = settings.task();
        let wrong = |key: &str, message: String| {
            let origin = settings.origin(key);
            Failure::configuration(format!("{origin} sets `{key}` to a value that {message}"))
        };
        let timeout = match args.timeout {
            None if !defaults.timeout.is_empty() => {
                let read = duration(&defaults.timeout);
                let key = "task.timeout";
                Some(read.map_err(|message| wrong(key, format!("is not a time: {message}")))?)
            }
            timeout => timeout,
        };
        let model = args.model.as_ref().unwrap_or(&defaults.model);
        Ok(Self {
            model: Some(model.clone()).filter(|model| !model.is_empty()),
            permissions: chosen(args.permissions, &defaults.permissions)
                .map_err(|message| wrong("task.permissions", message))?,
            priority: chosen(args.priority, &defaults.priority)
                .map_err(|message| wrong("task.priority", message))?,
            timeout,
            interactive: (args.interactive || defaults.interactive) && !args.no_interactive,
            follow: (args.follow || defaults.follow) && !args.no_follow,
        })
    }
}

fn chosen<T: ValueEnum>(option: Option<T>, configured: &str) -> Result<T, String> {
    match option {
        Some(option) => Ok(option),
        None => T::from_str(configured, false),
    }
}

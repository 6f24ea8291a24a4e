//! The context of a command, and its access to a task manager.

use std::sync::Arc;

use ah_rest_api_contract::TaskManager;

use crate::environment::CommandSettings;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::follow::Signals;
use crate::local::{self, Scheduling};
use crate::remote;
use crate::terminal::Terminal;

/// The context of a command.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The standard streams.
    pub(crate) terminal: Terminal,
    /// True if JSON output was requested.
    pub(crate) json: bool,
    /// The settings from the environment.
    pub(crate) settings: CommandSettings,
}

impl Context {
    /// Runs a command with a task manager, and closes it in every case.
    pub(crate) async fn with_manager(
        &self,
        scheduling: Scheduling,
        command: impl AsyncFnOnce(&Arc<dyn TaskManager>) -> Result<ExitCode, Failure>,
    ) -> Result<ExitCode, Failure> {
        if let Some(manager) = remote::manager(&self.settings).await? {
            return command(&manager).await;
        }
        let access = local::open(&self.settings, scheduling).await?;
        let result = tokio::select! {
            result = command(access.manager()) => result,
            reason = access.lost() => Err(Failure::configuration(reason)),
        };
        access.close().await;
        result
    }

    /// Like `with_manager`, for a command without signal handling: a signal ends it as a detach.
    pub(crate) async fn with_manager_until_interrupted(
        &self,
        command: impl AsyncFnOnce(&Arc<dyn TaskManager>) -> Result<ExitCode, Failure>,
    ) -> Result<ExitCode, Failure> {
        let mut signals = Signals::listen()?;
        self.with_manager(Scheduling::Attend, async |manager| {
            tokio::select! {
                result = command(manager) => result,
                _ = signals.next() => Ok(ExitCode::Detached),
            }
        })
        .await
    }

    /// Writes `value` as JSON if requested, otherwise the lines.
    pub(crate) fn show(
        &self,
        value: &impl serde::Serialize,
        lines: impl FnOnce() -> Vec<crate::style::Line>,
    ) -> Result<(), Failure> {
        if self.json {
            self.terminal.print_json(value)
        } else {
            self.terminal.print(&lines())
        }
    }
}

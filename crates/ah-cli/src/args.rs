//! The command-line arguments and their help.

mod agent;
mod catalog;
mod config;
mod reference;
mod session;
mod task;
mod unknown;
mod value;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use agent::{AccessPointArgs, AgentCommand, ConfineArgs};
pub(crate) use catalog::{
    ExecutorsArgs, InitArgs, ProjectsArgs, ReposArgs, RuntimesArgs, WorkspacesArgs,
};
pub(crate) use config::{ConfigArgs, ConfigCommand};
pub(crate) use reference::{CompletionsArgs, ManArgs};
pub(crate) use session::{
    AnswerArgs, AttachmentsArgs, CatArgs, CheckoutArgs, DiffArgs, EventsArgs, FilesArgs,
    FollowArgs, GetArgs, ListArgs, LogsArgs, PromptArgs, PromptsArgs, ResumeArgs, SessionCommand,
    StopArgs, TargetArgs,
};
pub(crate) use task::{PolicyArg, PriorityArg, TaskArgs};
pub(crate) use unknown::with_advice;
pub(crate) use value::duration;

/// Run coding agents on tasks, each in its own workspace.
///
/// An agent works in a clone of the repository, so your checkout is not modified. It keeps
/// running when the command ends, and everything it does is recorded.
#[derive(Debug, Parser)]
#[command(
    name = "ah",
    version,
    after_help = "Examples:
  ah task --follow \"Add a test for the parser\"   run a task here and watch it
  ah session list                                list all sessions
  ah session diff | git apply                    apply the changes of the latest session",
    after_long_help = reference(),
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print JSON to standard output: one document, or one event per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Disable colours
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Set the log level of standard error
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevelArg>,
    /// URL of the access point; `none` uses no server, even if one is running
    #[arg(long, global = true, value_name = "URL|none")]
    pub(crate) remote_server: Option<String>,
}

/// The log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevelArg {
    /// Failures
    Error,
    /// Warnings and failures
    Warn,
    /// General information
    Info,
    /// Details, including the causes of failures
    Debug,
}

impl LogLevelArg {
    /// Returns the word for log filters.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The top-level commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(visible_alias = "run")]
    Task(Box<TaskArgs>),
    /// List sessions, short for `ah session list`
    #[command(
        name = "ls",
        visible_alias = "ps",
        alias = "list",
        about = "List sessions, short for `ah session list`"
    )]
    List(ListArgs),
    #[command(about = "Follow a session until it ends, short for `ah session follow`")]
    Attach(FollowArgs),
    #[command(about = "Show a session's log, short for `ah session logs`")]
    Logs(LogsArgs),
    /// Cancel a session, short for `ah session cancel`
    ///
    /// Kills the session's processes, removes its workspace and hides it from lists. A session that
    /// has ended is only hidden.
    #[command(after_help = "Examples:
  ah rm 7K2M")]
    Rm(TargetArgs),
    /// Show and control sessions
    ///
    /// A session is one run of one agent in one workspace. Without an ID, commands use the latest
    /// session. An ID can be given in full, as its beginning or end (at least 4 characters that no
    /// other session shares), or as the branch ah/ID.
    #[command(
        subcommand,
        after_help = "Examples:
  ah session follow              watch the latest session
  ah session list                list all sessions
  ah session diff | git apply    apply the changes of the latest session"
    )]
    Session(SessionCommand),
    /// List the available agents
    ///
    /// Shows for each agent whether it is installed, its version and its capabilities: `resume`
    /// continues an ended conversation, `steer` accepts prompts during a turn, `permissions`
    /// requests permission before it acts, `images` accepts images in prompts, `usage` reports the
    /// usage of a turn.
    #[command(after_help = "Examples:
  ah agents
  ah agents --default claude-acp
  ah agents --json | jq -r '.items[].type'")]
    Agents(AgentsArgs),
    Runtimes(RuntimesArgs),
    Executors(ExecutorsArgs),
    Repos(ReposArgs),
    Projects(ProjectsArgs),
    Workspaces(WorkspacesArgs),
    /// Run the access point, or a process of a session
    ///
    /// `ah task` starts the processes of a session automatically.
    #[command(
        subcommand,
        after_help = "Examples:
  ah agent access-point
  ah agent record --help"
    )]
    Agent(AgentCommand),
    Init(InitArgs),
    Config(ConfigArgs),
    /// Check the installation
    ///
    /// Checks git, the state folder and its disk, the configuration, the access point and the
    /// agents. Each fault is shown with its remedy. The exit code is 8 if something must be
    /// repaired before tasks can run.
    #[command(after_help = "Examples:
  ah doctor
  ah doctor --json | jq -r '.checks[] | select(.status != \"ok\") | .message'")]
    Doctor,
    Completions(CompletionsArgs),
    Man(ManArgs),
    /// Show the version
    #[command(after_help = "Examples:
  ah version
  ah version --json")]
    Version,
}

/// The options of `ah agents`.
#[derive(Debug, Args)]
pub(crate) struct AgentsArgs {
    /// Make this the agent for tasks that name none
    #[arg(long, value_name = "TYPE")]
    pub(crate) default: Option<String>,
}

/// Returns the end of the long help: examples, exit codes and environment variables.
fn reference() -> String {
    use std::fmt::Write;

    use crate::{exit_code::ExitCode, variables};

    let mut out = String::from(
        "Examples:
  ah task --follow \"Add a test for the parser\"   run a task here and watch it
  ah session list                                list all sessions
  ah session diff | git apply                    apply the changes of the latest session

Exit codes:
",
    );
    // Writing to a string cannot fail.
    for code in ExitCode::ALL {
        writeln!(out, "  {:>2}  {}", code.number(), code.meaning()).unwrap_or_default();
    }
    out.push_str("\nEnvironment:\n");
    for variable in variables::ALL {
        writeln!(out, "  {}\n      {}", variable.name, variable.help).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests;

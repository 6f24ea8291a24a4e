//! `ah agent …`: the programs that `ah` starts as processes of their own.

use std::path::PathBuf;

use clap::Subcommand;

/// What runs as a process of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Run the agent of one session and record what it does
    ///
    /// `ah task` starts this by itself, one for each session, detached. It outlives whoever
    /// started it, writes down what the agent does, and ends with the agent.
    #[command(after_help = "Examples:
  ah agent record --folder ~/.local/state/agent-harbor/sessions/01JZ0000000000000000000000")]
    Record {
        /// The session's folder, with its launch.json
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
    },
    /// Play a scenario as an agent
    #[command(
        hide = true,
        after_help = "Examples:
  ah agent scenario --settings settings.json"
    )]
    Scenario {
        /// The file with the agent's settings
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
    },
}

//! `ah config …`.

use clap::{Args, Subcommand};

/// Show and change the configuration
///
/// The configuration has four layers: the defaults, config.toml in the state folder, environment
/// variables, and options. A later layer overrides an earlier one. A running access point reads the
/// file at its start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah config show
  ah config set task.agent claude-acp
  ah config get server.port")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// The commands for the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every key with its value and origin
    #[command(after_help = "Examples:
  ah config show
  ah config show --json | jq '.items[] | select(.origin != \"default\")'")]
    Show,
    /// Print the value of a key
    #[command(after_help = "Examples:
  ah config get task.agent")]
    Get {
        /// Key, such as task.agent
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Set a key in the configuration file
    ///
    /// The rest of the file is kept, and an invalid value is refused. Items of a list are separated
    /// by commas.
    #[command(after_help = "Examples:
  ah config set task.agent claude-acp
  ah config set server.allowed-hosts harbor.example,ci.example")]
    Set {
        /// Key, such as task.agent
        #[arg(value_name = "KEY")]
        key: String,
        /// Value
        #[arg(value_name = "VALUE")]
        value: String,
    },
    /// Remove a key from the configuration file, which restores its default
    #[command(after_help = "Examples:
  ah config unset task.agent")]
    Unset {
        /// Key, such as task.agent
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Print the path of the configuration file
    #[command(after_help = "Examples:
  ah config path")]
    Path,
}

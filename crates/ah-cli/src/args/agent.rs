//! `ah agent …`: what runs for long, as a process of its own.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What runs as a process of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Serve sessions over HTTP to any number of clients
    ///
    /// Every other `ah` on the same state folder uses the server by itself while it runs. Ctrl-C
    /// and SIGTERM end it in order, a second one at once; agents go on either way, and the next
    /// server takes them up. It exits with 6 when the port is taken, and with 8 when the
    /// configuration is wrong or another server runs on the state folder.
    #[command(after_help = "Examples:
  ah agent access-point
  ah agent access-point --port 0 --json
  ah agent access-point --print-config")]
    AccessPoint(AccessPointArgs),
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

/// What the access point takes. Each option is stronger than the environment, which is stronger
/// than the configuration file.
#[derive(Debug, Args)]
pub(crate) struct AccessPointArgs {
    /// The address to listen on; 127.0.0.1 by default
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Option<IpAddr>,
    /// The port to listen on, 0 for any that is free; 3001 by default
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// The configuration file; config.toml in the state folder by default
    #[arg(long, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Print the configuration that would be used, and serve nothing
    #[arg(long)]
    pub(crate) print_config: bool,
    /// How many sessions may run at once
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent_tasks: Option<NonZeroU32>,
    /// Ask nobody for a key; only on a loopback address
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
}

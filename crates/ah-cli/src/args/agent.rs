//! `ah agent …`: long-running processes.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The long-running processes.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Serve sessions over HTTP to any number of clients
    ///
    /// While the server runs, every other `ah` command with the same state folder uses it. Ctrl-C
    /// or SIGTERM shuts it down gracefully, a second one immediately. Agents keep running in both
    /// cases, and the next server attaches to them. The exit code is 6 if the port is in use, and
    /// 8 if the configuration is invalid or another server uses the state folder.
    #[command(after_help = "Examples:
  ah agent access-point
  ah agent access-point --port 0 --json
  ah agent access-point --print-config")]
    AccessPoint(AccessPointArgs),
    /// Run and record the agent of one session
    ///
    /// `ah task` starts this process automatically, detached, one per session. It outlives the
    /// process that started it, records everything the agent does, and ends with the agent.
    #[command(after_help = "Examples:
  ah agent record --folder ~/.local/state/agent-harbor/sessions/01JZ0000000000000000000000")]
    Record {
        /// Session folder with a launch.json
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
    },
    /// Confine this process and become an agent
    #[command(
        hide = true,
        after_help = "Examples:
  ah agent confine --try files,signals"
    )]
    Confine(ConfineArgs),
    /// Play a scenario as an agent
    #[command(
        hide = true,
        after_help = "Examples:
  ah agent scenario --settings settings.json"
    )]
    Scenario {
        /// File with the agent's settings
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
    },
}

/// The options of the program that becomes an agent.
#[derive(Debug, Args)]
pub(crate) struct ConfineArgs {
    /// Try these protections, separated by commas, and exit
    #[arg(long = "try", value_name = "LIST", conflicts_with_all = ["sandbox", "report", "command"])]
    pub(crate) trial: Option<String>,
    /// Sandbox as JSON
    #[arg(long, value_name = "JSON", required_unless_present = "trial")]
    pub(crate) sandbox: Option<String>,
    /// Open descriptor for the reason of a failure
    #[arg(long, value_name = "N", required_unless_present = "trial")]
    pub(crate) report: Option<i32>,
    /// Program of the agent and its arguments
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

/// The options of the access point. They override the environment, which overrides the
/// configuration file.
#[derive(Debug, Args)]
pub(crate) struct AccessPointArgs {
    /// IP address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Option<IpAddr>,
    /// Port to listen on; 0 selects a free port [default: 3001]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Configuration file [default: config.toml in the state folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Print the effective configuration and exit
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Maximum number of running sessions [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent_tasks: Option<NonZeroU32>,
    /// Disable authentication; only allowed on a loopback address
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
}

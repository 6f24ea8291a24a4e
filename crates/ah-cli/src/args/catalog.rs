//! `ah init`, and the lists of what tasks can use and have used.

use ah_rest_api_contract::WorkspaceStatus;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Choose the agent for tasks that name none
///
/// Writes the choice to the configuration file, and keeps a choice that was made before. Without
/// `--agent`, it is the only real agent that is installed. If several are installed, `--agent` has to
/// name one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah init
  ah init --agent claude-acp
  ah init --json | jq -r .agent")]
pub(crate) struct InitArgs {
    /// Agent, also in place of the one that was chosen before
    #[arg(long, value_name = "TYPE")]
    pub(crate) agent: Option<String>,
}

/// List the runtimes that tasks can request
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah runtimes
  ah runtimes --json | jq -r '.items[].type'")]
pub(crate) struct RuntimesArgs {}

/// List the hosts that run sessions
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah executors
  ah executors --json | jq -r '.items[].id'")]
pub(crate) struct ExecutorsArgs {}

/// List the repositories on which tasks were launched, the last used first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah repos
  ah repos --project website --json | jq -r '.items[].remoteUrl'")]
pub(crate) struct ReposArgs {
    /// Filter by the tenant of sessions
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// Filter by the project of sessions
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
}

/// List the projects of sessions, the last used first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah projects
  ah projects --json | jq -r '.items[].id'")]
pub(crate) struct ProjectsArgs {}

/// List the workspaces of sessions, the newest first
///
/// A workspace is `active` until its session has ended, and is `kept` then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah workspaces
  ah workspaces --status kept --json | jq -r '.items[].path'")]
pub(crate) struct WorkspacesArgs {
    /// Filter by state
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status())]
    pub(crate) status: Vec<WorkspaceStatus>,
}

fn status() -> impl TypedValueParser<Value = WorkspaceStatus> {
    PossibleValuesParser::new(["active", "kept"]).map(|word| match word.as_str() {
        "active" => WorkspaceStatus::Active,
        _ => WorkspaceStatus::Kept,
    })
}

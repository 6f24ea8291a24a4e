//! `ah task`.

use std::path::PathBuf;
use std::time::Duration;

use ah_rest_api_contract::{PermissionAction, Priority};
use clap::{ArgGroup, Args, ValueEnum};

use super::value;

/// Launch an agent on a task
///
/// The agent works in a workspace of its own: a worktree of the repository on the branch ah/ID,
/// which stays when the session is over. Without --follow the command ends as soon as the agent
/// runs and prints the session's id; the agent goes on.
///
/// With --follow, Ctrl-C leaves the agent to itself; a second Ctrl-C within a second stops it. The
/// exit code then tells how the session ended: 0 completed, 1 failed (2 when the repository was
/// at fault, 3 when the agent could not be started), 11 stopped, 12 cancelled, 13 left to itself.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["prompt", "prompt_file"]),
    after_help = "Examples:
  ah task --follow \"Add a test for the parser\"
  ah task --repo https://github.com/owner/project --branch main \"Fix issue 12\"
  ah task --agent scenario --scenario demo.yaml --follow \"Show me\"
  ah task --instances 3 --label try=3 --prompt-file task.md"
)]
pub(crate) struct TaskArgs {
    /// What the agent is asked
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    /// Read the prompt from a file, or from the standard input when it is `-`
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    pub(crate) prompt_file: Option<PathBuf>,

    /// The repository: a path, a URL, user@host:path, or `none` for an empty folder. The one of
    /// the current folder when absent
    #[arg(long, value_name = "PATH|URL", help_heading = "Repository")]
    pub(crate) repo: Option<String>,
    /// Begin at this branch; at the repository's HEAD when absent
    #[arg(long, value_name = "BRANCH", help_heading = "Repository")]
    pub(crate) branch: Option<String>,
    /// Begin at this commit
    #[arg(long, value_name = "COMMIT", help_heading = "Repository")]
    pub(crate) commit: Option<String>,

    /// The agent, one of `ah agents`; what `AH_AGENT` says when absent, else `scenario`
    #[arg(long, value_name = "TYPE", help_heading = "Agent")]
    pub(crate) agent: Option<String>,
    /// The model it uses; its own default when absent
    #[arg(long, value_name = "MODEL", help_heading = "Agent")]
    pub(crate) model: Option<String>,
    /// Play this scenario file; implies --agent scenario
    #[arg(long, value_name = "FILE", help_heading = "Agent")]
    pub(crate) scenario: Option<PathBuf>,
    /// Launch this many sessions of it, each in a workspace of its own
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Agent")]
    pub(crate) instances: u32,
    /// What becomes of a request for leave that the agent makes
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "ask",
        help_heading = "Agent"
    )]
    pub(crate) permissions: PolicyArg,

    /// Wait for further prompts when a turn is over, instead of ending
    #[arg(long, help_heading = "Session")]
    pub(crate) interactive: bool,
    /// End the session when it takes longer than this, such as 30m
    #[arg(long, value_name = "DURATION", value_parser = value::duration, help_heading = "Session")]
    pub(crate) timeout: Option<Duration>,
    /// Which waiting session goes first
    #[arg(
        long,
        value_name = "PRIORITY",
        default_value = "normal",
        help_heading = "Session"
    )]
    pub(crate) priority: PriorityArg,
    /// A name and value to find the session by; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label,
          help_heading = "Session")]
    pub(crate) labels: Vec<(String, String)>,
    /// Watch until the session has ended
    #[arg(short, long, help_heading = "Session")]
    pub(crate) follow: bool,
}

/// `--permissions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Somebody is asked
    Ask,
    /// It is given
    Allow,
    /// It is refused
    Deny,
}

impl From<PolicyArg> for PermissionAction {
    fn from(policy: PolicyArg) -> Self {
        match policy {
            PolicyArg::Ask => Self::Ask,
            PolicyArg::Allow => Self::Allow,
            PolicyArg::Deny => Self::Deny,
        }
    }
}

/// `--priority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PriorityArg {
    /// In the order of launch
    Normal,
    /// Before all normal ones
    High,
}

impl From<PriorityArg> for Priority {
    fn from(priority: PriorityArg) -> Self {
        match priority {
            PriorityArg::Normal => Self::Normal,
            PriorityArg::High => Self::High,
        }
    }
}

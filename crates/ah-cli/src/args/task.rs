//! `ah task`.

use std::path::PathBuf;
use std::time::Duration;

use ah_rest_api_contract::{PermissionAction, Priority};
use clap::{ArgGroup, Args, ValueEnum};

use super::value;

/// Launch an agent on a task
///
/// The agent works in its own workspace: a clone of the repository on the branch ah/ID, which is
/// kept after the session. Without --follow, the command prints the session's ID and exits once
/// the agent runs; the agent keeps running.
///
/// With --follow, Ctrl-C detaches and the agent keeps running; a second Ctrl-C within a second stops
/// it. The exit code then reflects the end of the session: 0 completed, 1 failed (2 for a repository
/// error, 3 if the agent could not be started), 11 stopped, 12 cancelled, 13 detached.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["words", "prompt_file"]),
    override_usage = "ah task [OPTIONS] <PROMPT>\n       ah task [OPTIONS] --prompt-file <FILE>",
    after_help = "Examples:
  ah task --follow \"Add a test for the parser\"
  ah task --repo https://github.com/owner/project --branch main \"Fix issue 12\"
  ah task --agent scenario --scenario demo.yaml --follow \"Show me\"
  ah task --instances 3 --label try=3 --prompt-file task.md"
)]
pub(crate) struct TaskArgs {
    /// Prompt for the agent, in quotes
    // More than one word is refused with the command that was probably meant.
    #[arg(value_name = "PROMPT", num_args = 0..)]
    pub(crate) words: Vec<String>,
    /// Read the prompt from a file, or from standard input with `-`
    #[arg(long, value_name = "FILE", conflicts_with = "words")]
    pub(crate) prompt_file: Option<PathBuf>,

    /// Repository: a path, a URL, user@host:path, or `none` for an empty folder [default: the one
    /// that contains the current folder]
    #[arg(long, value_name = "PATH|URL", help_heading = "Repository")]
    pub(crate) repo: Option<String>,
    /// Branch to start from [default: the repository's HEAD]
    #[arg(long, value_name = "BRANCH", help_heading = "Repository")]
    pub(crate) branch: Option<String>,
    /// Commit to start from; in a local repository any revision, such as a tag or HEAD~1
    #[arg(long, value_name = "COMMIT", help_heading = "Repository")]
    pub(crate) commit: Option<String>,
    /// Take the uncommitted changes of the checkout along
    #[arg(long, conflicts_with_all = ["branch", "commit"], help_heading = "Repository")]
    pub(crate) with_changes: bool,

    /// Agent type, one of `ah agents`, with a version if the installed one must have it [default:
    /// task.agent of the configuration, otherwise the first installed one, otherwise the demo
    /// `scenario`]
    #[arg(long, value_name = "TYPE[@VERSION]", help_heading = "Agent")]
    pub(crate) agent: Option<String>,
    /// Model to use [default: the agent's own]
    #[arg(long, value_name = "MODEL", help_heading = "Agent")]
    pub(crate) model: Option<String>,
    /// Play this scenario file; implies --agent scenario
    #[arg(long, value_name = "FILE", help_heading = "Agent")]
    pub(crate) scenario: Option<PathBuf>,
    /// Number of sessions to launch, each in its own workspace
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Agent")]
    pub(crate) instances: u32,
    /// Launch more than 5 sessions without asking
    #[arg(short, long, help_heading = "Agent")]
    pub(crate) yes: bool,
    /// How to handle the agent's permission requests [default: ask]
    #[arg(long, value_name = "POLICY", help_heading = "Agent")]
    pub(crate) permissions: Option<PolicyArg>,

    /// Wait for further prompts after a turn instead of ending
    #[arg(long, overrides_with = "no_interactive", help_heading = "Session")]
    pub(crate) interactive: bool,
    /// End after the first turn, even if the configuration says otherwise
    #[arg(long, help_heading = "Session")]
    pub(crate) no_interactive: bool,
    /// Time limit of the session, such as 30m
    #[arg(long, value_name = "DURATION", value_parser = value::duration, help_heading = "Session")]
    pub(crate) timeout: Option<Duration>,
    /// Priority among queued sessions [default: normal]
    #[arg(long, value_name = "PRIORITY", help_heading = "Session")]
    pub(crate) priority: Option<PriorityArg>,
    /// Label to attach to the session; can be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label,
          help_heading = "Session")]
    pub(crate) labels: Vec<(String, String)>,
    /// Follow the session until it ends
    #[arg(short, long, overrides_with = "no_follow", help_heading = "Session")]
    pub(crate) follow: bool,
    /// Do not follow the session, even if the configuration says otherwise
    #[arg(long, help_heading = "Session")]
    pub(crate) no_follow: bool,
}

/// `--permissions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Prompt for each
    Ask,
    /// Approve all
    Allow,
    /// Deny all
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
    /// Run in the order of launch
    Normal,
    /// Run before all normal sessions
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

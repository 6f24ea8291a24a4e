//! `ah session …`.

use ah_rest_api_contract::{EventSeq, EventType, LogLevel, SessionStatus};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::value::{self, TimeArg};

/// The session commands.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    #[command(visible_alias = "ls")]
    List(ListArgs),
    #[command(visible_alias = "show")]
    Get(GetArgs),
    #[command(visible_alias = "attach")]
    Follow(FollowArgs),
    Events(EventsArgs),
    #[command(alias = "log")]
    Logs(LogsArgs),
    Diff(DiffArgs),
    Checkout(CheckoutArgs),
    /// List the changed files of a session
    ///
    /// Status letters are git's: A added, M modified, D deleted, R renamed.
    Files(FilesArgs),
    Cat(CatArgs),
    Attachments(AttachmentsArgs),
    Prompt(PromptArgs),
    Prompts(PromptsArgs),
    /// List the permission requests of a session
    ///
    /// Shows pending requests with their options, and the outcome of the others.
    #[command(after_help = "Examples:
  ah session permissions
  ah session answer allow")]
    Permissions(TargetArgs),
    Answer(AnswerArgs),
    /// Interrupt the agent's current turn
    ///
    /// An interactive session continues. Any other session ends with the turn, unless a prompt is
    /// queued.
    #[command(after_help = "Examples:
  ah session interrupt")]
    Interrupt(TargetArgs),
    /// Pause a session by freezing its processes
    ///
    /// A paused session uses no CPU time and keeps its slot. Returns once it is paused.
    #[command(after_help = "Examples:
  ah session pause")]
    Pause(TargetArgs),
    Resume(ResumeArgs),
    Stop(StopArgs),
    /// Kill a session and discard its workspace
    ///
    /// Kills the session's processes, removes its workspace and hides it from lists. Its history
    /// remains available with `ah session events`. A session that has ended is only hidden.
    #[command(
        visible_alias = "rm",
        after_help = "Examples:
  ah session cancel 7K2M"
    )]
    Cancel(TargetArgs),
}

/// A session, by any form of its ID.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Session ID, its beginning or end, or ah/ID [default: the latest session]
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

/// Show one session
///
/// Prints a summary: prompt, status, changes and usage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session get
  ah session get 7K2M --json | jq .status
  ah session get 7K2M --debug")]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Show the state of the processes that run the session
    #[arg(long)]
    pub(crate) debug: bool,
}

/// List sessions, newest first
///
/// Shows ID, status, agent, repository, age, changes and prompt. On a terminal, only the end of
/// the ID is shown, which is enough to name the session, and the prompt is cut to the width.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session list
  ah session list --status running,paused
  ah session list --label team=payments
  ah session list --repo my-project --since 2d
  ah session list --all --limit 0 --json | jq -r '.items[].id'")]
pub(crate) struct ListArgs {
    /// Filter by status
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status())]
    pub(crate) status: Vec<SessionStatus>,
    /// Filter by agent
    #[arg(long, value_name = "TYPE")]
    pub(crate) agent: Option<String>,
    /// Filter by label; with several, a session must have all
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = value::label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Include cancelled sessions
    #[arg(long)]
    pub(crate) all: bool,
    /// Filter by repository: its name, or a part of its path or URL
    #[arg(long, value_name = "NAME")]
    pub(crate) repo: Option<String>,
    /// Show sessions launched within this time, such as 2h, or since a time such as 2026-01-31
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) since: Option<TimeArg>,
    /// Show sessions launched before this time
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) until: Option<TimeArg>,
    /// Maximum number of sessions; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
}

/// Follow a session until it ends
///
/// Shows the history from the beginning, then live progress. On a terminal, permission requests of
/// the agent are answered here. Ctrl-C detaches and the session keeps running; a second Ctrl-C
/// within a second stops it. The exit code reflects the end of the session, as with `ah task
/// --follow`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session follow
  ah session follow 7K2M
  ah session follow 7K2M --after 120 --json | jq -c 'select(.type == \"file_edit\")'")]
pub(crate) struct FollowArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Start after the event with this number
    #[arg(long, value_name = "SEQ", default_value = "0")]
    pub(crate) after: EventSeq,
}

/// Show a session's events
///
/// Events are numbered from 1 without gaps (`seq`). Filters do not change the numbers. Times are
/// UTC.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session events
  ah session events 7K2M --type tool_use,tool_result
  ah session events --after 120 --follow --json")]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Show only events after the one with this number
    #[arg(long, value_name = "SEQ", default_value = "0")]
    pub(crate) after: EventSeq,
    /// Filter by event type
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = event_type())]
    pub(crate) types: Vec<EventType>,
    /// Follow new events until the session ends
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// Show a session's log
///
/// Shows messages, tools with their output, changes of the status, errors, and log lines of the
/// access point. `--level debug` adds thoughts and the standard error of the agent. Times are UTC.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session logs --tail 20
  ah session logs 7K2M -f --level warn")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Follow new lines until the session ends
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Show only the last N existing lines
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Minimum level of the lines to show; `info` by default
    #[arg(long, value_name = "LEVEL", value_parser = log_level())]
    pub(crate) level: Option<LogLevel>,
}

/// Show the changes of a session
///
/// Compares the session's workspace, including untracked files, with the commit it started from.
/// Output to a pipe or a file is a patch for `git apply`.
#[derive(Debug, Args)]
#[command(
    override_usage = "ah session diff [OPTIONS] [ID] [FILE]... [-- <FILE>...]",
    after_help = "Examples:
  ah session diff | git apply
  ah session diff 7K2M --stat
  ah session diff 7K2M src/main.rs --context 10
  ah session diff -- src/main.rs"
)]
pub(crate) struct DiffArgs {
    /// Session, then files; if the first word matches no session, it is a file
    #[arg(value_name = "ID] [FILE")]
    pub(crate) words: Vec<String>,
    /// Files
    #[arg(last = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Lines of context around each change, up to 10
    #[arg(
        short = 'U',
        long,
        value_name = "N",
        default_value_t = 3,
        conflicts_with = "full"
    )]
    pub(crate) context: u32,
    /// Show complete files as context
    #[arg(long)]
    pub(crate) full: bool,
    /// Show only line counts per file
    #[arg(long)]
    pub(crate) stat: bool,
}

/// List the changed files of a session
///
/// Status letters are git's: A added, M modified, D deleted, R renamed. With --all, lists every file
/// of the workspace that git does not ignore, and marks the changed ones.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session files
  ah session files 7K2M --json | jq -r '.items[].path'
  ah session files 7K2M --all --in src")]
pub(crate) struct FilesArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// List the files that did not change as well
    #[arg(long)]
    pub(crate) all: bool,
    /// List only the files in this folder
    #[arg(long = "in", value_name = "FOLDER", requires = "all")]
    pub(crate) folder: Option<String>,
}

/// Print a file of a session's workspace
///
/// The file need not have changed. The workspace of an ended session is that of its end. A terminal
/// shows text without control characters; anything else receives the exact bytes.
#[derive(Debug, Args)]
#[command(
    override_usage = "ah session cat [OPTIONS] [ID] <FILE>",
    after_help = "Examples:
  ah session cat src/main.rs
  ah session cat 7K2M docs/plan.md > plan.md"
)]
pub(crate) struct CatArgs {
    /// Session [default: the latest one], then the file, relative to the workspace
    #[arg(value_name = "ID> <FILE", required = true, num_args = 1..=2)]
    pub(crate) words: Vec<String>,
}

/// List the images, sounds and documents of a session, or save one
///
/// Shows the hash of each, the event that refers to it, its size, media type and original address.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session attachments
  ah session attachments 7K2M --save 3f8a01 -o plot.png")]
pub(crate) struct AttachmentsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Write the attachment with this hash, or with a hash that begins so
    #[arg(long, value_name = "HASH")]
    pub(crate) save: Option<String>,
    /// File to write it to [default: standard output]
    #[arg(short, long, value_name = "FILE", requires = "save")]
    pub(crate) output: Option<std::path::PathBuf>,
}

/// Check out the work of a session as a branch
///
/// Creates the branch ah/ID in the repository of the current folder and switches to it. The branch has
/// the agent's commits. After the end of the session, work that the agent did not commit is a
/// further commit. The repository must contain the commit from which the session started.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session checkout
  ah session checkout 7K2M --branch try-1
  ah session checkout 7K2M --no-switch")]
pub(crate) struct CheckoutArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Name of the branch [default: ah/ID]
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<String>,
    /// Create the branch without switching to it
    #[arg(long)]
    pub(crate) no_switch: bool,
}

/// Send a prompt to a session's agent
///
/// The prompt is delivered after the current turn, or during it with --steer if the agent supports
/// steering. If the session has ended, the command offers to continue its work in a new session,
/// whose workspace starts with the files that the old one left.
#[derive(Debug, Args)]
#[command(
    override_usage = "ah session prompt [OPTIONS] [ID] <PROMPT>",
    after_help = "Examples:
  ah session prompt \"Also update the changelog\"
  ah session prompt 7K2M --steer \"Not that file\""
)]
pub(crate) struct PromptArgs {
    /// Prompt text, preceded by the session ID unless it is the latest session
    #[arg(value_name = "PROMPT", required = true, num_args = 1..)]
    pub(crate) words: Vec<String>,
    /// Deliver during the current turn if the agent supports steering
    #[arg(long)]
    pub(crate) steer: bool,
    /// If the session has ended, continue its work in a new session without asking
    #[arg(long = "continue", conflicts_with = "steer")]
    pub(crate) continues: bool,
}

/// List the prompts of a session, or withdraw one
///
/// Shows queued prompts and the outcome of the others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session prompts
  ah session prompts 7K2M --withdraw prompt-01JZ0000000000000000000000")]
pub(crate) struct PromptsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Withdraw this queued prompt
    #[arg(long, value_name = "PROMPT")]
    pub(crate) withdraw: Option<ah_rest_api_contract::PromptId>,
}

/// Answer a permission request of a session
///
/// The option is an ID, a number from `ah session permissions`, or `allow`, `deny` or `cancel`. The
/// request can be omitted if only one is pending, and the option if standard input is a terminal.
#[derive(Debug, Args)]
#[command(
    override_usage = "ah session answer [OPTIONS] [ID] [REQUEST] [OPTION]",
    after_help = "Examples:
  ah session answer allow
  ah session answer 7K2M perm-01JZ0000000000000000000000 allow"
)]
pub(crate) struct AnswerArgs {
    /// Session, request and option; the first two are optional
    #[arg(value_name = "ID] [REQUEST] [OPTION", num_args = 0..=3)]
    pub(crate) words: Vec<String>,
}

/// Resume a paused session
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session resume
  ah session resume 7K2M --prompt \"Please continue with the tests\"")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Prompt to send after resuming
    #[arg(long, value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
}

/// Stop a session
///
/// Asks the agent to exit, then kills it. The workspace and the branch are kept. Returns once no
/// process of the session is left.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session stop
  ah session stop 7K2M --reason \"took the wrong turn\"")]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Reason to record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

fn status() -> impl TypedValueParser<Value = SessionStatus> {
    PossibleValuesParser::new(SessionStatus::ALL.map(SessionStatus::as_str))
        .map(|word| SessionStatus::from_word(&word).expect("the parser accepts only listed words"))
}

fn event_type() -> impl TypedValueParser<Value = EventType> {
    PossibleValuesParser::new(EventType::ALL.map(EventType::as_str))
        .map(|word| EventType::from_word(&word).expect("the parser accepts only listed words"))
}

fn log_level() -> impl TypedValueParser<Value = LogLevel> {
    PossibleValuesParser::new(LogLevel::ALL.map(LogLevel::as_str))
        .map(|word| LogLevel::from_word(&word).expect("the parser accepts only listed words"))
}

//! `ah session …`.

use ah_rest_api_contract::{EventSeq, EventType, LogLevel, SessionStatus};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

/// What can be done with a session.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    List(ListArgs),
    /// Show one session
    ///
    /// Prints a card: what was asked, where it is in its life, what it changed and used.
    #[command(after_help = "Examples:
  ah session get
  ah session get 7K2M --json | jq .status")]
    Get(TargetArgs),
    Follow(FollowArgs),
    Events(EventsArgs),
    Logs(LogsArgs),
    Diff(DiffArgs),
    /// List the files that a session changed
    ///
    /// Letters are those of git: A added, M modified, D deleted, R renamed.
    #[command(after_help = "Examples:
  ah session files
  ah session files 7K2M --json | jq -r '.items[].path'")]
    Files(TargetArgs),
    Prompt(PromptArgs),
    Prompts(PromptsArgs),
    /// List what a session's agent asked leave for
    ///
    /// Shows the requests that wait with their options, and what became of the others.
    #[command(after_help = "Examples:
  ah session permissions
  ah session answer allow_once")]
    Permissions(TargetArgs),
    Answer(AnswerArgs),
    /// End the agent's turn, not the session
    ///
    /// A session that is not interactive ends with its turn, unless a prompt waits.
    #[command(after_help = "Examples:
  ah session interrupt")]
    Interrupt(TargetArgs),
    /// Freeze every process of a session
    ///
    /// A paused session uses no processor and keeps its place. Returns when it is paused.
    #[command(after_help = "Examples:
  ah session pause")]
    Pause(TargetArgs),
    Resume(ResumeArgs),
    Stop(StopArgs),
    /// End a session at once and give up its workspace
    ///
    /// Its processes are killed, its workspace is removed, and it is hidden from lists. What it
    /// did can still be read with `ah session events`. A session that had ended is only hidden.
    #[command(after_help = "Examples:
  ah session cancel 7K2M")]
    Cancel(TargetArgs),
}

/// A session, by any form of its id.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// The session: its id, the beginning or the end of it, or ah/ID; the latest when absent
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

/// List sessions, newest first
///
/// Shows id, status, agent, repository, age, changes and prompt. On a terminal the end of the id
/// is shown, which is enough to name the session, and the prompt is cut to the width.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session list
  ah session list --status running,paused
  ah session list --all --limit 200 --json | jq -r '.items[].id'")]
pub(crate) struct ListArgs {
    /// Only those in one of these statuses
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status())]
    pub(crate) status: Vec<SessionStatus>,
    /// Only those of this agent
    #[arg(long, value_name = "TYPE")]
    pub(crate) agent: Option<String>,
    /// Cancelled ones too
    #[arg(long)]
    pub(crate) all: bool,
    /// At most this many, up to 200
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) limit: u32,
}

/// Watch a session until it has ended
///
/// Shows everything from the beginning, then what happens. On a terminal, what the agent asks
/// leave for is asked here. Ctrl-C leaves the session to itself; a second Ctrl-C within a second
/// stops it. The exit code tells how the session ended, as with `ah task --follow`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session follow
  ah session follow 7K2M
  ah session follow 7K2M --after 120 --json | jq -c 'select(.type == \"file_edit\")'")]
pub(crate) struct FollowArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Begin after this event
    #[arg(long, value_name = "SEQ", default_value = "0")]
    pub(crate) after: EventSeq,
}

/// Show a session's events
///
/// Every event has a number, `seq`, from 1 and without gaps; filters choose events and never
/// renumber. Times are UTC.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session events
  ah session events 7K2M --type tool_use,tool_result
  ah session events --after 120 --follow --json")]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Only events after this one
    #[arg(long, value_name = "SEQ", default_value = "0")]
    pub(crate) after: EventSeq,
    /// Only events of these types
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = event_type())]
    pub(crate) types: Vec<EventType>,
    /// Go on with the events to come, until the session has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// Show a session's log
///
/// The lines that the agent, its tools and the access point logged, and the errors that the agent
/// reported. Times are UTC.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session logs --tail 20
  ah session logs 7K2M -f --level warn")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Go on with the lines to come, until the session has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last N lines of what there is
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Only lines that matter at least this much
    #[arg(long, value_name = "LEVEL", value_parser = log_level())]
    pub(crate) level: Option<LogLevel>,
}

/// Show what a session changed
///
/// The difference between the commit that the session began at and what its workspace has now,
/// untracked files included. What is written to a pipe or a file is a patch that git takes.
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
    /// The session, then files of it; a first word that names no session is a file
    #[arg(value_name = "ID] [FILE")]
    pub(crate) words: Vec<String>,
    /// Files, never a session
    #[arg(last = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Show this many lines around each change, up to 10
    #[arg(
        short = 'U',
        long,
        value_name = "N",
        default_value_t = 3,
        conflicts_with = "full"
    )]
    pub(crate) context: u32,
    /// Show the whole files around the changes
    #[arg(long)]
    pub(crate) full: bool,
    /// Only count the changed lines of each file
    #[arg(long)]
    pub(crate) stat: bool,
}

/// Say something to a session's agent
///
/// The agent takes it when its turn is over, or in the middle of it with --steer, if it can.
#[derive(Debug, Args)]
#[command(
    override_usage = "ah session prompt [OPTIONS] [ID] <PROMPT>",
    after_help = "Examples:
  ah session prompt \"Also update the changelog\"
  ah session prompt 7K2M --steer \"Not that file\""
)]
pub(crate) struct PromptArgs {
    /// What to say; before it the session's ID, unless it is the latest
    #[arg(value_name = "PROMPT", required = true, num_args = 1..=2)]
    pub(crate) words: Vec<String>,
    /// In the middle of a turn, where the agent can be steered
    #[arg(long)]
    pub(crate) steer: bool,
}

/// List a session's prompts, or take one back
///
/// Shows those that wait and what became of the others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session prompts
  ah session prompts 7K2M --withdraw prompt-01JZ0000000000000000000000")]
pub(crate) struct PromptsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Take back this prompt, which still waits
    #[arg(long, value_name = "PROMPT")]
    pub(crate) withdraw: Option<ah_rest_api_contract::PromptId>,
}

/// Answer what a session's agent asks leave for
///
/// An option is named by its id, by its number in `ah session permissions`, or by `allow`, `deny`
/// and `cancel`. The request may be left out when only one waits, the option when somebody can be
/// asked at the terminal.
#[derive(Debug, Args)]
#[command(
    override_usage = "ah session answer [OPTIONS] [ID] [REQUEST] [OPTION]",
    after_help = "Examples:
  ah session answer allow
  ah session answer 7K2M perm-01JZ0000000000000000000000 allow_once"
)]
pub(crate) struct AnswerArgs {
    /// The session, the request and the option; each of the first two may be left out
    #[arg(value_name = "ID] [REQUEST] [OPTION", num_args = 0..=3)]
    pub(crate) words: Vec<String>,
}

/// Let a paused session go on
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session resume
  ah session resume 7K2M --prompt \"Please continue with the tests\"")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Say this to its agent
    #[arg(long, value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
}

/// End a session
///
/// Its agent is asked, then made, to end. Its workspace and branch stay. Returns when no process
/// of the session is left.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ah session stop
  ah session stop 7K2M --reason \"took the wrong turn\"")]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

fn status() -> impl TypedValueParser<Value = SessionStatus> {
    PossibleValuesParser::new(SessionStatus::ALL.map(SessionStatus::as_str)).map(|word| {
        SessionStatus::from_word(&word).expect("only words of the list pass the parser before")
    })
}

fn event_type() -> impl TypedValueParser<Value = EventType> {
    PossibleValuesParser::new(EventType::ALL.iter().map(|event_type| event_type.as_str())).map(
        |word| EventType::from_word(&word).expect("only words of the list pass the parser before"),
    )
}

fn log_level() -> impl TypedValueParser<Value = LogLevel> {
    const ALL: [LogLevel; 5] = [
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ];
    PossibleValuesParser::new(ALL.map(LogLevel::as_str)).map(|word| {
        ALL.into_iter()
            .find(|level| level.as_str() == word)
            .expect("only words of the list pass the parser before")
    })
}

//! The events of a session: a closed vocabulary.
//!
//! [`EventPayload`] is what is stored and numbered; [`EphemeralEvent`] is what a reader may be
//! shown besides, never stored and never numbered; [`Gap`] says that retention took a stretch.

pub mod fleet;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ContentBlock, EventSeq, FieldErrors, MessageId, PageRequest, PermissionRequested,
    PermissionResolved, PromptId, SessionId, SessionStatus, Timestamp,
};

/// One event of one session's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// Its place in the log, and the cursor of a reader that has seen it.
    pub seq: EventSeq,
    /// When it happened, by the clock of the host where it happened.
    pub ts: Timestamp,
    /// The session it happened to.
    #[serde(rename = "sessionId")]
    pub session_id: SessionId,
    /// What happened.
    #[serde(flatten)]
    pub payload: EventPayload,
}

/// What an event says. The word in `type` is also the name of its SSE event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventPayload {
    /// The session went from one status to another.
    Status(StatusChange),
    /// A line of the agent's or the server's log.
    Log(Log),
    /// Something was said, by the user or the agent.
    Message(Message),
    /// The agent thought something.
    Thought(Thought),
    /// The agent began to use a tool.
    ToolUse(ToolUse),
    /// A tool that the agent used has ended.
    ToolResult(ToolResult),
    /// The agent changed a file.
    FileEdit(FileEdit),
    /// What the agent changed in a file, as texts.
    Diff(DiffEvent),
    /// The agent asks leave for something.
    PermissionRequest(PermissionRequested),
    /// A permission request was settled.
    PermissionResolved(PermissionResolved),
    /// The agent's plan, whole.
    Plan(Plan),
    /// What a turn has used.
    Usage(Usage),
    /// How far the agent says it is.
    Progress(Progress),
    /// The agent, or its model, reported an error.
    Error(ErrorEvent),
    /// A moment worth going back to.
    Moment(Moment),
    /// The work was handed over.
    Delivery(DeliveryEvent),
    /// A fence over the followers of a fleet has begun.
    #[serde(rename = "fenceStarted")]
    FenceStarted(fleet::FenceStarted),
    /// A fence over the followers of a fleet has ended.
    #[serde(rename = "fenceResult")]
    FenceResult(fleet::FenceResult),
    /// A follower began to run a command.
    #[serde(rename = "hostStarted")]
    HostStarted(fleet::HostStarted),
    /// A follower's command printed something.
    #[serde(rename = "hostLog")]
    HostLog(fleet::HostLog),
    /// A follower's command ended.
    #[serde(rename = "hostExited")]
    HostExited(fleet::HostExited),
    /// Which followers passed and which failed.
    Summary(fleet::Summary),
    /// The followers there are.
    #[serde(rename = "followersCatalog")]
    FollowersCatalog(fleet::FollowersCatalog),
    /// A remark of the fleet's leader.
    Note(fleet::Note),
}

impl EventPayload {
    /// Which event it is.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::Status(_) => EventType::Status,
            Self::Log(_) => EventType::Log,
            Self::Message(_) => EventType::Message,
            Self::Thought(_) => EventType::Thought,
            Self::ToolUse(_) => EventType::ToolUse,
            Self::ToolResult(_) => EventType::ToolResult,
            Self::FileEdit(_) => EventType::FileEdit,
            Self::Diff(_) => EventType::Diff,
            Self::PermissionRequest(_) => EventType::PermissionRequest,
            Self::PermissionResolved(_) => EventType::PermissionResolved,
            Self::Plan(_) => EventType::Plan,
            Self::Usage(_) => EventType::Usage,
            Self::Progress(_) => EventType::Progress,
            Self::Error(_) => EventType::Error,
            Self::Moment(_) => EventType::Moment,
            Self::Delivery(_) => EventType::Delivery,
            Self::FenceStarted(_) => EventType::FenceStarted,
            Self::FenceResult(_) => EventType::FenceResult,
            Self::HostStarted(_) => EventType::HostStarted,
            Self::HostLog(_) => EventType::HostLog,
            Self::HostExited(_) => EventType::HostExited,
            Self::Summary(_) => EventType::Summary,
            Self::FollowersCatalog(_) => EventType::FollowersCatalog,
            Self::Note(_) => EventType::Note,
        }
    }

    /// Whether it belongs among a session's recent events: what the agent thinks, does and
    /// edits, which is what a card of the session shows.
    #[must_use]
    pub const fn is_recent_activity(&self) -> bool {
        matches!(
            self,
            Self::Thought(_) | Self::ToolUse(_) | Self::ToolResult(_) | Self::FileEdit(_)
        )
    }
}

macro_rules! event_types {
    ($($variant:ident => $word:literal),+ $(,)?) => {
        /// The name of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(Serialize, Deserialize)]
        pub enum EventType {
            $(#[doc = concat!("`", $word, "`")] #[serde(rename = $word)] $variant,)+
        }

        impl EventType {
            /// Every stored event's name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

event_types! {
    Status => "status",
    Log => "log",
    Message => "message",
    Thought => "thought",
    ToolUse => "tool_use",
    ToolResult => "tool_result",
    FileEdit => "file_edit",
    Diff => "diff",
    PermissionRequest => "permission_request",
    PermissionResolved => "permission_resolved",
    Plan => "plan",
    Usage => "usage",
    Progress => "progress",
    Error => "error",
    Moment => "moment",
    Delivery => "delivery",
    FenceStarted => "fenceStarted",
    FenceResult => "fenceResult",
    HostStarted => "hostStarted",
    HostLog => "hostLog",
    HostExited => "hostExited",
    Summary => "summary",
    FollowersCatalog => "followersCatalog",
    Note => "note",
}

impl EventType {
    /// The name behind a word; the inverse of [`EventType::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|event_type| event_type.as_str() == word)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `status`: the session went from one status to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusChange {
    /// The status it has now.
    pub status: SessionStatus,
    /// The status it had; absent on the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SessionStatus>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The agent's exit code, when it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the agent, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// How much a log line matters, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// What one would want to know.
    Info,
    /// What one wants to know when something is wrong.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// `log`: a line of the agent's or the server's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// The tool run that printed it; absent when no tool did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_execution_id: Option<String>,
}

/// Who said a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageRole {
    /// A person or program that steers the session.
    User,
    /// The agent.
    Assistant,
}

/// How a user's message reached the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptDelivery {
    /// It is what the session was started with.
    Initial,
    /// It waited until the agent had finished its turn.
    Queued,
    /// It was given to the agent in the middle of a turn.
    Steered,
}

/// `message`: something was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who said it.
    pub role: MessageRole,
    /// Names it. Deltas of it carry the same id.
    pub message_id: MessageId,
    /// What was said.
    pub content: Vec<ContentBlock>,
    /// Which user said it; only on user messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// How it reached the agent; only on user messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<PromptDelivery>,
    /// The prompt it was; only on user messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<PromptId>,
}

/// `thought`: the agent thought something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thought {
    /// The thought.
    pub thought: String,
    /// What led to it, where the agent tells it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
}

/// The only status of a `tool_use`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolUseStatus {
    /// The tool is running.
    #[default]
    Started,
}

/// `tool_use`: the agent began to use a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// The tool.
    pub tool_name: String,
    /// What it was given.
    pub tool_args: Map<String, Value>,
    /// Names this run of the tool, within the session.
    pub tool_execution_id: String,
    /// Always `started`.
    pub status: ToolUseStatus,
}

/// How a tool run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// It did what it was asked.
    Completed,
    /// It did not.
    Failed,
}

/// `tool_result`: a tool that the agent used has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The tool.
    pub tool_name: String,
    /// What it gave back. At most 64 KiB; longer output has its middle left out, in words.
    pub tool_output: String,
    /// The run, as in its `tool_use`.
    pub tool_execution_id: String,
    /// How it ended.
    pub status: ToolOutcome,
    /// The exit code, for a tool that ran a command to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// `file_edit`: the agent changed a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileEdit {
    /// The file, relative to the workspace.
    pub file_path: String,
    /// Lines that this edit added.
    pub lines_added: u64,
    /// Lines that this edit removed.
    pub lines_removed: u64,
    /// What the edit is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// `diff`: what the agent changed in a file, as texts. Large ones (over 64 KiB or 2,000 lines)
/// carry heads and tails instead of the whole (contract §5.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffEvent {
    /// The tool run that changed it.
    pub tool_execution_id: String,
    /// The file, absolute.
    pub path: String,
    /// The text before, when it is not large.
    #[serde(rename = "oldText", default, skip_serializing_if = "Option::is_none")]
    pub old_text: Option<String>,
    /// The text after, when it is not large.
    #[serde(rename = "newText", default, skip_serializing_if = "Option::is_none")]
    pub new_text: Option<String>,
    /// The first 200 lines before, at most 64 KiB.
    #[serde(
        rename = "oldTextHead",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub old_text_head: Option<String>,
    /// The first 200 lines after, at most 64 KiB.
    #[serde(
        rename = "newTextHead",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub new_text_head: Option<String>,
    /// The last 50 lines before.
    #[serde(
        rename = "oldTextTail",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub old_text_tail: Option<String>,
    /// The last 50 lines after.
    #[serde(
        rename = "newTextTail",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub new_text_tail: Option<String>,
    /// Whether heads and tails stand for the texts; absent when not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// Where the whole diff is; only with `truncated`.
    #[serde(
        rename = "fullDiffUrl",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub full_diff_url: Option<String>,
}

/// How urgent a step of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanPriority {
    /// First.
    High,
    /// As it comes.
    Medium,
    /// If at all.
    Low,
}

/// How far a step of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Not begun.
    Pending,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanEntry {
    /// What is to be done.
    pub content: String,
    /// How far it is.
    pub status: PlanStatus,
    /// How urgent it is.
    pub priority: PlanPriority,
}

/// `plan`: the agent's plan, whole; it replaces the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps in order.
    pub entries: Vec<PlanEntry>,
}

/// `usage`: what a turn has used. As a session's total it is the sum of all turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that went to the model.
    pub input_tokens: u64,
    /// Tokens that came from it.
    pub output_tokens: u64,
    /// Those of the input that a cache served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// The price in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Tokens that fill the model's context now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_used: Option<u64>,
    /// Tokens that the context holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_size: Option<u64>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Usage {
    /// This total with one more turn: counts and cost add up; what tells of the present (context,
    /// model) is taken from the turn.
    #[must_use]
    pub fn with_turn(self, turn: &Self) -> Self {
        fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
            match (a, b) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
            }
        }
        Self {
            input_tokens: self.input_tokens.saturating_add(turn.input_tokens),
            output_tokens: self.output_tokens.saturating_add(turn.output_tokens),
            cached_tokens: sum(self.cached_tokens, turn.cached_tokens),
            cost_usd: match (self.cost_usd, turn.cost_usd) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
            },
            context_used: turn.context_used.or(self.context_used),
            context_size: turn.context_size.or(self.context_size),
            model: turn.model.clone().or(self.model),
        }
    }
}

/// `progress`: how far the agent says it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Hundredths of the whole, 0 to 100.
    pub progress: u8,
    /// What it is at.
    pub stage: String,
}

/// `error`: the agent, or its model, reported an error. The session goes on unless a `status`
/// says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorEvent {
    /// What it said.
    pub message: String,
}

/// `moment`: a moment worth going back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// The snapshot of the workspace at that moment.
    #[serde(rename = "snapshotId")]
    pub snapshot_id: String,
    /// What it is.
    pub note: String,
}

/// `delivery`: the work was handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryEvent {
    /// How: `pr`, `branch` or `patch`.
    pub mode: String,
    /// Where it is.
    pub url: String,
}

/// What a reader may be shown besides the log: never stored, never numbered, and not to be
/// relied on. The later `message`, `thought` or `tool_result` is what counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EphemeralEvent {
    /// A piece of a message in the making.
    MessageDelta(MessageDelta),
    /// A piece of a thought in the making.
    ThoughtDelta(ThoughtDelta),
    /// A tool is at work.
    ToolProgress(ToolProgress),
}

/// `message_delta`: a piece of a message in the making.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageDelta {
    /// The message.
    pub message_id: MessageId,
    /// The piece of text.
    pub delta: String,
}

/// `thought_delta`: a piece of a thought in the making.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThoughtDelta {
    /// The piece of text.
    pub delta: String,
}

/// `tool_progress`: a tool is at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolProgress {
    /// The tool.
    pub tool_name: String,
    /// The last line it printed.
    pub last_line: String,
    /// The run, as in its `tool_use`.
    pub tool_execution_id: String,
}

/// `gap`: a stretch of the log that retention removed before the reader came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first event that the reader wanted and is gone.
    pub from_seq: EventSeq,
    /// The first event that is left.
    pub earliest_seq: EventSeq,
}

/// What a stream of one session's events yields.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamItem {
    /// An event of the log.
    Event(SessionEvent),
    /// Something besides the log; only when it was asked for.
    Ephemeral(EphemeralEvent),
    /// A stretch that is gone.
    Gap(Gap),
}

/// Which events a reader wants. The default wants all of them, and nothing ephemeral.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    types: Option<BTreeSet<EventType>>,
    level: Option<LogLevel>,
    ephemeral: bool,
}

impl EventFilter {
    /// Only events of these types; an empty list means all.
    #[must_use]
    pub fn with_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        let types: BTreeSet<_> = types.into_iter().collect();
        self.types = (!types.is_empty()).then_some(types);
        self
    }

    /// Only `log` events that matter at least as much as `level`. Other events are not judged.
    #[must_use]
    pub const fn with_level(mut self, level: LogLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// Ephemeral events too.
    #[must_use]
    pub const fn with_ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// Whether ephemeral events are wanted.
    #[must_use]
    pub const fn wants_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// The types that are wanted; `None` means all.
    #[must_use]
    pub const fn types(&self) -> Option<&BTreeSet<EventType>> {
        self.types.as_ref()
    }

    /// The level that `log` events need; `None` means any.
    #[must_use]
    pub const fn level(&self) -> Option<LogLevel> {
        self.level
    }

    /// Whether this event is wanted.
    #[must_use]
    pub fn admits(&self, payload: &EventPayload) -> bool {
        let of_type = self
            .types
            .as_ref()
            .is_none_or(|types| types.contains(&payload.event_type()));
        let of_level = match (payload, self.level) {
            (EventPayload::Log(log), Some(level)) => log.level <= level,
            _ => true,
        };
        of_type && of_level
    }
}

/// The order of a page of history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortOrder {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// Which stretch of a session's history is wanted, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Which events.
    pub filter: EventFilter,
    /// Only events after this place.
    pub after: Option<EventSeq>,
    /// Only events before this place.
    pub before: Option<EventSeq>,
    /// Only events at or after this moment.
    pub since: Option<Timestamp>,
    /// Only events before this moment.
    pub until: Option<Timestamp>,
    /// In which order.
    pub sort: SortOrder,
    /// Which page of the result.
    pub page: PageRequest,
}

impl EventQuery {
    /// The filter behind a comma list of event types, as queries carry it.
    ///
    /// # Errors
    /// Names `type` when a word is not an event's name.
    pub fn parse_types(list: &str) -> Result<Vec<EventType>, FieldErrors> {
        let mut errors = FieldErrors::default();
        let mut types = Vec::new();
        for word in list
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match EventType::from_word(word) {
                Some(event_type) => types.push(event_type),
                None => errors.add("type", format!("`{word}` is not an event type")),
            }
        }
        errors.into_result(types)
    }
}

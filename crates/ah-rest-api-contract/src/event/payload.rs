//! The contents of the events of a session's log (contract §0.4, §5.2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::constructor::constructor;
use crate::word::words;
use crate::{AttachmentRef, ContentBlock, MessageId, PromptId, SessionStatus};

/// `status`: the session changed its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct StatusChange {
    /// The current status.
    pub status: SessionStatus,
    /// The previous status; absent on the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<SessionStatus>,
    /// The reason, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The agent's exit code, if it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the agent, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

constructor! {
    /// Creates a change to a status, as the first event of a log has it.
    StatusChange::new(status: SessionStatus);
    optional previous: SessionStatus;
    optional reason: String;
    optional exit_code: i32;
    optional signal: i32;
}

/// The severity of a log line, the most severe first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// Normal operation.
    Info,
    /// Details for diagnosis.
    Debug,
    /// All details.
    Trace,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `log`: a line of the log of the agent or the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Log {
    /// The severity.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// The tool run that printed the line; absent if no tool did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_execution_id: Option<String>,
}

constructor! {
    /// Creates a line that no tool printed.
    Log::new(level: LogLevel, message: String);
    optional tool_execution_id: String;
}

/// The author of a message.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum MessageRole {
    /// A person or program that steers the session.
    User,
    /// The agent.
    Assistant,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The way in which a user's message reached the agent.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PromptDelivery {
    /// The prompt that started the session.
    Initial,
    /// The prompt waited for the end of the agent's turn.
    Queued,
    /// The prompt was passed to the agent during a turn.
    Steered,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `message`: a message of the user or the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Message {
    /// The author of the message: user or agent.
    pub role: MessageRole,
    /// The id of the message. Its deltas have the same id.
    pub message_id: MessageId,
    /// The content of the message.
    #[serde(deserialize_with = "crate::content::open_blocks")]
    pub content: Vec<ContentBlock>,
    /// The name of the user; only on user messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The way in which it reached the agent; only on user messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<PromptDelivery>,
    /// The id of the prompt; only on user messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<PromptId>,
}

constructor! {
    /// Creates a message without the fields of user messages.
    Message::new(role: MessageRole, message_id: MessageId, content: [Vec<ContentBlock>]);
    optional author: String;
    optional delivery: PromptDelivery;
    optional prompt_id: PromptId;
}

/// `thought`: a thought of the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Thought {
    /// The thought.
    pub thought: String,
    /// The reasoning that led to the thought, if the agent reports it separately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
}

constructor! {
    /// Creates a thought without reasoning.
    Thought::new(thought: String);
    optional reasoning: String;
}

/// The only status of a `tool_use`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ToolUseStatus {
    /// The tool is running.
    #[default]
    Started,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `tool_use`: the agent started a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ToolUse {
    /// The name of the tool.
    pub tool_name: String,
    /// The arguments of the tool.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub tool_args: Map<String, Value>,
    /// The id of this tool run, unique within the session.
    pub tool_execution_id: String,
    /// Always `started`.
    pub status: ToolUseStatus,
}

constructor! {
    /// Creates the start of a tool run.
    ToolUse::new(tool_execution_id: String, tool_name: String, tool_args: [Map<String, Value>]);
    or status: ToolUseStatus = ToolUseStatus::Started;
}

/// The result of a tool run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ToolOutcome {
    /// The tool succeeded.
    Completed,
    /// The tool failed.
    Failed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `tool_result`: a tool that the agent used ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ToolResult {
    /// The name of the tool.
    pub tool_name: String,
    /// The output of the tool. At most 64 KiB; in longer output a note replaces the middle.
    pub tool_output: String,
    /// The id of the tool run, as in its `tool_use`.
    pub tool_execution_id: String,
    /// The result of the tool run.
    pub status: ToolOutcome,
    /// The exit code of a tool that ran a command to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The images, sounds and binary documents in the output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentRef>,
}

constructor! {
    /// Creates the result of a tool run, without an exit code and attachments.
    ToolResult::new(tool_execution_id: String, tool_name: String, status: ToolOutcome, tool_output: String);
    optional exit_code: i32;
    or attachments: Vec<AttachmentRef> = Vec::new();
}

/// `file_edit`: the agent changed a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FileEdit {
    /// The path of the file, relative to the workspace.
    pub file_path: String,
    /// The number of lines that this edit added.
    pub lines_added: u64,
    /// The number of lines that this edit removed.
    pub lines_removed: u64,
    /// The purpose of the edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

constructor! {
    /// Creates a change of a file, without a description.
    FileEdit::new(file_path: String, lines_added: u64, lines_removed: u64);
    optional description: String;
}

/// `diff`: the texts of a file before and after the agent changed it. Texts over 64 KiB or 2,000
/// lines are replaced by their heads and tails (contract §5.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct DiffEvent {
    /// The id of the tool run that changed the file.
    pub tool_execution_id: String,
    /// The absolute path of the file.
    pub path: String,
    /// The text before the change, unless it is too large.
    #[serde(rename = "oldText", default, skip_serializing_if = "Option::is_none")]
    pub old_text: Option<String>,
    /// The text after the change, unless it is too large.
    #[serde(rename = "newText", default, skip_serializing_if = "Option::is_none")]
    pub new_text: Option<String>,
    /// The first 200 lines before the change, at most 64 KiB.
    #[serde(
        rename = "oldTextHead",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub old_text_head: Option<String>,
    /// The first 200 lines after the change, at most 64 KiB.
    #[serde(
        rename = "newTextHead",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub new_text_head: Option<String>,
    /// The last 50 lines before the change.
    #[serde(
        rename = "oldTextTail",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub old_text_tail: Option<String>,
    /// The last 50 lines after the change.
    #[serde(
        rename = "newTextTail",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub new_text_tail: Option<String>,
    /// True if heads and tails replace the texts; otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// The URL of the complete diff; only with `truncated`.
    #[serde(
        rename = "fullDiffUrl",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub full_diff_url: Option<String>,
}

constructor! {
    /// Creates a diff of a file without its texts.
    DiffEvent::new(tool_execution_id: String, path: String);
    optional old_text: String;
    optional new_text: String;
    optional old_text_head: String;
    optional new_text_head: String;
    optional old_text_tail: String;
    optional new_text_tail: String;
    optional truncated: bool;
    optional full_diff_url: String;
}

/// The priority of a step of a plan.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PlanPriority {
    /// High priority.
    High,
    /// Medium priority.
    Medium,
    /// Low priority.
    Low,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The progress of a step of a plan.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PlanStatus {
    /// Not started.
    Pending,
    /// In progress.
    InProgress,
    /// Done.
    Completed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PlanEntry {
    /// The description of the step.
    pub content: String,
    /// The progress of the step.
    pub status: PlanStatus,
    /// The priority of the step.
    pub priority: PlanPriority,
}

constructor! {
    /// Creates a step of a plan.
    PlanEntry::new(content: String, status: PlanStatus, priority: PlanPriority);
}

/// `plan`: the complete plan of the agent. It replaces the previous plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Plan {
    /// The steps in order.
    pub entries: Vec<PlanEntry>,
}

constructor! {
    /// Creates a plan of these steps.
    Plan::new(entries: [Vec<PlanEntry>]);
}

/// `usage`: the usage of a turn. In a session it is the sum of all turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// The number of tokens sent to the model.
    pub input_tokens: u64,
    /// The number of tokens received from the model.
    pub output_tokens: u64,
    /// The number of input tokens that a cache served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// The price in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// The number of tokens in the model's context now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_used: Option<u64>,
    /// The size of the model's context in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_size: Option<u64>,
    /// The name of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Usage {
    /// Returns this total with one more turn. Counts and cost are added; context and model are
    /// those of the turn.
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

/// `progress`: the progress of the workspace's creation, or that the agent reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Progress {
    /// The progress in percent, 0 to 100.
    #[cfg_attr(feature = "openapi", schema(maximum = 100))]
    pub progress: u8,
    /// The name of the current stage.
    pub stage: String,
}

constructor! {
    /// Creates a report of progress.
    Progress::new(progress: u8, stage: String);
}

/// `error`: the agent or its model reported an error. The session continues unless a `status` event
/// follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ErrorEvent {
    /// The error message.
    pub message: String,
}

constructor! {
    /// Creates an error with this message.
    ErrorEvent::new(message: String);
}

words!(open LogLevel, MessageRole, PromptDelivery, ToolUseStatus, ToolOutcome, PlanPriority, PlanStatus);

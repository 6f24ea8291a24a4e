//! What each event of a session's log says (contract §0.4, §5.2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::word::words;
use crate::{ContentBlock, MessageId, PromptId, SessionStatus};

/// `status`: the session went from one status to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// What one would want to know.
    Info,
    /// What one wants to know when something is wrong.
    Debug,
    /// Everything.
    Trace,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `log`: a line of the agent's or the server's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// How a user's message reached the agent.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PromptDelivery {
    /// It is what the session was started with.
    Initial,
    /// It waited until the agent had finished its turn.
    Queued,
    /// It was given to the agent in the middle of a turn.
    Steered,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `message`: something was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Thought {
    /// The thought.
    pub thought: String,
    /// What led to it, where the agent tells it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
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

/// `tool_use`: the agent began to use a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolUse {
    /// The tool.
    pub tool_name: String,
    /// What it was given.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub tool_args: Map<String, Value>,
    /// Names this run of the tool, within the session.
    pub tool_execution_id: String,
    /// Always `started`.
    pub status: ToolUseStatus,
}

/// How a tool run ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ToolOutcome {
    /// It did what it was asked.
    Completed,
    /// It did not.
    Failed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// `tool_result`: a tool that the agent used has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PlanPriority {
    /// First.
    High,
    /// As it comes.
    Medium,
    /// If at all.
    Low,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// How far a step of a plan is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum PlanStatus {
    /// Not begun.
    Pending,
    /// Begun.
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// The steps in order.
    pub entries: Vec<PlanEntry>,
}

/// `usage`: what a turn has used. As a session's total it is the sum of all turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// Hundredths of the whole, 0 to 100.
    #[cfg_attr(feature = "openapi", schema(maximum = 100))]
    pub progress: u8,
    /// What it is at.
    pub stage: String,
}

/// `error`: the agent, or its model, reported an error. The session goes on unless a `status`
/// says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorEvent {
    /// What it said.
    pub message: String,
}

words!(open LogLevel, MessageRole, PromptDelivery, ToolUseStatus, ToolOutcome, PlanPriority, PlanStatus);

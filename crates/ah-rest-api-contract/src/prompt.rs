//! Saying something to a session's agent (contract §0.12).

use serde::{Deserialize, Serialize};

use crate::object::objects;
use crate::word::{self, words};
use crate::{
    ErrorKind, FieldErrors, PromptContent, PromptDelivery, PromptId, SessionId, TaskManagerError,
    Timestamp,
};

/// The largest prompt that a running session takes, in bytes of content.
pub const PROMPT_BYTES_MAX: usize = 16 * 1024;

/// When a prompt should reach an agent that is on a turn.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryMode {
    /// After the turn.
    #[default]
    Queue,
    /// In the middle of the turn, where the agent can be steered; otherwise after it.
    Steer,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// Something to say to a session's agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(examples(json!({"prompt": "Now add a test"}), json!({"prompt": "Stop editing, only read", "delivery": "steer"}))))]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct PromptRequest {
    /// What to say.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::PromptInput))]
    pub prompt: PromptContent,
    /// When it should reach the agent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = "queue"))]
    pub delivery: DeliveryMode,
}

objects!(PromptRequest);

impl PromptRequest {
    /// A prompt that waits for the end of the turn.
    #[must_use]
    pub fn queued(prompt: impl Into<PromptContent>) -> Self {
        Self {
            prompt: prompt.into(),
            delivery: DeliveryMode::Queue,
        }
    }

    /// A prompt for the middle of the turn. An agent that cannot be steered gets it after the turn.
    #[must_use]
    pub fn steered(prompt: impl Into<PromptContent>) -> Self {
        Self {
            prompt: prompt.into(),
            delivery: DeliveryMode::Steer,
        }
    }

    /// This request, when an agent may be given it.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] naming `prompt` when it says nothing, and
    /// [`ErrorKind::PayloadTooLarge`] when it is over [`PROMPT_BYTES_MAX`].
    pub fn validated(self) -> Result<Self, TaskManagerError> {
        let size = self.prompt.size_bytes();
        if size > PROMPT_BYTES_MAX {
            return Err(TaskManagerError::new(
                ErrorKind::PayloadTooLarge,
                format!(
                    "the prompt has {size} bytes and a running session takes at most \
                     {PROMPT_BYTES_MAX}; put long material into a file of the workspace and name it"
                ),
            ));
        }
        let mut errors = FieldErrors::default();
        self.prompt.check("prompt", &mut errors);
        if self.delivery == DeliveryMode::Unknown {
            errors.add("delivery", "must be `queue` or `steer`");
        }
        Ok(errors.into_result(self)?)
    }
}

/// How far a prompt has come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PromptState {
    /// It waits in the session's queue.
    Queued,
    /// The agent has it.
    Delivered,
    /// It was taken back.
    Withdrawn,
    /// The session ended before the agent could take it.
    Undelivered,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A prompt of a session's queue, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Prompt {
    /// Names it.
    pub id: PromptId,
    /// What is said.
    pub content: PromptContent,
    /// When it should reach the agent.
    #[serde(deserialize_with = "word::open")]
    pub delivery: DeliveryMode,
    /// How far it has come.
    pub state: PromptState,
    /// Who said it.
    pub author: String,
    /// When it was said.
    pub created_at: Timestamp,
}

/// That a prompt was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PromptReceipt {
    /// The session.
    pub session_id: SessionId,
    /// Always true: a prompt that is not taken is a problem instead.
    pub accepted: bool,
    /// When it was taken.
    pub ts: Timestamp,
    /// Names the prompt in the session's queue.
    pub prompt_id: PromptId,
    /// How it reaches the agent: `queued` when the agent cannot be steered, whatever was asked.
    pub delivery: PromptDelivery,
}

words!(open PromptState);
words!(input DeliveryMode);

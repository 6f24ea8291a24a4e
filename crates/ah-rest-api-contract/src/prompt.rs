//! Prompts to a session's agent (contract §0.12).

use serde::{Deserialize, Serialize};

use crate::constructor::constructor;
use crate::object::objects;
use crate::word::{self, words};
use crate::{
    ErrorKind, FieldErrors, PromptContent, PromptDelivery, PromptId, SessionId, TaskManagerError,
    Timestamp,
};

/// The maximum size of a prompt to an existing session, in bytes of content.
pub const PROMPT_BYTES_MAX: usize = 16 * 1024;

/// The time of delivery of a prompt to an agent that is in a turn.
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
#[non_exhaustive]
pub enum DeliveryMode {
    /// Deliver after the turn.
    #[default]
    Queue,
    /// Deliver during the turn if the agent can be steered; otherwise after the turn.
    Steer,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A prompt to send to a session's agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(examples(json!({"prompt": "Now add a test"}), json!({"prompt": "Stop editing, only read", "delivery": "steer"}))))]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct PromptRequest {
    /// The content of the prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::PromptInput))]
    pub prompt: PromptContent,
    /// The time of delivery.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = "queue"))]
    pub delivery: DeliveryMode,
}

objects!(PromptRequest);

impl PromptRequest {
    /// Creates a prompt for delivery after the turn.
    #[must_use]
    pub fn queued(prompt: impl Into<PromptContent>) -> Self {
        Self {
            prompt: prompt.into(),
            delivery: DeliveryMode::Queue,
        }
    }

    /// Creates a prompt for delivery during the turn. An agent that cannot be steered receives it
    /// after the turn.
    #[must_use]
    pub fn steered(prompt: impl Into<PromptContent>) -> Self {
        Self {
            prompt: prompt.into(),
            delivery: DeliveryMode::Steer,
        }
    }

    /// Validates the request.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] naming `prompt` if it is empty, and [`ErrorKind::PayloadTooLarge`]
    /// if it exceeds [`PROMPT_BYTES_MAX`].
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

/// The state of a prompt.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PromptState {
    /// The prompt waits in the session's queue.
    Queued,
    /// The prompt was sent to the agent, which has not reacted to it yet.
    Sent,
    /// The prompt was delivered: the agent has begun to work on it.
    Delivered,
    /// The prompt was withdrawn.
    Withdrawn,
    /// The prompt was not delivered: the session ended first, or the agent cannot accept it.
    Undelivered,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A prompt of a session with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Prompt {
    /// The id of the prompt.
    pub id: PromptId,
    /// The content of the prompt.
    #[serde(deserialize_with = "crate::content::open_prompt")]
    pub content: PromptContent,
    /// The requested time of delivery.
    #[serde(deserialize_with = "word::open")]
    pub delivery: DeliveryMode,
    /// The state of the prompt.
    pub state: PromptState,
    /// The author of the prompt.
    pub author: String,
    /// The time at which the prompt was accepted.
    pub created_at: Timestamp,
}

constructor! {
    /// Creates a queued prompt.
    Prompt::new(id: PromptId, content: PromptContent, author: String, created_at: Timestamp);
    or delivery: DeliveryMode = DeliveryMode::Queue;
    or state: PromptState = PromptState::Queued;
}

/// The receipt of an accepted prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PromptReceipt {
    /// The id of the session.
    pub session_id: SessionId,
    /// Always true: a rejected prompt is a problem instead.
    pub accepted: bool,
    /// The time at which the prompt was accepted.
    pub ts: Timestamp,
    /// The id of the prompt in the session's queue.
    pub prompt_id: PromptId,
    /// The delivery of the prompt: `queued` if the agent cannot be steered, regardless of the
    /// request.
    pub delivery: PromptDelivery,
}

impl PromptReceipt {
    /// Creates the receipt of a prompt that was accepted for the session.
    #[must_use]
    pub const fn of(session_id: SessionId, prompt: &Prompt) -> Self {
        Self {
            session_id,
            accepted: true,
            ts: prompt.created_at,
            prompt_id: prompt.id,
            delivery: match prompt.delivery {
                DeliveryMode::Steer => PromptDelivery::Steered,
                DeliveryMode::Queue | DeliveryMode::Unknown => PromptDelivery::Queued,
            },
        }
    }
}

words!(open PromptState);
words!(input DeliveryMode);

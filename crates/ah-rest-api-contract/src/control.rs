//! What a stop or a resume may say besides. Both requests may also come without a body, or with
//! `null`, which says nothing.

use serde::{Deserialize, Serialize};

use crate::object::objects;
use crate::{FieldErrors, PromptContent, PromptRequest, TaskManagerError};

/// The longest reason for a stop, in characters.
pub const REASON_CHARS_MAX: usize = 1024;

/// The body of `POST /sessions/{id}/stop`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(examples(json!({"reason": "No longer needed"}))))]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct StopRequest {
    /// Why, in words, for whoever reads the session's log. 1 to 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1024))]
    pub reason: Option<String>,
}

impl StopRequest {
    /// This request, when its reason is one.
    ///
    /// # Errors
    /// Names `reason` when it is empty or too long.
    pub fn validated(self) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if let Some(reason) = &self.reason
            && !(1..=REASON_CHARS_MAX).contains(&reason.chars().count())
        {
            errors.add(
                "reason",
                format!("must have 1 to {REASON_CHARS_MAX} characters"),
            );
        }
        errors.into_result(self)
    }
}

/// The body of `POST /sessions/{id}/resume`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(examples(json!({"prompt": "Please continue"}))))]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct ResumeRequest {
    /// What to say to the agent when it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::PromptInput>))]
    pub prompt: Option<PromptContent>,
}

objects!(StopRequest, ResumeRequest);

impl ResumeRequest {
    /// This request, when its prompt is one that [`PromptRequest::validated`] would take.
    ///
    /// # Errors
    /// Those of [`PromptRequest::validated`].
    pub fn validated(self) -> Result<Self, TaskManagerError> {
        let prompt = self
            .prompt
            .map(|prompt| PromptRequest::queued(prompt).validated())
            .transpose()?
            .map(|request| request.prompt);
        Ok(Self { prompt })
    }
}

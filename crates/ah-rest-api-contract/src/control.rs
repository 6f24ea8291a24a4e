//! The bodies of stop and resume requests. Both requests also accept no body, or `null`, which sets
//! no field.

use serde::{Deserialize, Serialize};

use crate::object::objects;
use crate::{FieldErrors, PromptContent, PromptRequest, TaskManagerError};

/// The maximum length of the reason for a stop, in characters.
pub const REASON_CHARS_MAX: usize = 1024;

/// The body of `POST /sessions/{id}/stop`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(examples(json!({"reason": "No longer needed"}))))]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct StopRequest {
    /// The reason, which is recorded in the session's log. 1 to 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1024))]
    pub reason: Option<String>,
}

impl StopRequest {
    /// Validates the reason.
    ///
    /// # Errors
    /// Names `reason` if it is empty or too long.
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
    /// The prompt for the agent after it resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::PromptInput>))]
    pub prompt: Option<PromptContent>,
}

objects!(StopRequest, ResumeRequest);

impl ResumeRequest {
    /// Validates the prompt as [`PromptRequest::validated`] does.
    ///
    /// # Errors
    /// The errors of [`PromptRequest::validated`].
    pub fn validated(self) -> Result<Self, TaskManagerError> {
        let prompt = self
            .prompt
            .map(|prompt| PromptRequest::queued(prompt).validated())
            .transpose()?
            .map(|request| request.prompt);
        Ok(Self { prompt })
    }
}

//! The dialects: parsing of requests and encoding of answers.
//!
//! A dialect does not know scripts. It parses a body into a [`Conversation`] and encodes an
//! [`Completion`], whole or as frames. Fields that agents do not read are left out or constant.

mod chat;
mod gemini;
mod ids;
mod messages;
mod responses;

use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::record::Dialect;
use crate::script::Fault;
use crate::stream::{Completion, Frame};
pub(crate) use ids::Ids;

/// The listed models, among them one that each agent knows.
const MODELS: &[&str] = &[
    "fake-model",
    "gpt-5.5",
    "claude-sonnet-4-5",
    "gemini-2.5-pro",
];

impl Dialect {
    /// Parses a body.
    pub(crate) fn read(self, body: &Value) -> Conversation {
        match self {
            Self::Responses => responses::read(body),
            Self::Chat => chat::read(body),
            Self::Messages => messages::read(body),
            Self::Gemini => gemini::read(body),
        }
    }

    /// Encodes the answer as a stream.
    pub(crate) fn frames(self, answer: &Completion, ids: &Ids) -> Vec<Frame> {
        match self {
            Self::Responses => responses::frames(answer, ids),
            Self::Chat => chat::frames(answer, ids),
            Self::Messages => messages::frames(answer, ids),
            Self::Gemini => gemini::frames(answer),
        }
    }

    /// Encodes the answer as one document.
    pub(crate) fn whole(self, answer: &Completion, ids: &Ids) -> Value {
        match self {
            Self::Responses => responses::whole(answer, ids),
            Self::Chat => chat::whole(answer, ids),
            Self::Messages => messages::whole(answer, ids),
            Self::Gemini => gemini::whole(answer),
        }
    }

    /// Returns the status and the body of a refusal.
    pub(crate) fn refusal(self, fault: Fault) -> (u16, Value) {
        let (status, kind, message) = match fault {
            Fault::Unauthorized => (401, "authentication_error", "the key is not valid (fake)"),
            Fault::RateLimited => (429, "rate_limit_error", "rate limit reached (fake)"),
            Fault::Overloaded => (529, "overloaded_error", "overloaded (fake)"),
            Fault::ContextLength | Fault::Cut | Fault::Truncated | Fault::Stall => (
                400,
                "invalid_request_error",
                "prompt is too long: 210000 tokens > 200000 maximum (fake)",
            ),
        };
        self.error(status, kind, message)
    }

    /// Encodes an error in the form of the dialect.
    pub(crate) fn error(self, status: u16, kind: &str, message: &str) -> (u16, Value) {
        match self {
            Self::Messages => (
                status,
                json!({"type": "error", "error": {"type": kind, "message": message}}),
            ),
            Self::Gemini => gemini::error(status, message),
            Self::Responses | Self::Chat => {
                let code = match (status, kind) {
                    (401, _) => "invalid_api_key",
                    (429, _) => "rate_limit_exceeded",
                    (400, _) => "context_length_exceeded",
                    _ => kind,
                };
                (
                    if status == 529 { 503 } else { status },
                    json!({"error": {"message": message, "type": kind, "code": code, "param": null}}),
                )
            }
        }
    }
}

/// `GET /v1/models`, in the forms of OpenAI and Anthropic at once.
pub(crate) fn models() -> Value {
    let models: Vec<Value> = MODELS
        .iter()
        .map(|id| {
            json!({
                "id": id, "object": "model", "type": "model", "display_name": id,
                "created": 0, "created_at": "2026-01-01T00:00:00Z", "owned_by": "fake",
            })
        })
        .collect();
    json!({
        "object": "list", "data": models, "has_more": false,
        "first_id": MODELS[0], "last_id": MODELS[MODELS.len() - 1],
        // Codex reads its own form of list, and accepts an empty one.
        "models": [],
    })
}

/// `GET /v1beta/models`, in Google's form.
pub(crate) fn gemini_models() -> Value {
    let models: Vec<Value> = MODELS
        .iter()
        .map(|id| {
            json!({
                "name": format!("models/{id}"), "displayName": id,
                "supportedGenerationMethods": ["generateContent"],
            })
        })
        .collect();
    json!({"models": models})
}

//! A turn: from a prompt to the answer to it.

use ah_rest_api_contract::{ErrorEvent, EventPayload};
use serde_json::Value;

use super::rpc::{RequestId, RpcError};
use super::usage::Tokens;
use super::{AcpDriver, Stage, errors};
use crate::protocol::TurnOutcome;
use ah_lifecycle::turns::AgentOutput;

/// A turn on its way.
pub(super) struct Turn {
    request: RequestId,
    is_cancelled: bool,
    /// Whether the agent was refused leave for something.
    is_refused: bool,
    /// Whether the agent has said that it cannot go on.
    is_broken: bool,
    /// The last piece of a message, when nothing but words came since.
    last_piece: Option<String>,
}

impl Turn {
    pub(super) const fn new(request: RequestId) -> Self {
        Self {
            request,
            is_cancelled: false,
            is_refused: false,
            is_broken: false,
            last_piece: None,
        }
    }

    /// Whether `id` is the answer that ends it.
    pub(super) fn awaits(&self, id: &Value) -> bool {
        self.request.is(id)
    }

    /// The agent was told to end it.
    pub(super) const fn cancelled(&mut self) {
        self.is_cancelled = true;
    }

    /// The agent was refused leave.
    pub(super) const fn refused(&mut self) {
        self.is_refused = true;
    }

    /// The agent cannot go on; what it says next is why.
    pub(super) const fn broken(&mut self) {
        self.is_broken = true;
    }

    /// The agent said this, or, with `None`, did something.
    pub(super) fn said(&mut self, piece: Option<&str>) {
        self.last_piece = piece.map(ToOwned::to_owned);
    }

    /// How it ended, with the reason that the agent gives (ACP, `StopReason`).
    fn outcome(
        &self,
        reason: &str,
        error_message: Option<&str>,
        cancel_completes: bool,
    ) -> TurnOutcome {
        let failed = |reason: &str| TurnOutcome::Failed {
            reason: reason.to_owned(),
        };
        match reason {
            "end_turn" if self.is_cancelled && cancel_completes => TurnOutcome::Interrupted,
            "end_turn" if self.is_broken => {
                let said = self.last_piece.as_deref().map_or("", str::trim);
                failed(if said.is_empty() {
                    "the agent could not go on, and did not say why"
                } else {
                    said
                })
            }
            "end_turn" => match (&self.last_piece, error_message) {
                (Some(said), Some(beginning)) if said.starts_with(beginning) => failed(said.trim()),
                _ => TurnOutcome::Completed,
            },
            "cancelled" if self.is_cancelled => TurnOutcome::Interrupted,
            "cancelled" if self.is_refused => {
                failed("the agent gave up its turn when it was refused leave")
            }
            "cancelled" => failed("the agent cancelled its turn by itself"),
            "max_tokens" => failed("the model came to its limit of tokens"),
            "max_turn_requests" => {
                failed("the agent came to its limit of requests to the model in one turn")
            }
            "refusal" => failed("the agent refused to go on"),
            other => failed(&format!(
                "the agent ended its turn for a reason that is not known, `{other}`"
            )),
        }
    }
}

impl AcpDriver {
    /// The turn was answered.
    pub(super) fn end_turn(
        &mut self,
        answer: &Result<Value, RpcError>,
        output: &mut Vec<AgentOutput>,
    ) {
        let Stage::Turn(turn) = std::mem::replace(&mut self.stage, Stage::Idle) else {
            return;
        };
        self.tools.turn_ended(output);
        let result = answer.as_ref().unwrap_or(&Value::Null);
        let quota = &result["_meta"]["quota"];
        let counted = Tokens::read(&result["usage"])
            .or_else(|| Tokens::read_snake_case(&quota["token_count"]));
        let model = model_in(quota).or_else(|| self.model());
        let usage = self.meter.turn_ended(counted, model);
        output.extend(usage.map(|usage| AgentOutput::Event(EventPayload::Usage(usage))));
        let outcome = match answer {
            Ok(result) => turn.outcome(
                result["stopReason"].as_str().unwrap_or("none"),
                self.quirks.error_message,
                self.quirks.cancel_completes,
            ),
            // What a cancelled turn stumbles over is part of its end.
            Err(_) if turn.is_cancelled => TurnOutcome::Interrupted,
            Err(error) => TurnOutcome::Failed {
                reason: errors::words(error),
            },
        };
        if let TurnOutcome::Failed { reason } = &outcome {
            let message = reason.clone();
            output.push(AgentOutput::Event(EventPayload::Error(ErrorEvent {
                message,
            })));
        }
        output.push(AgentOutput::TurnEnded(outcome));
    }
}

/// The model that a turn used, when it was one (`_meta.quota` of Gemini and codex-acp).
fn model_in(quota: &Value) -> Option<String> {
    match quota["model_usage"].as_array()?.as_slice() {
        [only] => only["model"].as_str().map(ToOwned::to_owned),
        _ => None,
    }
}

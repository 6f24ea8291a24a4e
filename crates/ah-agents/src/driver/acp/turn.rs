//! A turn: from a prompt to its answer.

use ah_rest_api_contract::{ErrorEvent, EventPayload};
use serde_json::Value;

use super::rpc::{RpcError, RpcId};
use super::usage::Tokens;
use super::{AcpDriver, SessionStage, errors};
use ah_lifecycle::TurnOutcome;
use ah_lifecycle::turns::AgentOutput;

/// A turn in progress.
pub(super) struct Turn {
    request: RpcId,
    is_cancelled: bool,
    /// True if a permission was denied.
    is_refused: bool,
    /// True if the agent has reported that it cannot continue.
    is_broken: bool,
    /// The last piece of a message, if only messages followed.
    last_piece: Option<String>,
}

impl Turn {
    pub(super) const fn new(request: RpcId) -> Self {
        Self {
            request,
            is_cancelled: false,
            is_refused: false,
            is_broken: false,
            last_piece: None,
        }
    }

    /// Returns true if `id` is the answer that ends the turn.
    pub(super) fn awaits(&self, id: &Value) -> bool {
        self.request.is(id)
    }

    /// Marks the turn as cancelled.
    pub(super) const fn cancelled(&mut self) {
        self.is_cancelled = true;
    }

    /// Marks a permission as denied.
    pub(super) const fn refused(&mut self) {
        self.is_refused = true;
    }

    /// Marks the agent as unable to continue. Its next message is the reason.
    pub(super) const fn broken(&mut self) {
        self.is_broken = true;
    }

    /// Records a piece of a message, or with `None` any other action.
    pub(super) fn add_text(&mut self, piece: Option<&str>) {
        self.last_piece = piece.map(ToOwned::to_owned);
    }

    /// Returns the outcome with the agent's reason (ACP, `StopReason`).
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
                let reason = self.last_piece.as_deref().map_or("", str::trim);
                failed(if reason.is_empty() {
                    "the agent could not continue and gave no reason"
                } else {
                    reason
                })
            }
            "end_turn" => match (&self.last_piece, error_message) {
                (Some(text), Some(beginning)) if text.starts_with(beginning) => failed(text.trim()),
                _ => TurnOutcome::Completed,
            },
            "cancelled" if self.is_cancelled => TurnOutcome::Interrupted,
            "cancelled" if self.is_refused => {
                failed("the agent ended its turn after a permission was denied")
            }
            "cancelled" => failed("the agent cancelled its own turn"),
            "max_tokens" => failed("the model reached its token limit"),
            "max_turn_requests" => failed("the agent reached its limit of model requests per turn"),
            "refusal" => failed("the agent refused to continue"),
            other => failed(&format!(
                "the agent ended its turn with an unknown reason, `{other}`"
            )),
        }
    }
}

impl AcpDriver {
    /// Ends the turn with its answer.
    pub(super) fn end_turn(
        &mut self,
        answer: &Result<Value, RpcError>,
        output: &mut Vec<AgentOutput>,
    ) {
        let SessionStage::Turn(turn) = std::mem::replace(&mut self.stage, SessionStage::Idle)
        else {
            return;
        };
        if turn.is_cancelled {
            self.tools.cancelled();
        }
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
            // An error after a cancellation is part of the interruption.
            Err(_) if turn.is_cancelled => TurnOutcome::Interrupted,
            Err(error) => TurnOutcome::Failed {
                reason: errors::words(error),
            },
        };
        if let TurnOutcome::Failed { reason } = &outcome {
            let message = reason.clone();
            output.push(AgentOutput::Event(EventPayload::Error(ErrorEvent::new(
                message,
            ))));
        }
        output.push(AgentOutput::TurnEnded(outcome));
    }
}

/// Returns the model of a turn, if there was only one (`_meta.quota` of Gemini and codex-acp).
fn model_in(quota: &Value) -> Option<String> {
    match quota["model_usage"].as_array()?.as_slice() {
        [only] => only["model"].as_str().map(ToOwned::to_owned),
        _ => None,
    }
}

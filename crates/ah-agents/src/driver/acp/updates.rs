//! Handles `session/update`, the agent's reports during its work.

use ah_rest_api_contract::{
    ContentBlock, EventPayload, LogLevel, Plan, PlanEntry, PlanPriority, PlanStatus,
};
use serde_json::Value;

use super::strays::log;
use super::usage::Tokens;
use super::{AcpDriver, SessionStage, content};
use ah_lifecycle::turns::{AgentOutput, Channel};

impl AcpDriver {
    pub(super) fn on_update(&mut self, params: &Value, output: &mut Vec<AgentOutput>) {
        // Before the session is open, updates belong to the history of another session. Updates of
        // other sessions, such as those of a subagent, are not part of this one.
        // An agent that names no session has only one.
        let is_ours = params["sessionId"].is_null() || params["sessionId"] == self.session;
        if !is_ours || matches!(self.stage, SessionStage::Opening(_) | SessionStage::Over) {
            return;
        }
        self.on_metrics(params);
        let update = &params["update"];
        match update["sessionUpdate"].as_str().unwrap_or_default() {
            "agent_message_chunk" => self.on_chunk(Channel::Message, update, output),
            "agent_thought_chunk" => self.on_chunk(Channel::Thought, update, output),
            "tool_call" | "tool_call_update" => {
                self.note_words(None);
                self.tools.update(update, output);
            }
            "plan" => {
                self.note_words(None);
                let entries = read_plan(&update["entries"]);
                output.push(AgentOutput::Event(EventPayload::Plan(Plan::new(entries))));
            }
            "usage_update" => self.on_usage(update, output),
            "config_option_update" => self
                .offers
                .set_config_options(update["configOptions"].clone()),
            "current_mode_update" => {
                let mode = update["currentModeId"].as_str().unwrap_or("another");
                output.push(log(LogLevel::Info, format!("the agent's mode is `{mode}`")));
            }
            "session_info_update" => self.on_thread_status(update),
            // The user's own prompt, and the available commands: the log has the former and does
            // not need the latter.
            "user_message_chunk" | "available_commands_update" => {}
            unknown => {
                let message = format!("the agent sends unknown updates `{unknown}`");
                self.strays.add_unknown(unknown, message, output);
            }
        }
    }

    fn on_chunk(&mut self, channel: Channel, update: &Value, output: &mut Vec<AgentOutput>) {
        // Qwen reports the usage of each request at the end of its message.
        if let Some(tokens) = Tokens::read(&update["_meta"]["usage"]) {
            self.meter.request(tokens);
        }
        let Some(content) = content::content_block(&update["content"]) else {
            return;
        };
        if let ContentBlock::Text { text } = &content {
            let is_foreign = channel == Channel::Thought
                && self
                    .quirks
                    .foreign_thought
                    .is_some_and(|beginning| text.starts_with(beginning));
            if text.is_empty() || is_foreign {
                return;
            }
            self.note_words((channel == Channel::Message).then_some(text));
        }
        output.push(AgentOutput::Chunk {
            channel,
            whole: update["messageId"].as_str().map(ToOwned::to_owned),
            content,
        });
    }

    fn note_words(&mut self, piece: Option<&str>) {
        if let SessionStage::Turn(turn) = &mut self.stage {
            turn.add_text(piece);
        }
    }

    fn on_usage(&mut self, update: &Value, output: &mut Vec<AgentOutput>) {
        self.meter.update(update);
        // Kimi and Vibe report it after the turn.
        if matches!(self.stage, SessionStage::Idle) {
            let usage = self.meter.context_change(self.model());
            output.extend(usage.map(|usage| AgentOutput::Event(EventPayload::Usage(usage))));
        }
    }

    /// Handles OpenHands' metadata of updates, which contains the usage of the session so far.
    fn on_metrics(&mut self, params: &Value) {
        let metrics = &params["_meta"]["field_meta"]["openhands.dev/metrics"];
        if let Some(tokens) = Tokens::read_snake_case(metrics) {
            self.meter.session(tokens, metrics["cost"].as_f64());
        }
    }

    /// Handles the thread status of codex-acp. It reports a turn with an unreachable model as
    /// completed, and the actual outcome separately.
    fn on_thread_status(&mut self, update: &Value) {
        let status = &update["_meta"]["codex"]["threadStatus"]["type"];
        if let SessionStage::Turn(turn) = &mut self.stage
            && *status == "systemError"
        {
            turn.broken();
        }
    }

    /// Returns the session's current model, if reported.
    pub(super) fn model(&self) -> Option<String> {
        self.offers.current_model().map(ToOwned::to_owned)
    }
}

/// Reads the entries of a plan (ACP, Agent Plan). Missing fields get default values.
fn read_plan(entries: &Value) -> Vec<PlanEntry> {
    let entries = entries.as_array().into_iter().flatten();
    let read = |entry: &Value| {
        Some(PlanEntry::new(
            entry["content"].as_str()?.to_owned(),
            match entry["status"].as_str() {
                Some("completed") => PlanStatus::Completed,
                Some("in_progress") => PlanStatus::InProgress,
                _ => PlanStatus::Pending,
            },
            match entry["priority"].as_str() {
                Some("high") => PlanPriority::High,
                Some("low") => PlanPriority::Low,
                _ => PlanPriority::Medium,
            },
        ))
    };
    entries.filter_map(read).collect()
}

//! What an agent tells while it works: `session/update`.

use ah_rest_api_contract::{
    ContentBlock, EventPayload, LogLevel, Plan, PlanEntry, PlanPriority, PlanStatus,
};
use serde_json::Value;

use super::usage::Tokens;
use super::{AcpDriver, Stage, UNKNOWN_UPDATES_MAX, content, log};
use ah_lifecycle::turns::{AgentOutput, Channel};

impl AcpDriver {
    pub(super) fn on_update(&mut self, params: &Value, output: &mut Vec<AgentOutput>) {
        // Before the session is open there is nothing to tell but the history of another one; and
        // what another session does, such as a helper's, is not this one's.
        let is_ours = params["sessionId"] == self.session.as_str();
        if !is_ours || matches!(self.stage, Stage::Opening(_) | Stage::Over) {
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
                output.push(AgentOutput::Event(EventPayload::Plan(Plan { entries })));
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
            // Our own words, and what could be typed: nothing that the log does not have or needs.
            "user_message_chunk" | "available_commands_update" => {}
            unknown => self.note_unknown(unknown, output),
        }
    }

    fn on_chunk(&mut self, channel: Channel, update: &Value, output: &mut Vec<AgentOutput>) {
        // Qwen counts each request at the end of what it said.
        if let Some(tokens) = Tokens::read(&update["_meta"]["usage"]) {
            self.meter.request(tokens);
        }
        let Some(content) = content::heard(&update["content"]) else {
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
        if let Stage::Turn(turn) = &mut self.stage {
            turn.said(piece);
        }
    }

    fn on_usage(&mut self, update: &Value, output: &mut Vec<AgentOutput>) {
        self.meter.update(update);
        // Kimi and Vibe tell it after the turn.
        if matches!(self.stage, Stage::Idle) {
            let usage = self.meter.news(self.model());
            output.extend(usage.map(|usage| AgentOutput::Event(EventPayload::Usage(usage))));
        }
    }

    /// OpenHands counts in the metadata of each update what the session has used so far.
    fn on_metrics(&mut self, params: &Value) {
        let metrics = &params["_meta"]["field_meta"]["openhands.dev/metrics"];
        if let Some(tokens) = Tokens::read_snake_case(metrics) {
            self.meter.session(tokens, metrics["cost"].as_f64());
        }
    }

    /// codex-acp ends a turn as completed whose model was out of reach, and tells beside it what
    /// became of the thread.
    fn on_thread_status(&mut self, update: &Value) {
        let status = &update["_meta"]["codex"]["threadStatus"]["type"];
        if let Stage::Turn(turn) = &mut self.stage
            && *status == "systemError"
        {
            turn.broken();
        }
    }

    fn note_unknown(&mut self, kind: &str, output: &mut Vec<AgentOutput>) {
        let is_known = self.unknown_updates.iter().any(|known| known == kind);
        if is_known || self.unknown_updates.len() >= UNKNOWN_UPDATES_MAX {
            return;
        }
        self.unknown_updates.push(kind.to_owned());
        let message = format!("the agent sends updates `{kind}`, which are not understood");
        output.push(log(LogLevel::Debug, message));
    }

    /// The model that the session goes by, where that is told.
    pub(super) fn model(&self) -> Option<String> {
        self.offers.current_model().map(ToOwned::to_owned)
    }
}

/// A plan's entries (ACP, Agent Plan). What an entry does not tell is as ordinary as can be.
fn read_plan(entries: &Value) -> Vec<PlanEntry> {
    let entries = entries.as_array().into_iter().flatten();
    let read = |entry: &Value| {
        Some(PlanEntry {
            content: entry["content"].as_str()?.to_owned(),
            status: match entry["status"].as_str() {
                Some("completed") => PlanStatus::Completed,
                Some("in_progress") => PlanStatus::InProgress,
                _ => PlanStatus::Pending,
            },
            priority: match entry["priority"].as_str() {
                Some("high") => PlanPriority::High,
                Some("low") => PlanPriority::Low,
                _ => PlanPriority::Medium,
            },
        })
    };
    entries.filter_map(read).collect()
}

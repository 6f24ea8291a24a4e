//! The driver for agents with the Agent Client Protocol (ACP), version 1.
//!
//! This folder contains all code specific to ACP. It reads JSON instead of the types of the
//! protocol's own crate, for the reasons in `docs/decisions/0014`. The capabilities `fs` and
//! `terminal` are not offered: an agent works in the workspace itself.

mod content;
mod edits;
mod errors;
mod inbox;
mod json;
mod offers;
mod opening;
mod output;
mod permissions;
mod quirks;
mod rpc;
mod strays;
mod tools;
mod turn;
mod updates;
mod usage;

use std::io;
use std::path::PathBuf;

use ah_lifecycle::turns::{AgentInput, AgentOutput, Settling, ToolRequest};
use ah_rest_api_contract::{PromptContent, PromptId, operations::paths};
use serde_json::{Value, json};

use super::protocol::Driver;
use crate::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};
use content::PromptCapabilities;
use inbox::{Inbox, InboxPiece, Unreadable};
use offers::Offers;
use opening::SessionOpening;
use permissions::{OpenPermissions, outcome, read_options};
use quirks::Quirks;
use rpc::{Incoming, Outgoing, RpcError};
use strays::{Strays, shortened};
use tools::Tools;
use turn::Turn;
use usage::Meter;

/// The driver of an agent.
pub(super) struct AcpDriver {
    agent_type: String,
    workspace: PathBuf,
    outgoing: Outgoing,
    stage: SessionStage,
    quirks: &'static Quirks,
    takes: PromptCapabilities,
    /// The agent's id of the session; null until known. It is a text, except for some agents.
    session: Value,
    offers: Offers,
    tools: Tools,
    meter: Meter,
    permissions: OpenPermissions,
    inbox: Inbox,
    strays: Strays,
}

/// The progress of the session.
enum SessionStage {
    /// Not started, or opening the session.
    Opening(SessionOpening),
    /// Waiting for a prompt.
    Idle,
    /// In a turn.
    Turn(Turn),
    /// Unable to continue.
    Over,
}

impl AcpDriver {
    pub(super) fn new(spec: &LaunchSpec) -> Self {
        let agent = &spec.agent;
        let quirks = quirks::of(None, &agent.agent_type);
        Self {
            agent_type: agent.agent_type.clone(),
            workspace: spec.workspace.clone(),
            outgoing: Outgoing::default(),
            stage: SessionStage::Opening(SessionOpening::new(agent)),
            quirks,
            takes: PromptCapabilities::default(),
            session: Value::Null,
            offers: Offers::default(),
            tools: Tools::new(
                quirks,
                spec.workspace.clone(),
                paths::get_session_diff(spec.session_id),
            ),
            meter: Meter::new(quirks.usage),
            permissions: OpenPermissions::default(),
            inbox: Inbox::default(),
            strays: Strays::default(),
        }
    }

    /// Handles a message that can be read in part. The agent or the session waits for it.
    fn on_unreadable(
        &mut self,
        message: &Unreadable,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        let text = shortened(&message.text);
        match &message.id {
            Some(id) if message.has_method => {
                rpc::refuse_unreadable(id, to_agent);
                let why = format!("a request {id} that could not be read: {text}");
                self.strays.add_malformed(why, output);
            }
            Some(id) if self.awaits(id) => {
                let why = format!("the agent's answer could not be read: {text}");
                self.on_response(id, Err(RpcError::in_words(why)), output, to_agent);
            }
            Some(_) | None => self.strays.add_junk(&message.text, output),
        }
    }

    fn on_piece(
        &mut self,
        piece: InboxPiece,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        match piece {
            InboxPiece::Message(message) => self.on_message(message, output, to_agent),
            InboxPiece::Unreadable(message) => self.on_unreadable(&message, output, to_agent),
            InboxPiece::Junk(text) => self.strays.add_junk(&text, output),
        }
    }

    fn on_message(
        &mut self,
        message: Incoming,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        match message {
            Incoming::Notification { method, params } if method == "session/update" => {
                self.on_update(&params, output);
            }
            // Unknown notifications are extensions, which may be ignored (ACP, Extensibility).
            Incoming::Notification { .. } => {}
            Incoming::Request { id, method, params } => {
                self.on_request(&id, &method, &params, output, to_agent);
            }
            Incoming::Response { id, outcome } => {
                self.on_response(&id, outcome, output, to_agent);
            }
        }
    }

    fn on_request(
        &mut self,
        id: &Value,
        method: &str,
        params: &Value,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        match method {
            "session/request_permission" => self.on_permission(id, params, output, to_agent),
            // An agent that sends its updates as requests waits for the answers.
            "session/update" => {
                self.on_update(params, output);
                rpc::answer(id, &Value::Null, to_agent);
            }
            _ => {
                rpc::refuse(id, method, to_agent);
                let message = format!("the agent called `{method}`, which is not supported");
                self.strays.add_unknown(method, message, output);
            }
        }
    }

    fn on_permission(
        &mut self,
        id: &Value,
        params: &Value,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        if self.permissions.is_full() {
            rpc::answer(id, &outcome(None), to_agent);
            let why = "more permission requests than can be open at a time";
            self.strays.add_malformed(why.to_owned(), output);
            return;
        }
        let options = read_options(&params["options"], self.quirks);
        let subject = self.tools.ask(&params["toolCall"], output);
        let key = self.permissions.add(id, subject.calls, &options);
        output.push(AgentOutput::PermissionRequest(ToolRequest {
            key,
            tool_name: subject.tool_name,
            tool_args: subject.tool_args,
            options,
            other: subject.other,
            is_tool: subject.is_tool,
        }));
    }

    /// Returns true if an answer with `id` is expected.
    fn awaits(&self, id: &Value) -> bool {
        match &self.stage {
            SessionStage::Opening(opening) => opening.awaits(id),
            SessionStage::Turn(turn) => turn.awaits(id),
            SessionStage::Idle | SessionStage::Over => false,
        }
    }

    fn on_response(
        &mut self,
        id: &Value,
        outcome: Result<Value, RpcError>,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        match &self.stage {
            SessionStage::Opening(opening) if opening.awaits(id) => {
                self.go_on_opening(outcome, output, to_agent);
            }
            SessionStage::Turn(turn) if turn.awaits(id) => self.end_turn(&outcome, output),
            _ => {
                let what = match outcome {
                    Ok(_) => "an answer".to_owned(),
                    Err(error) => format!("an error, `{}`,", errors::words(&error)),
                };
                let why = format!("it gave {what} to a request {id} that does not wait for one");
                self.strays.add_malformed(why, output);
            }
        }
    }
}

impl Driver for AcpDriver {
    fn command(&self, agent: &AgentProgram, _folder: &SessionFolder) -> io::Result<Vec<String>> {
        Ok(agent.argv.clone())
    }

    fn files(&self, _folder: &SessionFolder) -> Vec<PathBuf> {
        Vec::new()
    }

    /// ACP has no message to end a session. Most agents exit at the end of their input; OpenHands
    /// and one of Codex' adapters do not.
    fn ends_with_input(&self) -> bool {
        false
    }

    fn line(&mut self, line: &[u8], output: &mut Vec<AgentOutput>, to_agent: &mut Vec<u8>) {
        for piece in self.inbox.line(line) {
            self.on_piece(piece, output, to_agent);
        }
    }
}

impl AgentInput for AcpDriver {
    fn can_steer(&self) -> bool {
        DriverKind::Acp.can_steer()
    }

    fn begin(&mut self, to_agent: &mut Vec<u8>) {
        if let SessionStage::Opening(opening) = &mut self.stage {
            opening.begin(&mut self.outgoing, to_agent);
        }
    }

    fn prompt(
        &mut self,
        _prompt: PromptId,
        content: &PromptContent,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        let blocks = self.takes.prompt(content)?;
        let params = json!({"sessionId": self.session, "prompt": blocks});
        let request = self.outgoing.request("session/prompt", &params, to_agent);
        self.stage = SessionStage::Turn(Turn::new(request));
        self.tools.turn_started();
        Ok(())
    }

    fn reacts_later(&self) -> bool {
        true
    }

    fn interrupt(&mut self, to_agent: &mut Vec<u8>) {
        match &mut self.stage {
            SessionStage::Turn(turn) => turn.cancelled(),
            // It may work between turns as well.
            SessionStage::Idle => {}
            SessionStage::Opening(_) | SessionStage::Over => return,
        }
        self.tools.cancelled();
        let params = json!({"sessionId": self.session});
        rpc::notify("session/cancel", &params, to_agent);
    }

    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>) {
        let Some(asked) = self.permissions.take(key) else {
            tracing::error!(key, "an answer to a permission request that is not open");
            return;
        };
        let is_refused = asked.is_refused_by(option);
        self.tools.answered(&asked.calls, is_refused);
        if is_refused && let SessionStage::Turn(turn) = &mut self.stage {
            turn.refused();
        }
        rpc::answer(&asked.id, &outcome(option), to_agent);
    }

    fn settle(
        &mut self,
        settling: Settling,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        for piece in self.inbox.flush() {
            self.on_piece(piece, output, to_agent);
        }
        if !matches!(self.stage, SessionStage::Turn(_)) {
            self.tools.settle(settling, output);
        }
    }

    fn is_in_message(&self) -> bool {
        self.inbox.is_partial()
    }

    fn finish(&mut self, output: &mut Vec<AgentOutput>) {
        self.tools.settle(Settling::All, output);
        self.strays.finish(output);
    }
}

#[cfg(test)]
mod tests;

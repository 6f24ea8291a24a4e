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
mod quirks;
mod rpc;
mod tools;
mod turn;
mod updates;
mod usage;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use ah_lifecycle::turns::{AgentInput, AgentOutput, Settling, ToolRequest};
use ah_rest_api_contract::{
    EventPayload, Log, LogLevel, PermissionOption, PermissionOptionKind, PromptContent, PromptId,
    operations::paths,
};
use serde_json::{Value, json};

use super::protocol::Driver;
use crate::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};
use content::PromptCapabilities;
use inbox::{Inbox, Piece, Unreadable};
use offers::Offers;
use opening::Opening;
use quirks::Quirks;
use rpc::{Incoming, Outgoing, RpcError};
use tools::Tools;
use turn::Turn;
use usage::Meter;

/// The maximum number of reported stray outputs: text that is not a message, and messages that
/// nothing expects. Some agents print a few notices; further ones are only counted.
const STRAY_REPORTED_MAX: usize = 100;

/// The maximum reported length of such an output, in bytes.
const STRAY_BYTES_MAX: usize = 1024;

/// The maximum number of permission requests that wait for an answer. Further ones are cancelled.
const OPEN_PERMISSIONS_MAX: usize = 256;

/// The maximum number of unknown kinds of updates and of unsupported methods that are reported.
const UNKNOWN_KINDS_MAX: usize = 32;

/// The driver of an agent.
pub(super) struct AcpDriver {
    agent_type: String,
    workspace: PathBuf,
    outgoing: Outgoing,
    stage: Stage,
    quirks: &'static Quirks,
    takes: PromptCapabilities,
    /// The agent's id of the session; null until known. It is a text, except for some agents.
    session: Value,
    offers: Offers,
    tools: Tools,
    meter: Meter,
    /// The open permission requests, by a key of ours: agents reuse the ids of their requests.
    open_permissions: HashMap<String, OpenPermission>,
    permission_count: u64,
    inbox: Inbox,
    /// The number of stray outputs.
    strays: usize,
    /// The unknown kinds of updates and the unsupported methods that were reported.
    unknown_kinds: Vec<String>,
}

/// The progress of the session.
enum Stage {
    /// Not started, or opening the session.
    Opening(Opening),
    /// Waiting for a prompt.
    Idle,
    /// In a turn.
    Turn(Turn),
    /// Unable to continue.
    Over,
}

/// An unanswered permission request.
struct OpenPermission {
    /// The agent's id of the request.
    id: Value,
    /// The calls that it covers.
    calls: Vec<String>,
    /// The options that refuse it.
    refusals: Vec<String>,
}

impl AcpDriver {
    pub(super) fn new(spec: &LaunchSpec) -> Self {
        let agent = &spec.agent;
        let quirks = quirks::of(None, &agent.agent_type);
        Self {
            agent_type: agent.agent_type.clone(),
            workspace: spec.workspace.clone(),
            outgoing: Outgoing::default(),
            stage: Stage::Opening(Opening::new(agent)),
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
            open_permissions: HashMap::new(),
            permission_count: 0,
            inbox: Inbox::default(),
            strays: 0,
            unknown_kinds: Vec::new(),
        }
    }

    /// Reports an output that is not a message or that nothing expects, up to a limit.
    fn on_stray(&mut self, report: AgentOutput, output: &mut Vec<AgentOutput>) {
        self.strays += 1;
        match self.strays.cmp(&STRAY_REPORTED_MAX) {
            Ordering::Less => output.push(report),
            Ordering::Equal => {
                let message = "the agent keeps printing lines that are not ACP messages or that \
                               nothing expects; further ones are not logged";
                output.push(log(LogLevel::Warn, message.to_owned()));
            }
            Ordering::Greater => {}
        }
    }

    fn on_junk(&mut self, text: &str, output: &mut Vec<AgentOutput>) {
        let text = shortened(text);
        let message = format!("the agent printed a line that is not an ACP message: {text}");
        self.on_stray(log(LogLevel::Warn, message), output);
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
                self.on_stray(AgentOutput::Malformed(why), output);
            }
            Some(id) if self.awaits(id) => {
                let why = format!("the agent's answer could not be read: {text}");
                self.on_response(id, Err(RpcError::in_words(why)), output, to_agent);
            }
            Some(_) | None => self.on_junk(&message.text, output),
        }
    }

    fn on_piece(&mut self, piece: Piece, output: &mut Vec<AgentOutput>, to_agent: &mut Vec<u8>) {
        match piece {
            Piece::Message(message) => self.on_message(message, output, to_agent),
            Piece::Unreadable(message) => self.on_unreadable(&message, output, to_agent),
            Piece::Junk(text) => self.on_junk(&text, output),
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
                self.note_unknown(method, message, output);
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
        if self.open_permissions.len() >= OPEN_PERMISSIONS_MAX {
            rpc::answer(id, &outcome(None), to_agent);
            let why = "more permission requests than can be open at a time";
            self.on_stray(AgentOutput::Malformed(why.to_owned()), output);
            return;
        }
        let options = read_options(&params["options"], self.quirks);
        let subject = self.tools.ask(&params["toolCall"], output);
        let refusals = options
            .iter()
            .filter(|option| option.kind.rejects())
            .map(|option| option.id.clone())
            .collect();
        self.permission_count += 1;
        let key = self.permission_count.to_string();
        let open = OpenPermission {
            id: id.clone(),
            calls: subject.calls,
            refusals,
        };
        self.open_permissions.insert(key.clone(), open);
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
            Stage::Opening(opening) => opening.awaits(id),
            Stage::Turn(turn) => turn.awaits(id),
            Stage::Idle | Stage::Over => false,
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
            Stage::Opening(opening) if opening.awaits(id) => {
                self.go_on_opening(outcome, output, to_agent);
            }
            Stage::Turn(turn) if turn.awaits(id) => self.end_turn(&outcome, output),
            _ => {
                let what = match outcome {
                    Ok(_) => "an answer".to_owned(),
                    Err(error) => format!("an error, `{}`,", errors::words(&error)),
                };
                let why = format!("it gave {what} to a request {id} that does not wait for one");
                self.on_stray(AgentOutput::Malformed(why), output);
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
        if let Stage::Opening(opening) = &mut self.stage {
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
        self.stage = Stage::Turn(Turn::new(request));
        self.tools.turn_started();
        Ok(())
    }

    fn reacts_later(&self) -> bool {
        true
    }

    fn interrupt(&mut self, to_agent: &mut Vec<u8>) {
        match &mut self.stage {
            Stage::Turn(turn) => turn.cancelled(),
            // It may work between turns as well.
            Stage::Idle => {}
            Stage::Opening(_) | Stage::Over => return,
        }
        self.tools.cancelled();
        let params = json!({"sessionId": self.session});
        rpc::notify("session/cancel", &params, to_agent);
    }

    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>) {
        let Some(asked) = self.open_permissions.remove(key) else {
            tracing::error!(key, "an answer to a permission request that is not open");
            return;
        };
        if option.is_none_or(|option| asked.refusals.iter().any(|it| it == option)) {
            self.tools.refuse(&asked.calls);
            if let Stage::Turn(turn) = &mut self.stage {
                turn.refused();
            }
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
        if !matches!(self.stage, Stage::Turn(_)) {
            self.tools.settle(settling, output);
        }
    }

    fn is_in_message(&self) -> bool {
        self.inbox.is_partial()
    }

    fn finish(&mut self, output: &mut Vec<AgentOutput>) {
        self.tools.settle(Settling::All, output);
        if self.strays > STRAY_REPORTED_MAX {
            let message = format!(
                "the agent sent {} outputs that are not ACP messages or that nothing expected",
                self.strays
            );
            output.push(log(LogLevel::Warn, message));
        }
    }
}

/// Returns the answer to a permission request (ACP, `RequestPermissionOutcome`).
fn outcome(option: Option<&str>) -> Value {
    match option {
        Some(option) => json!({"outcome": {"outcome": "selected", "optionId": option}}),
        None => json!({"outcome": {"outcome": "cancelled"}}),
    }
}

/// Reads the options of a permission request. Options of an unknown kind are shown, and no policy
/// selects one.
fn read_options(options: &Value, quirks: &Quirks) -> Vec<PermissionOption> {
    let options = options.as_array().into_iter().flatten();
    let read = |option: &Value| {
        let id = option["optionId"].as_str().or(option["id"].as_str())?;
        let kind = option["kind"]
            .as_str()
            .filter(|_| !quirks.odd_options.contains(&id));
        let kind = kind.and_then(PermissionOptionKind::from_word);
        Some(PermissionOption {
            id: id.to_owned(),
            label: option["name"].as_str().unwrap_or(id).to_owned(),
            kind: kind.unwrap_or(PermissionOptionKind::Unknown),
        })
    };
    options.filter_map(read).collect()
}

fn shortened(text: &str) -> String {
    let mut text = text.trim().to_owned();
    ah_lifecycle::turns::leave_out_middle(&mut text, STRAY_BYTES_MAX);
    text
}

fn log(level: LogLevel, message: String) -> AgentOutput {
    AgentOutput::Event(EventPayload::Log(Log {
        level,
        message,
        tool_execution_id: None,
    }))
}

#[cfg(test)]
mod tests;

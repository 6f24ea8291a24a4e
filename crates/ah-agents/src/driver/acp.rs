//! The driver for agents with the Agent Client Protocol (ACP), version 1.
//!
//! This folder contains all code specific to ACP. It reads JSON instead of the types of the
//! protocol's own crate, for the reasons in `docs/decisions/0014`. The capabilities `fs` and
//! `terminal` are not offered: an agent works in the workspace itself.

mod content;
mod edits;
mod errors;
mod offers;
mod opening;
mod output;
mod quirks;
mod rpc;
mod tools;
mod turn;
mod updates;
mod usage;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use ah_lifecycle::turns::{AgentInput, AgentOutput, ToolRequest};
use ah_rest_api_contract::{
    EventPayload, Log, LogLevel, PermissionOption, PermissionOptionKind, PromptContent, PromptId,
    operations::paths,
};
use serde_json::{Value, json};

use super::Driver;
use crate::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};
use content::PromptCapabilities;
use offers::Offers;
use opening::Opening;
use quirks::Quirks;
use rpc::{Incoming, Outgoing};
use tools::Tools;
use turn::Turn;
use usage::Meter;

/// The maximum number of reported lines that are not messages. Some agents print a few notices on
/// standard output; an endless stream of them is cut.
const JUNK_REPORTED_MAX: usize = 100;

/// The maximum reported length of such a line, in bytes.
const JUNK_BYTES_MAX: usize = 1024;

/// The maximum number of open permission requests whose refusing options are kept.
const OPEN_PERMISSIONS_MAX: usize = 256;

/// The maximum number of unknown kinds of updates that are reported.
const UNKNOWN_UPDATES_MAX: usize = 32;

/// The driver of an agent.
pub(super) struct AcpDriver {
    agent_type: String,
    workspace: PathBuf,
    outgoing: Outgoing,
    stage: Stage,
    quirks: &'static Quirks,
    takes: PromptCapabilities,
    /// The agent's id of the session; empty until known.
    session: String,
    offers: Offers,
    tools: Tools,
    meter: Meter,
    /// The open permission requests, by the agent's request id.
    open_permissions: HashMap<String, OpenPermission>,
    junk: usize,
    unknown_updates: Vec<String>,
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
            session: String::new(),
            offers: Offers::default(),
            tools: Tools::new(
                quirks,
                spec.workspace.clone(),
                paths::get_session_diff(spec.session_id),
            ),
            meter: Meter::new(quirks.usage),
            open_permissions: HashMap::new(),
            junk: 0,
            unknown_updates: Vec::new(),
        }
    }

    /// Reports a line that is not a message, printed by the agent or its wrapper.
    fn on_junk(&mut self, line: &[u8], output: &mut Vec<AgentOutput>) {
        self.junk += 1;
        let message = if self.junk < JUNK_REPORTED_MAX {
            let mut text = String::from_utf8_lossy(line).into_owned();
            ah_lifecycle::turns::leave_out_middle(&mut text, JUNK_BYTES_MAX);
            format!("the agent printed a line that is not an ACP message: {text}")
        } else if self.junk == JUNK_REPORTED_MAX {
            "the agent keeps printing lines that are not ACP messages; further ones are not logged"
                .to_owned()
        } else {
            return;
        };
        output.push(log(LogLevel::Warn, message));
    }

    fn on_request(
        &mut self,
        id: &Value,
        method: &str,
        params: &Value,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        if method != "session/request_permission" {
            rpc::refuse(id, method, to_agent);
            let message = format!("the agent called `{method}`, which is not supported");
            output.push(log(LogLevel::Debug, message));
            return;
        }
        let options = read_options(&params["options"]);
        let Some(subject) = self.tools.ask(&params["toolCall"], output) else {
            // The subject of the request is unknown, but the agent still waits for an answer.
            rpc::answer(id, &outcome(None), to_agent);
            let why = "permission request refers to an unknown or finished tool call";
            output.push(AgentOutput::Malformed(why.to_owned()));
            return;
        };
        let refusals = options
            .iter()
            .filter(|option| !option.kind.allows())
            .map(|option| option.id.clone())
            .collect();
        let key = id.to_string();
        if self.open_permissions.len() < OPEN_PERMISSIONS_MAX {
            let calls = subject.calls;
            self.open_permissions
                .insert(key.clone(), OpenPermission { calls, refusals });
        }
        output.push(AgentOutput::PermissionRequest(ToolRequest {
            key,
            tool_name: subject.tool_name,
            tool_args: subject.tool_args,
            options,
        }));
    }

    fn on_response(
        &mut self,
        id: &Value,
        outcome: Result<Value, rpc::RpcError>,
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
                output.push(AgentOutput::Malformed(format!(
                    "it gave {what} to a request {id} that does not wait for one"
                )));
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
        match rpc::read(line) {
            Some(Incoming::Notification { method, params }) if method == "session/update" => {
                self.on_update(&params, output);
            }
            // Unknown notifications are extensions, which may be ignored (ACP, Extensibility).
            Some(Incoming::Notification { .. }) => {}
            Some(Incoming::Request { id, method, params }) => {
                self.on_request(&id, &method, &params, output, to_agent);
            }
            Some(Incoming::Response { id, outcome }) => {
                self.on_response(&id, outcome, output, to_agent);
            }
            None => self.on_junk(line, output),
        }
    }
}

impl AgentInput for AcpDriver {
    fn can_steer(&self) -> bool {
        super::can_steer(DriverKind::Acp)
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
        Ok(())
    }

    fn interrupt(&mut self, to_agent: &mut Vec<u8>) {
        if let Stage::Turn(turn) = &mut self.stage {
            turn.cancelled();
            self.tools.cancelled();
            let params = json!({"sessionId": self.session});
            rpc::notify("session/cancel", &params, to_agent);
        }
    }

    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>) {
        if let Some(asked) = self.open_permissions.remove(key)
            && option.is_none_or(|option| asked.refusals.iter().any(|it| it == option))
        {
            self.tools.refuse(&asked.calls);
            if let Stage::Turn(turn) = &mut self.stage {
                turn.refused();
            }
        }
        match serde_json::from_str(key) {
            Ok(id) => rpc::answer(&id, &outcome(option), to_agent),
            // The key is the serialised id.
            Err(error) => tracing::error!(%error, key, "a permission request has no id"),
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

/// Reads the options of a permission request. Options of an unknown kind are skipped, since their
/// effect cannot be described.
fn read_options(options: &Value) -> Vec<PermissionOption> {
    let options = options.as_array().into_iter().flatten();
    let read = |option: &Value| {
        let id = option["optionId"].as_str()?;
        let kind = match option["kind"].as_str()? {
            "allow_once" => PermissionOptionKind::AllowOnce,
            "allow_always" => PermissionOptionKind::AllowAlways,
            "reject_once" => PermissionOptionKind::RejectOnce,
            "reject_always" => PermissionOptionKind::RejectAlways,
            _ => return None,
        };
        Some(PermissionOption {
            id: id.to_owned(),
            label: option["name"].as_str().unwrap_or(id).to_owned(),
            kind,
        })
    };
    options.filter_map(read).collect()
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

//! The driver of agents that speak the Agent Client Protocol (ACP), version 1.
//!
//! All that is known of ACP is in this folder. It reads JSON and not the types of the protocol's
//! own crate; `docs/decisions/0014` says why. Neither `fs` nor `terminal` is offered: an agent
//! works in the workspace itself.

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

use ah_lifecycle::turns::{Agent, AgentOutput, ToolRequest};
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

/// How many lines that are no messages are told of. Some agents print a notice or two where only
/// messages belong; of one that goes on and on the rest is left out.
const JUNK_TOLD_MAX: usize = 100;

/// How much of such a line is told, in bytes.
const JUNK_BYTES_MAX: usize = 1024;

/// How many requests for leave are known by what refuses it.
const ASKED_MAX: usize = 256;

/// How many kinds of updates are told of that nobody knows.
const UNKNOWN_UPDATES_MAX: usize = 32;

/// An agent that speaks ACP.
pub(super) struct AcpDriver {
    agent_type: String,
    workspace: PathBuf,
    outgoing: Outgoing,
    stage: Stage,
    quirks: &'static Quirks,
    takes: PromptCapabilities,
    /// What the agent calls the session; empty until it has said so.
    session: String,
    offers: Offers,
    tools: Tools,
    meter: Meter,
    /// What leave was asked for, by what the agent calls the request.
    asked: HashMap<String, Asked>,
    junk: usize,
    unknown_updates: Vec<String>,
}

/// How far the agent is.
enum Stage {
    /// It was told nothing yet, or the session is being opened.
    Opening(Opening),
    /// It waits for a prompt.
    Idle,
    /// It is on a turn.
    Turn(Turn),
    /// It cannot go on.
    Over,
}

/// A request for leave that was not answered yet.
struct Asked {
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
            asked: HashMap::new(),
            junk: 0,
            unknown_updates: Vec::new(),
        }
    }

    /// A line that is no message: junk that the agent or its wrapper prints.
    fn on_junk(&mut self, line: &[u8], output: &mut Vec<AgentOutput>) {
        self.junk += 1;
        let message = if self.junk < JUNK_TOLD_MAX {
            let mut text = String::from_utf8_lossy(line).into_owned();
            ah_lifecycle::turns::leave_out_middle(&mut text, JUNK_BYTES_MAX);
            format!("the agent printed what is no message of ACP: {text}")
        } else if self.junk == JUNK_TOLD_MAX {
            "the agent goes on printing what is no message of ACP; the rest is left out".to_owned()
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
            let message = format!("the agent asked for `{method}`, which is not offered");
            output.push(log(LogLevel::Debug, message));
            return;
        }
        let options = read_options(&params["options"]);
        let Some(subject) = self.tools.ask(&params["toolCall"], output) else {
            // Nobody could tell what is asked for. It waits for an answer all the same.
            rpc::answer(id, &outcome(None), to_agent);
            let why = "it asked leave for something that it does not name, or that is over";
            output.push(AgentOutput::Malformed(why.to_owned()));
            return;
        };
        let refusals = options
            .iter()
            .filter(|option| !option.kind.allows())
            .map(|option| option.id.clone())
            .collect();
        let key = id.to_string();
        if self.asked.len() < ASKED_MAX {
            let calls = subject.calls;
            self.asked.insert(key.clone(), Asked { calls, refusals });
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

    /// ACP knows no farewell. Most agents end with their input all the same; OpenHands and one of
    /// Codex' adapters do not.
    fn ends_with_input(&self) -> bool {
        false
    }

    fn line(&mut self, line: &[u8], output: &mut Vec<AgentOutput>, to_agent: &mut Vec<u8>) {
        match rpc::read(line) {
            Some(Incoming::Notification { method, params }) if method == "session/update" => {
                self.on_update(&params, output);
            }
            // Others are extensions, which nobody has to understand (ACP, Extensibility).
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

impl Agent for AcpDriver {
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
        if let Some(asked) = self.asked.remove(key)
            && option.is_none_or(|option| asked.refusals.iter().any(|it| it == option))
        {
            self.tools.refuse(&asked.calls);
            if let Stage::Turn(turn) = &mut self.stage {
                turn.refused();
            }
        }
        match serde_json::from_str(key) {
            Ok(id) => rpc::answer(&id, &outcome(option), to_agent),
            // The key is what the id was written as.
            Err(error) => tracing::error!(%error, key, "a permission request has no id"),
        }
    }
}

/// The answer to a permission request (ACP, `RequestPermissionOutcome`).
fn outcome(option: Option<&str>) -> Value {
    match option {
        Some(option) => json!({"outcome": {"outcome": "selected", "optionId": option}}),
        None => json!({"outcome": {"outcome": "cancelled"}}),
    }
}

/// The options of a permission request. One of a kind that nobody knows is left out, since it
/// could not be said what choosing it means.
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

//! Opens a session: `initialize`, `session/new`, and the selections for it.

use ah_rest_api_contract::LogLevel;
use serde_json::{Value, json};

use super::content::PromptCapabilities;
use super::offers::{Choice, Offers};
use super::rpc::{Outgoing, RpcError, RpcId};
use super::strays::log;
use super::usage::Meter;
use super::{AcpDriver, SessionStage, errors, quirks};
use crate::AgentProgram;
use ah_lifecycle::turns::AgentOutput;

/// The supported version of ACP.
const PROTOCOL_VERSION: u64 = 1;

/// The error of a request that requires authentication (ACP, Error, `Authentication required`).
const AUTHENTICATION_REQUIRED: i64 = -32000;

/// A session that is being opened.
pub(super) struct SessionOpening {
    step: Step,
    /// The selections that are still to be made, last one first.
    wishes: Vec<(Choice, Value)>,
    version: Option<String>,
    /// The login methods, as described by the agent.
    logins: Vec<String>,
}

#[derive(Clone, Copy)]
enum Step {
    /// Nothing was sent yet.
    Silent,
    Initialize(RpcId),
    NewSession(RpcId),
    Choose(RpcId, Choice),
}

impl SessionOpening {
    pub(super) fn new(agent: &AgentProgram) -> Self {
        let mode = agent.settings.get("mode").cloned();
        let model = agent.model.clone().map(Value::from);
        Self {
            step: Step::Silent,
            wishes: mode
                .map(|mode| (Choice::Mode, mode))
                .into_iter()
                .chain(model.map(|model| (Choice::Model, model)))
                .collect(),
            version: agent.version.clone(),
            logins: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, outgoing: &mut Outgoing, to_agent: &mut Vec<u8>) {
        let params = json!({
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": {
                "fs": {"readTextFile": false, "writeTextFile": false},
                "terminal": false,
            },
            "clientInfo": {
                "name": "agent-harbor",
                "title": "Agent Harbor",
                "version": env!("CARGO_PKG_VERSION"),
            },
        });
        self.step = Step::Initialize(outgoing.request("initialize", &params, to_agent));
    }

    /// Returns true if `id` is the expected answer.
    pub(super) fn awaits(&self, id: &Value) -> bool {
        match self.step {
            Step::Silent => false,
            Step::Initialize(request) | Step::NewSession(request) | Step::Choose(request, _) => {
                request.is(id)
            }
        }
    }
}

impl AcpDriver {
    /// Continues with the expected answer.
    pub(super) fn go_on_opening(
        &mut self,
        outcome: Result<Value, RpcError>,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        let went = match outcome {
            Ok(result) => self.opened_further(result, output, to_agent),
            Err(error) => Err(self.why_not_opened(&error)),
        };
        if let Err(reason) = went {
            self.stage = SessionStage::Over;
            output.push(AgentOutput::Unavailable(reason));
        }
    }

    fn opened_further(
        &mut self,
        result: Value,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        let SessionStage::Opening(opening) = &mut self.stage else {
            return Ok(());
        };
        match opening.step {
            Step::Silent => Ok(()),
            Step::Initialize(_) => self.initialized(&result, to_agent),
            Step::NewSession(_) => {
                let session = &result["sessionId"];
                if !(session.is_string() || session.is_number()) {
                    return Err("the agent opened a session without an id".to_owned());
                }
                self.session = session.clone();
                self.offers = Offers::of(result);
                self.choose_next(output, to_agent)
            }
            Step::Choose(_, choice) => {
                // Each answer contains all options, since they may depend on each other.
                if result["configOptions"].is_array() {
                    self.offers
                        .set_config_options(result["configOptions"].clone());
                }
                let message = format!("the {} was chosen", choice.word());
                output.push(log(LogLevel::Debug, message));
                self.choose_next(output, to_agent)
            }
        }
    }

    fn initialized(&mut self, result: &Value, to_agent: &mut Vec<u8>) -> Result<(), String> {
        let version = &result["protocolVersion"];
        if *version != PROTOCOL_VERSION {
            return Err(format!(
                "the agent uses version {version} of ACP, but only version {PROTOCOL_VERSION} is supported"
            ));
        }
        let info = &result["agentInfo"];
        self.quirks = quirks::of(info["name"].as_str(), &self.agent_type);
        self.tools.set_quirks(self.quirks);
        self.meter = Meter::new(self.quirks.usage);
        self.takes = PromptCapabilities::of(&result["agentCapabilities"]);
        let folder = self
            .workspace
            .to_str()
            .ok_or("the workspace's path is not valid UTF-8, which ACP requires")?;
        let params = json!({"cwd": folder, "mcpServers": []});
        let request = self.outgoing.request("session/new", &params, to_agent);
        if let SessionStage::Opening(opening) = &mut self.stage {
            if let Some(version) = info["version"].as_str().and_then(reported_version) {
                opening.version = Some(version);
            }
            let logins = result["authMethods"].as_array().into_iter().flatten();
            opening.logins = logins
                .filter_map(|login| login["name"].as_str().map(ToOwned::to_owned))
                .collect();
            opening.step = Step::NewSession(request);
        }
        Ok(())
    }

    /// Makes the next selection. Without one left, the agent is ready.
    fn choose_next(
        &mut self,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        let SessionStage::Opening(opening) = &mut self.stage else {
            return Ok(());
        };
        while let Some((choice, wanted)) = opening.wishes.pop() {
            let word = choice.word();
            let wanted = wanted
                .as_str()
                .ok_or_else(|| format!("the setting `{word}` must be a text, not {wanted}"))?;
            if let Some(chosen) = self.offers.request(choice, wanted, &self.session)? {
                let request = self
                    .outgoing
                    .request(chosen.method, &chosen.params, to_agent);
                opening.step = Step::Choose(request, choice);
                return Ok(());
            }
        }
        let version = opening.version.take();
        self.stage = SessionStage::Idle;
        output.push(AgentOutput::Ready {
            version,
            agent_session_id: Some(match &self.session {
                Value::String(id) => id.clone(),
                other => other.to_string(),
            }),
        });
        Ok(())
    }

    fn why_not_opened(&self, error: &RpcError) -> String {
        let words = errors::words(error);
        let SessionStage::Opening(opening) = &self.stage else {
            return words;
        };
        if error.code == AUTHENTICATION_REQUIRED && !opening.logins.is_empty() {
            return format!(
                "the agent is not logged in: {words}; it offers: {}",
                opening.logins.join(", ")
            );
        }
        match opening.step {
            Step::Silent | Step::Initialize(_) => {
                format!("failed to initialize the agent: {words}")
            }
            Step::NewSession(_) => format!("the agent failed to open a session: {words}"),
            Step::Choose(_, choice) => {
                format!("failed to select the {}: {words}", choice.word())
            }
        }
    }
}

/// Returns the version that an agent reports; `None` for a word that is no version.
fn reported_version(word: &str) -> Option<String> {
    let word = word.trim();
    (!matches!(word, "" | "latest" | "unknown")).then(|| word.to_owned())
}

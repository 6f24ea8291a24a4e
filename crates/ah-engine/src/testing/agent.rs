//! The agents of the host, which have no process.

use std::collections::VecDeque;

use ah_executor::AgentLaunch;
use ah_lifecycle::TurnOutcome;
use ah_lifecycle::turns::{AgentInput, AgentOutput};
use ah_rest_api_contract::{EventPayload, PromptContent, PromptId, Thought};
use ah_scenario::{AgentStep, ScriptedAgent, Settings};

/// The behavior of an agent without a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// The agent emits one thought in each turn and ends it.
    EndsTurns,
    /// The agent begins its turns. The test does the rest.
    Directed,
    /// The agent plays the scenario of its settings. Waits of the script take no time.
    Scripted,
}

/// The version that every agent of the host reports.
const VERSION: &str = "1.0";

/// An agent without a process.
pub(super) enum HostAgent {
    /// It plays a script.
    Scripted(Box<ScriptedAgent>),
    /// It only ends its turns, or leaves that to the test.
    Simple {
        ends_turns: bool,
        replies: VecDeque<AgentOutput>,
    },
}

impl HostAgent {
    pub(super) fn new(behavior: Behavior, launch: &AgentLaunch) -> Self {
        if behavior != Behavior::Scripted {
            return Self::Simple {
                ends_turns: behavior == Behavior::EndsTurns,
                replies: VecDeque::new(),
            };
        }
        let settings = Settings::read(&launch.agent.settings).expect("the launch was checked");
        Self::Scripted(Box::new(ScriptedAgent::new(
            settings.script,
            settings.defines,
            VERSION.to_owned(),
            launch.session.ulid(),
        )))
    }

    /// Returns the next thing that the agent does.
    pub(super) fn play(&mut self) -> AgentStep {
        match self {
            Self::Scripted(agent) => agent.play(),
            Self::Simple { replies, .. } => match replies.pop_front() {
                Some(reply) => AgentStep::Output(reply),
                None => AgentStep::Blocked,
            },
        }
    }
}

impl AgentInput for HostAgent {
    fn can_steer(&self) -> bool {
        matches!(self, Self::Scripted(_))
    }

    fn begin(&mut self, to_agent: &mut Vec<u8>) {
        match self {
            Self::Scripted(agent) => agent.begin(to_agent),
            Self::Simple { replies, .. } => replies.push_back(AgentOutput::Ready {
                version: Some(VERSION.to_owned()),
                agent_session_id: None,
            }),
        }
    }

    fn prompt(
        &mut self,
        id: PromptId,
        content: &PromptContent,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        match self {
            Self::Scripted(agent) => return agent.prompt(id, content, to_agent),
            Self::Simple {
                ends_turns: true,
                replies,
            } => {
                let thought = Thought::new("done");
                replies.extend([
                    AgentOutput::Event(EventPayload::Thought(thought)),
                    AgentOutput::TurnEnded(TurnOutcome::Completed),
                ]);
            }
            Self::Simple { .. } => {}
        }
        Ok(())
    }

    fn interrupt(&mut self, to_agent: &mut Vec<u8>) {
        match self {
            Self::Scripted(agent) => agent.interrupt(to_agent),
            Self::Simple { replies, .. } => {
                replies.push_back(AgentOutput::TurnEnded(TurnOutcome::Interrupted));
            }
        }
    }

    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>) {
        if let Self::Scripted(agent) = self {
            agent.answer(key, option, to_agent);
        }
    }
}

//! The agent of a task that names none.

use ah_rest_api_contract::{Agent, Installation};

use crate::environment::CommandSettings;
use crate::failure::Failure;

/// The configuration key of the default agent.
pub(super) const KEY: &str = "task.agent";
/// The scripted demo, which needs no installation.
pub(super) const DEMO: &str = "scenario";

/// The choice of an agent for a task that names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentChoice {
    /// The type of the agent.
    pub(super) agent: String,
    /// The reason, as a sentence.
    pub(super) reason: String,
}

/// Chooses the agent: the configured one, otherwise the first one that is installed, otherwise the
/// demo.
pub(super) fn choose(agents: &[Agent], settings: &CommandSettings) -> AgentChoice {
    let configured = settings.task().agent.as_str();
    choose_from(agents, configured, &settings.origin(KEY))
}

fn choose_from(agents: &[Agent], configured: &str, origin: &str) -> AgentChoice {
    if !configured.is_empty() {
        return AgentChoice {
            agent: configured.to_owned(),
            reason: format!("the agent is {configured} ({KEY}, set by {origin})"),
        };
    }
    let mut installed = agents.iter().filter(|agent| is_real(agent));
    let Some(first) = installed.next() else {
        return AgentChoice {
            agent: DEMO.to_owned(),
            reason:
                "no agent is installed, so this is the scripted demo, which does not act on the \
                     prompt; `ah agents` shows how to install one"
                    .to_owned(),
        };
    };
    let first = first.agent_type.as_str();
    let reason = match installed.count() {
        0 => format!("the agent is {first}, the only one that is installed"),
        more => format!(
            "the agent is {first}, the first of {} that are installed; `ah agents --default TYPE` \
             selects another",
            more + 1
        ),
    };
    AgentChoice {
        agent: first.to_owned(),
        reason,
    }
}

pub(super) fn is_real(agent: &Agent) -> bool {
    agent.agent_type.as_str() != DEMO
        && matches!(agent.installation, Installation::Installed { .. })
}

/// Returns the sentence about the default below the list of agents.
pub(super) fn sentence(agents: &[Agent], settings: &CommandSettings) -> String {
    let choice = choose(agents, settings);
    if choice.agent == DEMO && settings.task().agent.is_empty() {
        return "no agent is installed; tasks that name none run the scripted demo".to_owned();
    }
    format!(
        "tasks that name no agent run {}; `ah agents --default TYPE` selects another",
        choice.agent
    )
}

/// Returns the agent of this type.
///
/// # Errors
/// There is none; the failure names the one that was probably meant.
pub(super) fn named<'a>(wanted: &str, agents: &'a [Agent]) -> Result<&'a Agent, Failure> {
    let is_it = |agent: &&Agent| agent.agent_type.as_str() == wanted;
    agents.iter().find(is_it).ok_or_else(|| {
        let failure = Failure::validation(format!("there is no agent `{wanted}`"));
        let names = agents.iter().map(|agent| agent.agent_type.as_str());
        match ah_agents::nearest_name(wanted, names) {
            Some(name) => failure.hint(format!("did you mean `{name}`?")),
            None => failure.hint("`ah agents` lists the agents"),
        }
    })
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{AgentCapabilities, AgentType};

    use super::*;

    fn agent(agent_type: &str, is_installed: bool) -> Agent {
        Agent::new(
            AgentType::new(agent_type),
            "acp",
            String::new(),
            if is_installed {
                Installation::Installed { version: None }
            } else {
                Installation::Missing {
                    hint: "install it".to_owned(),
                }
            },
            AgentCapabilities::default(),
            String::new(),
        )
    }

    #[test]
    fn configured_agent_comes_first_and_the_demo_last() {
        let none = [agent("scenario", true), agent("claude-acp", false)];
        let one = [agent("scenario", true), agent("codex-acp", true)];
        let choice = choose_from(&none, "", "");
        assert_eq!(choice.agent, "scenario");
        assert!(choice.reason.contains("scripted demo"), "{choice:?}");
        let choice = choose_from(&one, "", "");
        assert_eq!(choice.agent, "codex-acp");
        assert!(choice.reason.contains("the only one"), "{choice:?}");
        let choice = choose_from(&one, "mine", "the environment variable AH_AGENT");
        assert_eq!(choice.agent, "mine");
        assert!(choice.reason.contains("AH_AGENT"), "{choice:?}");
    }

    #[test]
    fn mistyped_agent_gets_the_one_that_was_meant() {
        let agents = [agent("scenario", true), agent("claude-acp", true)];
        assert_eq!(named("claude-acp", &agents).ok(), Some(&agents[1]));
        let failure = named("claude", &agents).expect_err("there is none");
        assert_eq!(failure.hints(), ["did you mean `claude-acp`?"]);
        let failure = named("clade-acp", &agents).expect_err("there is none");
        assert_eq!(failure.hints(), ["did you mean `claude-acp`?"]);
    }
}

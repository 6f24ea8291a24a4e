//! `ah init`.

use ah_rest_api_contract::{Agent, Installation, Page};
use serde_json::json;

use super::{config, default_agent};
use crate::args::InitArgs;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::style::{Line, Paint};

/// The agent for tasks that name none, as `ah init` leaves it.
#[derive(Debug, PartialEq, Eq)]
enum Choice<'a> {
    /// It was chosen before.
    Kept(&'a str),
    /// It is to be written to the configuration file.
    Chosen(&'a Agent),
    /// No real agent is installed.
    Nothing,
}

/// Chooses the agent for tasks that name none, and writes it to the configuration file.
pub(crate) async fn run(args: &InitArgs, context: &Context) -> Result<ExitCode, Failure> {
    context
        .with_manager_until_interrupted(async |manager| {
            let agents = Page::all(|page| manager.list_agents(page)).await?;
            let configured = context.settings.task().agent.as_str();
            let choice = choose(args.agent.as_deref(), configured, &agents.items)?;
            write(&choice, context)?;
            Ok(ExitCode::Ok)
        })
        .await
}

fn choose<'a>(
    wanted: Option<&str>,
    configured: &'a str,
    agents: &'a [Agent],
) -> Result<Choice<'a>, Failure> {
    if let Some(wanted) = wanted {
        let agent = default_agent::named(wanted, agents)?;
        return Ok(match agent.agent_type.as_str() == configured {
            true => Choice::Kept(configured),
            false => Choice::Chosen(agent),
        });
    }
    if !configured.is_empty() {
        return Ok(Choice::Kept(configured));
    }
    let installed: Vec<&Agent> = agents
        .iter()
        .filter(|it| default_agent::is_real(it))
        .collect();
    match installed[..] {
        [] => Ok(Choice::Nothing),
        [only] => Ok(Choice::Chosen(only)),
        _ => {
            let names = installed.iter().map(|agent| agent.agent_type.as_str());
            let names = names.collect::<Vec<_>>().join(", ");
            let message = format!("several agents are installed: {names}");
            Err(Failure::new(ExitCode::InteractionRequired, message)
                .hint("name one with `ah init --agent TYPE`"))
        }
    }
}

fn write(choice: &Choice<'_>, context: &Context) -> Result<(), Failure> {
    let home = &context.settings.home;
    let (agent, words) = match choice {
        Choice::Kept(agent) => {
            let origin = context.settings.origin(default_agent::KEY);
            (
                Some(*agent),
                format!("the agent is {agent}, set by {origin}"),
            )
        }
        Choice::Chosen(agent) => {
            let agent = agent.agent_type.as_str();
            let path = config::change(home, default_agent::KEY, Some(agent))?;
            let path = path.display();
            (
                Some(agent),
                format!("{agent} is now the agent of tasks that name none ({path})"),
            )
        }
        Choice::Nothing => (
            None,
            "no agent is installed, so tasks that name none run the scripted demo".to_owned(),
        ),
    };
    if context.json {
        return context.terminal.print_json(&json!({
            "agent": agent,
            "changed": matches!(choice, Choice::Chosen(_)),
            "path": ah_rest_server::file_of(home),
        }));
    }
    context.terminal.note(&Line::of(Paint::Plain, words));
    if let Choice::Chosen(agent) = choice
        && let Installation::Missing { hint } = &agent.installation
    {
        context
            .terminal
            .hint(format!("it is not installed: {hint}"));
        return Ok(());
    }
    context.terminal.hint(match choice {
        Choice::Nothing => "`ah agents` shows how to install one",
        _ => "`ah task \"…\"` runs it in a repository; `ah doctor` checks the installation",
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{AgentCapabilities, AgentType};

    use super::*;

    fn installed(agent_type: &str) -> Agent {
        Agent::new(
            AgentType::new(agent_type),
            "acp",
            String::new(),
            Installation::Installed { version: None },
            AgentCapabilities::default(),
            String::new(),
        )
    }

    #[test]
    fn choice_is_kept_and_a_script_names_one_of_several() {
        let demo = [installed("scenario")];
        let one = [installed("scenario"), installed("codex-acp")];
        let two = [installed("codex-acp"), installed("claude-acp")];
        let chosen = |wanted, configured, agents| choose(wanted, configured, agents).ok();
        assert_eq!(chosen(None, "", &demo), Some(Choice::Nothing));
        assert_eq!(chosen(None, "", &one), Some(Choice::Chosen(&one[1])));
        assert_eq!(chosen(None, "mine", &two), Some(Choice::Kept("mine")));
        assert_eq!(
            chosen(Some("claude-acp"), "mine", &two),
            Some(Choice::Chosen(&two[1]))
        );
        assert_eq!(
            chosen(Some("claude-acp"), "claude-acp", &two),
            Some(Choice::Kept("claude-acp"))
        );
        let failure = choose(None, "", &two).expect_err("there are two");
        assert_eq!(failure.code(), ExitCode::InteractionRequired);
        assert!(failure.to_string().contains("codex-acp, claude-acp"));
        assert!(choose(Some("claud"), "", &two).is_err());
    }
}

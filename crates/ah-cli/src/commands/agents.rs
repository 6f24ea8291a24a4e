//! `ah agents`.

use ah_rest_api_contract::{Agent, AgentCapabilities, Installation, Page};
use serde_json::json;

use super::{config, default_agent};
use crate::args::AgentsArgs;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::table::{Cell, Column, table};
use crate::text;

/// Lists the available agents, or selects the default one.
pub(crate) async fn run(args: &AgentsArgs, context: &Context) -> Result<ExitCode, Failure> {
    context
        .with_manager_until_interrupted(async |manager| {
            let agents = Page::all(|page| manager.list_agents(page)).await?;
            if let Some(wanted) = &args.default {
                select(wanted, &agents.items, context)?;
                return Ok(ExitCode::Ok);
            }
            context.show(&agents, || lines(&agents.items, context.terminal.columns()))?;
            if !context.json {
                context
                    .terminal
                    .hint(default_agent::sentence(&agents.items, &context.settings));
            }
            Ok(ExitCode::Ok)
        })
        .await
}

/// Makes an agent the default in the configuration file.
fn select(wanted: &str, agents: &[Agent], context: &Context) -> Result<(), Failure> {
    let agent = default_agent::named(wanted, agents)?;
    let agent_type = agent.agent_type.as_str();
    let path = config::change(&context.settings.home, default_agent::KEY, Some(agent_type))?;
    if context.json {
        let set = json!({ "key": default_agent::KEY, "value": agent_type, "path": path });
        return context.terminal.print_json(&set);
    }
    let path = path.display();
    let words = format!("{agent_type} is now the agent of tasks that name none ({path})");
    context.terminal.note(&Line::of(Paint::Plain, words));
    if let Installation::Missing { hint } = &agent.installation {
        context
            .terminal
            .hint(format!("it is not installed: {hint}"));
    }
    Ok(())
}

fn lines(agents: &[Agent], columns: Option<usize>) -> Vec<Line> {
    let rows = agents
        .iter()
        .map(|agent| {
            let (sign, version) = match &agent.installation {
                Installation::Installed { version } => (
                    Cell::new(Paint::Good, "installed"),
                    version.clone().unwrap_or_default(),
                ),
                Installation::Missing { .. } => (Cell::new(Paint::Dim, "missing"), String::new()),
                _ => (Cell::new(Paint::Dim, "unknown"), String::new()),
            };
            vec![
                Cell::new(Paint::Bold, agent.agent_type.as_str()),
                sign,
                Cell::new(Paint::Plain, version),
                Cell::new(Paint::Plain, can_do(agent.capabilities)),
                Cell::new(Paint::Dim, text::one_line(&agent.description)),
            ]
        })
        .collect();
    let mut lines = table(
        &[
            Column::kept("TYPE"),
            Column::kept("PROGRAM"),
            Column::dropped("VERSION", 2),
            Column::dropped("CAN DO", 1),
            Column::last("ABOUT"),
        ],
        rows,
        columns,
    );
    lines.extend(install_lines(agents, columns));
    lines
}

/// Returns how to install the agents that are missing. Commands to copy are never cut.
fn install_lines(agents: &[Agent], columns: Option<usize>) -> Vec<Line> {
    let mut lines = Vec::new();
    for agent in agents {
        let Installation::Missing { hint } = &agent.installation else {
            continue;
        };
        if lines.is_empty() {
            lines.push(Line::new());
            lines.push(Line::of(Paint::Dim, "To install:"));
        }
        let name = agent.agent_type.as_str();
        lines.push(Line::of(Paint::Bold, format!("  {name}")));
        let columns = columns.map(|columns| columns.saturating_sub(4));
        for part in text::wrap(hint, columns) {
            lines.push(Line::of(Paint::Plain, format!("    {part}")));
        }
    }
    lines
}

fn can_do(capabilities: AgentCapabilities) -> String {
    let AgentCapabilities {
        resume,
        steer,
        permissions,
        images,
        usage,
    } = capabilities;
    [
        (resume, "resume"),
        (steer, "steer"),
        (permissions, "permissions"),
        (images, "images"),
        (usage, "usage"),
    ]
    .into_iter()
    .filter_map(|(can, word)| can.then_some(word))
    .collect::<Vec<_>>()
    .join(",")
}

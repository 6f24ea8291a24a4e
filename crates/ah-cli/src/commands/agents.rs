//! `ah agents`.

use ah_rest_api_contract::{Agent, AgentCapabilities, Installation, Page};

use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::table::{Cell, Column, table};
use crate::text;

/// Lists the available agents.
pub(crate) async fn run(context: &Context) -> Result<ExitCode, Failure> {
    context
        .with_manager_until_interrupted(async |manager| {
            let agents = Page::all(|page| manager.list_agents(page)).await?;
            context.show(&agents, || lines(&agents.items, context.terminal.columns()))?;
            Ok(ExitCode::Ok)
        })
        .await
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
            };
            // For a missing program, the install command is more useful than the description.
            let about = match &agent.installation {
                Installation::Missing { hint } => hint.clone(),
                Installation::Installed { .. } => agent.description.clone(),
            };
            vec![
                Cell::new(Paint::Bold, agent.agent_type.as_str()),
                sign,
                Cell::new(Paint::Plain, version),
                Cell::new(Paint::Plain, can_do(agent.capabilities)),
                Cell::new(Paint::Dim, text::one_line(&about)),
            ]
        })
        .collect();
    table(
        &[
            Column::kept("TYPE"),
            Column::kept("PROGRAM"),
            Column::dropped("VERSION", 2),
            Column::dropped("CAN DO", 1),
            Column::last("ABOUT"),
        ],
        rows,
        columns,
    )
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

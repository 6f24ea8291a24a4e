//! Continues the work of a session that has ended in a new one.

use ah_rest_api_contract::{LaunchedTask, RepoConfig, Session, TaskLaunchParams, TaskManager};

use super::checkout::work_in;
use crate::commands::confirm::confirm;
use crate::context::Context;
use crate::failure::Failure;
use crate::follow::Signals;
use crate::session_ref::short;
use crate::style::{Line, Paint};

/// Offers to continue the work of an ended session with this prompt, or does so without a question.
pub(super) async fn offer(
    manager: &dyn TaskManager,
    session: &Session,
    prompt: String,
    is_wanted: bool,
    context: &Context,
) -> Result<(), Failure> {
    let start = starting_point(session)?;
    let id = short(session.id);
    if !is_wanted {
        if !context.terminal.can_ask() {
            return Err(Failure::general(format!(
                "session {} has ended ({}), so it takes no more prompts",
                session.id, session.status
            ))
            .hint("--continue continues its work in a new session"));
        }
        let what = format!(
            "session {id} has ended ({}); continue its work in a new session",
            session.status
        );
        let mut signals = Signals::listen()?;
        if confirm(&what, "--continue does so", context, &mut signals)
            .await?
            .is_some()
        {
            return Err(Failure::general("the prompt was not sent"));
        }
    }
    let launched = launch(manager, session, prompt, start).await?;
    let new = launched
        .session_ids
        .first()
        .copied()
        .ok_or_else(|| Failure::general("the access point launched no session"))?;
    context.show(&launched, || vec![Line::of(Paint::Accent, new.to_string())])?;
    if !context.json {
        let follow = short(new);
        context.terminal.hint(format!(
            "continues the work of {id}; follow it with `ah session follow {follow}`"
        ));
    }
    Ok(())
}

/// Returns the repository with the work of the session as the start.
fn starting_point(session: &Session) -> Result<RepoConfig, Failure> {
    let ended = |reason: &str| {
        Failure::general(format!(
            "session {} has ended ({}), and its work cannot be continued: {reason}",
            session.id, session.status
        ))
        .hint("start a new one with `ah task`")
    };
    let Some(url) = &session.repo.url else {
        return Err(ended("it has no repository"));
    };
    let (_, end) = work_in(session).map_err(|_| ended("its workspace is gone"))?;
    let end = end.ok_or_else(|| ended("its workspace has no last state"))?;
    Ok(RepoConfig {
        commit: Some(end),
        ..RepoConfig::git(url.clone())
    })
}

async fn launch(
    manager: &dyn TaskManager,
    session: &Session,
    prompt: String,
    repo: RepoConfig,
) -> Result<LaunchedTask, Failure> {
    let agent = session.agent.agent_type.as_str();
    let params = TaskLaunchParams::builder(prompt, repo, agent)
        .with(|request| {
            for selection in &mut request.agents {
                selection.model.clone_from(&session.agent.model);
                selection.settings.clone_from(&session.agent.settings);
            }
            request.labels.clone_from(&session.labels);
            request.priority = session.priority;
            request.interactive = session.interactive;
        })
        .build()?;
    Ok(manager.launch_task(params).await?)
}

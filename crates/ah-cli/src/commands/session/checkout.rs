//! `ah session checkout`: the work of a session as a branch of the user's repository.

use std::path::{Path, PathBuf};

use ah_rest_api_contract::{Session, TaskManager};
use serde_json::json;

use super::target::target;
use crate::args::CheckoutArgs;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::git::UserRepository;
use crate::session_ref::short;
use crate::style::{Line, Paint};

/// Creates a branch with the session's work, and switches to it.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: CheckoutArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    let repository = UserRepository::of_current_folder()
        .map_err(|failure| failure.hint("run the command in the repository of the session"))?;
    let branch = args.branch.unwrap_or_else(|| format!("ah/{}", session.id));
    let commit = work_of(&session, &repository)?;
    match repository.commit(&format!("refs/heads/{branch}"))? {
        None => repository.create_branch(&branch, &commit)?,
        Some(existing) if existing == commit => {}
        Some(_) => {
            return Err(Failure::general(format!(
                "the branch {branch} exists and has other commits"
            ))
            .hint("--branch NAME selects another name"));
        }
    }
    if !args.no_switch {
        repository.switch(&branch)?;
    }
    let made = json!({
        "sessionId": session.id,
        "branch": branch,
        "commit": commit,
        "repository": repository.root(),
    });
    context.show(&made, || {
        let done = if args.no_switch {
            "created"
        } else {
            "checked out"
        };
        vec![Line::of(Paint::Accent, &branch).with(Paint::Plain, format!("  {done}"))]
    })?;
    if !session.status.is_terminal() && !context.json {
        context.terminal.hint(format!(
            "the session has not ended; work that its agent has not committed is not in the branch, \
             but in `ah session diff {}`",
            short(session.id)
        ));
    }
    Ok(())
}

/// Returns a commit in `repository` with the session's work: its branch, and on top of it what was
/// not committed at its end.
fn work_of(session: &Session, repository: &UserRepository) -> Result<String, Failure> {
    let id = session.id;
    let refused = |message: String| Failure::new(ExitCode::Repository, message);
    let start = session.repo.commit.as_deref().ok_or_else(|| {
        refused(format!("session {id} has no repository"))
            .hint("`ah session get` shows its workspace")
    })?;
    if repository.commit(start)?.is_none() {
        let root = repository.root().display();
        let url = session.repo.url.as_deref().unwrap_or_default();
        // The uncommitted files of a checkout are a commit that no branch has; a copy has none.
        return Err(refused(format!(
            "{root} does not contain the commit {start}, from which session {id} started"
        ))
        .hint(format!("run the command in {url}, or fetch first")));
    }
    let (work, end) = work_in(session)?;
    let mut refs = vec![format!("refs/heads/ah/{id}")];
    refs.extend(end.is_some().then(|| format!("refs/ah/{id}/end")));
    let commits = repository.fetch(&work, &refs)?;
    match commits.as_slice() {
        [branch, end] => {
            let tree = repository.tree(end)?;
            if repository.tree(branch)? == tree {
                return Ok(branch.clone());
            }
            let title = session.prompt.lines().next().unwrap_or_default();
            let message = format!("{title}\n\nWork of session {id} that was not committed.");
            repository.commit_tree(&tree, branch, &message)
        }
        [branch] => Ok(branch.clone()),
        _ => Err(Failure::general(format!("session {id} has no branch"))),
    }
}

/// Returns the repository on this host with the work of a session, and the commit of its end, if it
/// has ended. After the end it is the session's store, beside the workspace; before, and in earlier
/// versions, the workspace.
pub(super) fn work_in(session: &Session) -> Result<(PathBuf, Option<String>), Failure> {
    let workspace = session.workspace.as_ref().map(|it| it.path.as_path());
    let store = workspace.map(|path| path.with_extension("git"));
    let end = format!("refs/ah/{}/end", session.id);
    let places = [store.as_deref(), workspace].into_iter().flatten();
    let places: Vec<&Path> = places.filter(|path| path.is_dir()).collect();
    for place in &places {
        if let Some(end) = UserRepository::at(*place).commit(&end)? {
            return Ok(((*place).to_owned(), Some(end)));
        }
    }
    let is_there = |path: &&Path| path.is_dir();
    match workspace.filter(is_there) {
        Some(workspace) => Ok((workspace.to_owned(), None)),
        None => {
            let id = short(session.id);
            Err(Failure::general(format!(
                "the workspace of session {} is not on this host",
                session.id
            ))
            .hint(format!(
                "`ah session diff {id} | git apply` applies its changes"
            )))
        }
    }
}

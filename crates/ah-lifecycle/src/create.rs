//! The creation of a task and its sessions: all checks come before any change.

mod keyed;
mod supported;

use std::collections::BTreeSet;

use ah_rest_api_contract::{
    AgentSelection, CreateTask, ExecutorId, FieldErrors, LaunchedTask, RepositorySource, Session,
    SessionAgent, SessionId, Task, TaskId, TaskLaunchParams, Timestamp,
};
use ulid::Ulid;

use crate::Launch;

pub use keyed::KeyedLaunch;
pub use supported::check_supported;

/// A task to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct Creation {
    /// The task, as it is stored and shown.
    pub task: Task,
    /// Its sessions, queued, in the order of the request.
    pub sessions: Vec<(Session, Launch)>,
    /// The response to its author.
    pub launched: LaunchedTask,
}

/// Checks the parts that depend on the access point: the agents, with `resolve`, the executor, and
/// the variables, of which a task may set `allowed_env`. Returns the faults, so that the caller can add more.
pub fn judge(
    params: &TaskLaunchParams,
    allowed_env: &BTreeSet<String>,
    resolve: impl Fn(&AgentSelection) -> Result<(), FieldErrors>,
) -> FieldErrors {
    let request = params.request();
    let mut errors = FieldErrors::default();
    for (index, agent) in request.agents.iter().enumerate() {
        if let Err(found) = resolve(agent) {
            for (field, messages) in found.iter() {
                for message in messages {
                    errors.add(format!("agents[{index}].{field}"), message.clone());
                }
            }
        }
    }
    for name in request
        .env
        .keys()
        .filter(|name| !allowed_env.contains(*name))
    {
        errors.add(
            format!("env.{name}"),
            "is not a variable that tasks may set on this access point",
        );
    }
    let host = ExecutorId::local();
    if let Some(wanted) = params.requested_host()
        && *wanted != host
    {
        let message = format!("is `{wanted}`, but the only executor is `{host}`");
        errors.add("workspace.executionHostId", message);
    }
    errors
}

/// Creates the task of `author`: one queued session for each agent, times its count. `next_id`
/// returns the id of the task first, and then that of each session.
///
/// # Errors
/// Returns an error if it names no agent, which the construction of the parameters has excluded.
pub fn decide(
    params: &TaskLaunchParams,
    author: &str,
    now: Timestamp,
    mut next_id: impl FnMut() -> Ulid,
) -> Result<Creation, FieldErrors> {
    let request = params.request();
    let task_id = TaskId::from_ulid(next_id());
    let sessions: Vec<(Session, Launch)> = request
        .agents
        .iter()
        .flat_map(|agent| std::iter::repeat_n(agent, agent.count as usize))
        .map(|agent| {
            let id = SessionId::from_ulid(next_id());
            let launch = launch_of(params, author);
            (session(params, agent, id, task_id, now), launch)
        })
        .collect();
    let session_ids: Vec<SessionId> = sessions.iter().map(|(session, _)| session.id).collect();
    let (first, further) = session_ids
        .split_first()
        .ok_or_else(|| FieldErrors::of("agents", "is empty"))?;
    Ok(Creation {
        launched: LaunchedTask::new(task_id, *first, further),
        task: Task::new(task_id, shown(params), session_ids.clone(), now),
        sessions,
    })
}

/// Returns the request as it is stored and shown: without values of variables and credentials.
fn shown(params: &TaskLaunchParams) -> CreateTask {
    let mut request = params.request().clone();
    for value in request.env.values_mut() {
        value.clear();
    }
    if let Some(source) = params.source() {
        request.repo.url = Some(source.without_credentials());
    }
    request
}

fn launch_of(params: &TaskLaunchParams, author: &str) -> Launch {
    let request = params.request();
    let mut launch = Launch::new(author);
    launch.source = params.source().map(ToString::to_string);
    launch.commit.clone_from(&request.repo.commit);
    launch.env.clone_from(&request.env);
    launch.permissions.clone_from(&request.permissions);
    launch.timeout_ms = request.timeout_ms;
    launch.idle_timeout_ms = request.idle_timeout_ms;
    if let Some(workspace) = &request.workspace {
        launch
            .snapshot_preference
            .clone_from(&workspace.snapshot_preference);
    }
    launch.remarks = supported::remarks(params);
    launch
}

fn session(
    params: &TaskLaunchParams,
    agent: &AgentSelection,
    id: SessionId,
    task_id: TaskId,
    now: Timestamp,
) -> Session {
    let request = params.request();
    let mut session_agent = SessionAgent::new(agent.agent_type.clone());
    session_agent.version = agent.wanted_version().map(str::to_owned);
    session_agent.model.clone_from(&agent.model);
    session_agent.settings.clone_from(&agent.settings);
    let mut session = Session::new(id, task_id, session_agent, request.prompt.clone(), now);
    session.tenant_id.clone_from(&request.tenant_id);
    session.project_id.clone_from(&request.project_id);
    session.repo.mode = request.repo.mode;
    session.repo.url = params.source().map(RepositorySource::without_credentials);
    session.repo.branch.clone_from(&request.repo.branch);
    session.repo.commit.clone_from(&request.repo.commit);
    session.labels.clone_from(&request.labels);
    session.priority = request.priority;
    session.interactive = request.interactive;
    session
}

//! Launching a task: everything is judged before anything is done.

use ah_rest_api_contract::{
    AgentSelection, CreateTask, ErrorKind, EventSeq, FieldErrors, LaunchedTask, RepoMode,
    RepositoryId, RepositorySource, RuntimeType, Session, SessionAgent, SessionId, SessionLinks,
    SessionRepo, SessionStatus, Task, TaskId, TaskLaunchParams, TaskManagerError, Timestamp,
};
use ah_store::{Launch, NewTask};

use crate::caller::Caller;
use crate::error::store_error;
use crate::supervisor::Core;

/// The version of an agent that has not told its own yet.
const VERSION_UNKNOWN: &str = "latest";

/// Creates the task's sessions, queued.
pub(super) async fn launch(
    core: &Core,
    caller: &Caller,
    params: TaskLaunchParams,
) -> Result<LaunchedTask, TaskManagerError> {
    judge(core, &params)?;
    let now = core.clock.now();
    let request = params.request();
    let task_id = TaskId::from_ulid(core.ids.next(now));
    let sessions: Vec<(Session, Launch)> = request
        .agents
        .iter()
        .flat_map(|agent| std::iter::repeat_n(agent, agent.count as usize))
        .map(|agent| {
            let id = SessionId::from_ulid(core.ids.next(now));
            (
                session(&params, agent, id, task_id, now),
                launch_of(caller, &params),
            )
        })
        .collect();
    let session_ids: Vec<SessionId> = sessions.iter().map(|(session, _)| session.id).collect();
    // A task has at least one agent, each at least once: that was judged when it was built.
    let first = *session_ids
        .first()
        .ok_or_else(|| FieldErrors::of("agents", "is empty"))?;
    let launched = LaunchedTask {
        task_id,
        session_ids: session_ids.clone(),
        status: SessionStatus::Queued,
        links: SessionLinks::of(first),
    };
    core.store
        .create_task(NewTask {
            task: Task {
                id: task_id,
                request: shown(&params),
                session_ids,
                created_at: now,
            },
            sessions,
            repository_id: RepositoryId::from_ulid(core.ids.next(now)),
            repository_name: params.source().map(RepositorySource::display_name),
            reply: caller.reply(&launched, now)?,
        })
        .await
        .map_err(store_error)?;
    Ok(launched)
}

/// What only this engine can judge: its agents, its host, its policy.
fn judge(core: &Core, params: &TaskLaunchParams) -> Result<(), TaskManagerError> {
    let request = params.request();
    match request.runtime.runtime_type {
        RuntimeType::Local => {}
        RuntimeType::Devcontainer => {
            return Err(TaskManagerError::new(
                ErrorKind::NotImplemented,
                "this access point has no development containers; use the runtime `local`",
            ));
        }
        RuntimeType::Disabled => {
            return Err(TaskManagerError::new(
                ErrorKind::Forbidden,
                "this access point does not run agents without isolation; use the runtime `local`",
            ));
        }
    }
    if request.repo.mode == RepoMode::Upload {
        return Err(TaskManagerError::new(
            ErrorKind::NotImplemented,
            "this access point takes no uploads; use `repo.mode` `git` or `none`",
        ));
    }
    let mut errors = FieldErrors::default();
    if let Some(path) = params.source().and_then(RepositorySource::as_path)
        && !path.is_dir()
    {
        errors.add(
            "repo.url",
            format!("{} is not a folder of this host", path.display()),
        );
    }
    for (index, agent) in request.agents.iter().enumerate() {
        if let Err(found) = core.catalog.resolve(agent) {
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
        .filter(|name| !core.config.allowed_env.contains(*name))
    {
        errors.add(
            format!("env.{name}"),
            "is not a variable that this access point lets tasks set",
        );
    }
    Ok(errors.into_result(())?)
}

/// The request as it is kept and shown: without the values of variables and without credentials.
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

fn launch_of(caller: &Caller, params: &TaskLaunchParams) -> Launch {
    let request = params.request();
    Launch {
        source: params.source().map(ToString::to_string),
        commit: request.repo.commit.clone(),
        env: request.env.clone(),
        permissions: request.permissions.clone(),
        timeout_ms: request.timeout_ms,
        idle_timeout_ms: request.idle_timeout_ms,
        author: caller.author.clone(),
    }
}

fn session(
    params: &TaskLaunchParams,
    agent: &AgentSelection,
    id: SessionId,
    task_id: TaskId,
    now: Timestamp,
) -> Session {
    let request = params.request();
    Session {
        id,
        tenant_id: request.tenant_id.clone(),
        project_id: request.project_id.clone(),
        task_id,
        status: SessionStatus::Queued,
        activity: None,
        reason: None,
        exit_code: None,
        prompt: request.prompt.text(),
        prompt_blocks: request.prompt.clone(),
        repo: SessionRepo {
            mode: request.repo.mode,
            url: params.source().map(RepositorySource::without_credentials),
            branch: request.repo.branch.clone(),
            commit: request.repo.commit.clone(),
        },
        runtime: request.runtime.clone(),
        agent: SessionAgent {
            agent_type: agent.agent_type.clone(),
            version: agent
                .version
                .clone()
                .unwrap_or_else(|| VERSION_UNKNOWN.to_owned()),
            model: agent.model.clone(),
            settings: agent.settings.clone(),
        },
        workspace: None,
        labels: request.labels.clone(),
        priority: request.priority,
        interactive: request.interactive,
        created_at: now,
        updated_at: now,
        started_at: None,
        ended_at: None,
        last_seq: EventSeq::START,
        recent_events: Vec::new(),
        changes: None,
        usage: None,
        parent_session_id: None,
        links: SessionLinks::of(id),
    }
}

//! Launching a task.

use ah_lifecycle::create::{self, Creation, KeyedLaunch};
use ah_rest_api_contract::{
    Caller, ErrorKind, LaunchedTask, RepositoryId, RepositorySource, RuntimeType, TaskLaunchParams,
    TaskManagerError,
};
use ah_store::NewTask;

use crate::engine::Core;
use crate::manager::LocalTaskManager;

impl LocalTaskManager {
    /// Launches the task, or returns the task that was launched with its idempotency key.
    pub(in crate::manager) async fn launch(
        &self,
        params: &TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let Self { core, caller, .. } = self;
        let now = core.clock.now();
        let Some(keyed) = KeyedLaunch::of(caller, params, now)? else {
            return create(core, caller, params).await;
        };
        // Before any check, since the task may have become invalid meanwhile.
        match core.store.receipt(keyed.receipt_key(), now).await? {
            Some(receipt) => keyed.replay(&receipt),
            None => keyed.settle(create(core, &keyed.caller(), params).await),
        }
    }
}

/// Creates the task's sessions, queued.
async fn create(
    core: &Core,
    caller: &Caller,
    params: &TaskLaunchParams,
) -> Result<LaunchedTask, TaskManagerError> {
    judge(core, params).await?;
    let now = core.clock.now();
    let Creation {
        task,
        sessions,
        launched,
    } = create::decide(params, &caller.principal, now, || core.ids.next(now))?;
    let receipt = caller.receipt_of(&launched)?;
    core.store
        .create_task(NewTask {
            task,
            sessions,
            repository_id: RepositoryId::from_ulid(core.ids.next(now)),
            repository_name: params.source().map(RepositorySource::display_name),
            receipt,
        })
        .await?;
    Ok(launched)
}

/// Validates the parameters against this access point: its agents, its host and its policy.
async fn judge(core: &Core, params: &TaskLaunchParams) -> Result<(), TaskManagerError> {
    let mut errors = create::judge(params, &core.config.allowed_env, |agent| {
        core.executor.check_agent(agent)
    });
    if let Some(source) = params.source()
        && let Err(fault) = core.executor.check_source(source).await
    {
        errors.add("repo.url", fault);
    }
    errors.into_result(())?;
    create::check_supported(params, core.config.runtimes)?;
    if params.request().runtime.runtime_type == RuntimeType::Disabled {
        return Ok(());
    }
    for agent in &params.request().agents {
        let isolation = core
            .executor
            .check_isolation(core.config.sandbox, Some(&agent.agent_type));
        let missing = |missing| TaskManagerError::new(ErrorKind::Forbidden, missing);
        isolation.await.map_err(missing)?;
    }
    Ok(())
}

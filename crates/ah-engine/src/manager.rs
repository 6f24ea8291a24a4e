//! The [`TaskManager`] in this process.

mod debug;
mod drafts;
mod launch;
mod serving;
mod steering;
mod workspace;

use std::sync::Arc;
use std::time::Duration;

use ah_lifecycle::{Change, Decision, Refusal, View};
use ah_rest_api_contract::{
    AccessPoint, Agent, AllEventsQuery, AllEventsStream, Branch, BranchList, Caller, DiffQuery,
    Draft, DraftId, DraftUpdate, ErrorKind, EventFilter, EventQuery, EventSeq, EventStream,
    FileEntry, FileQuery, InitialTasks, LaunchedTask, Page, PageRequest, Permission,
    PermissionAnswer, PermissionId, Prompt, PromptContent, PromptId, PromptReceipt, PromptRequest,
    Repository, RepositoryId, RepositorySource, Session, SessionDiff, SessionEvent, SessionId,
    SessionInfo, SessionQuery, Task, TaskId, TaskLaunchParams, TaskManager, TaskManagerError,
    check_cursor,
};
use ah_store::{EngineId, Guard, Store, StoreError};
use async_trait::async_trait;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::condition::ConditionWatch;
use crate::config::{EngineConfig, Scheduling};
use crate::ephemeral::EphemeralHub;
use crate::error::StartError;
use crate::feed::Feeds;
use crate::identity::IdSource;
use crate::liveness::Liveness;
use crate::scheduler::Scheduler;
use crate::supervisor::{CommandTarget, Core, DECISION_ATTEMPTS, back_off};
use crate::supervisors::Supervisors;
use ah_executor::{Executor, ExecutorError};

/// The maximum wait of a starting engine for adopted sessions to catch up. Slower sessions catch up
/// while the engine serves.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);
/// The default caller.
const LOCAL_USER: &str = "user";
/// The maximum wait of a command for the versions of agents. Most of them are known.
const VERSIONS_WAIT_MAX: Duration = Duration::from_secs(3);
/// The maximum wait of a stopping engine for its tasks. No task holds unwritten state.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Runs sessions in this process, over a store and a host.
///
/// It acts for one caller, initially the local user. [`LocalTaskManager::on_behalf_of`] returns the
/// same engine for another caller.
///
/// Several engines may share one store, in one or more processes. Each session has one of them as
/// its owner, and any of them accepts commands for it.
#[derive(Clone)]
pub struct LocalTaskManager {
    core: Arc<Core>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    caller: Caller,
}

impl LocalTaskManager {
    /// Starts an engine. It claims the sessions of dead engines, ingests what their agents did
    /// meanwhile, and begins to serve.
    ///
    /// # Errors
    /// The state folder or the store cannot be used.
    pub async fn start(
        config: EngineConfig,
        store: Arc<dyn Store>,
        executor: Arc<dyn Executor>,
        clock: Arc<dyn Clock>,
        ids: IdSource,
    ) -> Result<Self, StartError> {
        let engine = EngineId(ids.next(clock.now()).to_string());
        let home = config.home.clone();
        let liveness = Liveness::declare(&home, engine.clone())
            .map_err(|source| StartError::Home { path: home, source })?;
        let hub = EphemeralHub::default();
        let core = Arc::new(Core {
            store,
            executor,
            clock,
            ids,
            config,
            engine,
            hub,
            feeds: Feeds::default(),
            supervisors: Supervisors::default(),
            condition: ConditionWatch::default(),
        });
        let tasks = TaskTracker::new();
        let shutdown = CancellationToken::new();
        let scheduler = Scheduler {
            core: core.clone(),
            liveness,
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
        };
        let adopted = match scheduler.adopt().await {
            // The sessions can be read, and are claimed once the store takes writes again.
            Err(StoreError::Unavailable { reason }) => {
                tracing::warn!(
                    reason,
                    "no session was claimed, because nothing can be written"
                );
                Vec::new()
            }
            adopted => adopted?,
        };
        let caught_up = futures::future::join_all(adopted);
        if tokio::time::timeout(CATCH_UP_MAX, caught_up).await.is_err() {
            tracing::info!("some sessions are still being caught up with");
        }
        tasks.spawn(scheduler.run());
        Ok(Self {
            core,
            tasks,
            shutdown,
            caller: Caller::named(LOCAL_USER),
        })
    }

    /// Stops the engine. It releases its sessions, so that another engine can claim them at once.
    /// The agents keep running under their recorders.
    pub async fn shutdown(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_MAX, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some sessions were let go of in the middle of something");
        }
        if let Err(error) = self.core.store.release(&self.core.engine).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "claims stay until they expire");
        }
        self.core.store.close().await;
    }

    /// Returns the same engine, acting for `caller`.
    #[must_use]
    pub fn on_behalf_of(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }

    /// Makes a decision on a session and writes it, and repeats both after a conflict. Returns the
    /// `reply` for the session after the decision. The receipt is kept if the request
    /// has an idempotency key.
    #[tracing::instrument(level = "debug", skip_all, fields(session.id = %id), err(level = "debug"))]
    async fn decide<R: Serialize + Send>(
        &self,
        id: SessionId,
        target: CommandTarget,
        decide: impl Fn(&View) -> Result<Decision, Refusal> + Send + Sync,
        reply: impl Fn(View) -> R + Send + Sync,
    ) -> Result<R, TaskManagerError> {
        for attempt in 0..DECISION_ATTEMPTS {
            let mut view = self.core.view(id, target).await?;
            let now = self.core.clock.now();
            let decision = decide(&view)?;
            let mut guard = Guard::default();
            let change = match decision {
                Decision::Unchanged => Change::default(),
                Decision::Change(change) => {
                    guard.version = Some(view.record.version);
                    let session = &mut view.record.session;
                    session.last_seq =
                        (0..change.events.len()).fold(session.last_seq, |seq, _| seq.next());
                    view.apply(&change);
                    *change
                }
            };
            let body = reply(view);
            let receipt = self.caller.receipt_of(&body)?;
            if guard.version.is_none() && receipt.is_none() {
                return Ok(body);
            }
            match self.core.write(id, guard, change, now, receipt).await {
                Ok(_) => return Ok(body),
                Err(StoreError::Conflict { .. }) => back_off(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict { id: id.to_string() }.into())
    }

    /// Waits until `done` returns true for the session, for at most `limit`. Returns false after
    /// that time.
    async fn wait_until(
        &self,
        id: SessionId,
        limit: Duration,
        done: impl Fn(&Session) -> bool + Send + Sync,
    ) -> Result<bool, TaskManagerError> {
        let mut head = self.core.store.watch_session(id);
        let until = async {
            loop {
                head.mark_unchanged();
                if done(&self.get_session(id).await?) {
                    return Ok(true);
                }
                if head.changed().await.is_err() {
                    return Ok(false);
                }
            }
        };
        tokio::time::timeout(limit, until)
            .await
            .unwrap_or(Ok(false))
    }
}

/// Converts a failure of a host for clients.
fn executor_error(error: ExecutorError) -> TaskManagerError {
    match error.field {
        Some(field) => {
            ah_rest_api_contract::FieldErrors::of(field, ah_rest_api_contract::error_chain(&error))
                .into()
        }
        None => TaskManagerError::new(
            ErrorKind::Internal,
            ah_rest_api_contract::error_chain(&error),
        )
        .caused_by(error),
    }
}

/// Queries the versions of agents until they are known or the engine shuts down.
async fn discover_versions(executor: Arc<dyn Executor>, shutdown: CancellationToken) {
    let discovery = executor.discover_versions();
    shutdown.run_until_cancelled(discovery).await;
}

#[async_trait]
impl TaskManager for LocalTaskManager {
    fn description(&self) -> String {
        format!("in-process engine at {}", self.core.config.home.display())
    }

    async fn launch_task(
        &self,
        params: TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        launch::launch(&self.core, &self.caller, &params).await
    }

    async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError> {
        self.core.store.task(id).await.map_err(Into::into)
    }

    async fn list_sessions(&self, query: SessionQuery) -> Result<Page<Session>, TaskManagerError> {
        self.core
            .store
            .list_sessions(&query)
            .await
            .map_err(Into::into)
    }

    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        Ok(self.core.store.session(id).await?.session)
    }

    async fn get_session_info(&self, id: SessionId) -> Result<SessionInfo, TaskManagerError> {
        debug::session_info(&self.core, id).await
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        let encoded = self.encoded_events(id, after, filter).await?;
        Ok(crate::stream::decoded(encoded))
    }

    async fn all_events(&self, query: AllEventsQuery) -> Result<AllEventsStream, TaskManagerError> {
        let encoded = self.all_encoded_events(query).await?;
        Ok(crate::stream::all_decoded(encoded))
    }

    async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        if let Some(after) = query.after {
            let last = self.core.store.session(id).await?.session.last_seq;
            check_cursor(after, last)?;
        }
        self.core
            .store
            .list_events(id, &query)
            .await
            .map_err(Into::into)
    }

    async fn prompt_session(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        self.prompt(id, request).await
    }

    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError> {
        Ok(self.core.store.list_prompts(id, page).await?)
    }

    async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        self.withdraw(id, prompt).await
    }

    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.interrupt(id).await
    }

    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.pause(id).await
    }

    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        self.resume(id, prompt).await
    }

    async fn stop_session(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        self.stop(id, reason).await
    }

    async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError> {
        self.cancel(id).await
    }

    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Permission>, TaskManagerError> {
        let records = self.core.store.list_permissions(id, page).await?;
        Ok(records.map(|record| record.permission))
    }

    async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError> {
        self.answer(id, request, answer).await
    }

    async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError> {
        let page = PageRequest::largest();
        let query = SessionQuery {
            page,
            ..SessionQuery::default()
        };
        Ok(InitialTasks {
            drafts: self.list_drafts(page).await?,
            sessions: self.list_sessions(query).await?,
        })
    }

    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        self.core.store.list_drafts(page).await.map_err(Into::into)
    }

    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError> {
        self.core.store.draft(id).await.map_err(Into::into)
    }

    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
        drafts::save(&self.core, &self.caller, draft).await
    }

    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError> {
        self.core.store.delete_draft(id).await.map_err(Into::into)
    }

    async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError> {
        let executor = self.core.executor.clone();
        match self.core.config.scheduling {
            // A command is too short-lived for a later call, so it waits.
            Scheduling::Attend => {
                let asked = executor.discover_versions();
                if tokio::time::timeout(VERSIONS_WAIT_MAX, asked)
                    .await
                    .is_err()
                {
                    tracing::info!("some agents have not told their versions yet");
                }
            }
            Scheduling::Serve => {
                let shutdown = self.shutdown.clone();
                self.tasks.spawn(discover_versions(executor, shutdown));
            }
        }
        Ok(Page::of_whole(self.core.executor.agents(), page))
    }

    async fn list_repositories(
        &self,
        page: PageRequest,
    ) -> Result<Page<Repository>, TaskManagerError> {
        self.core
            .store
            .list_repositories(page)
            .await
            .map_err(Into::into)
    }

    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError> {
        // The stored address may contain a password, so it is not returned.
        let (repository, _address) = self.core.store.repository(id).await?;
        Ok(repository)
    }

    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        let (_, address) = self.core.store.repository(id).await?;
        let source = RepositorySource::parse(&address).map_err(|why| {
            tracing::error!(repository.id = %id, %why, "a stored address cannot be read");
            TaskManagerError::new(ErrorKind::Internal, "stored data could not be read")
        })?;
        let branches: Vec<Branch> = self
            .core
            .executor
            .branches(&source)
            .await
            .map_err(executor_error)?;
        let total = branches.len() as u64;
        Ok(BranchList {
            repository_id: id,
            branches,
            total,
        })
    }

    async fn list_session_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError> {
        self.read_files(id, query).await
    }

    async fn get_session_diff(
        &self,
        id: SessionId,
        query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError> {
        self.read_diff(id, &query).await
    }
}

//! The trait on the mock's state.

mod serving;

use std::sync::Arc;
use std::time::Duration;

use ah_lifecycle::turns::{AgentOutput, Moment};
use ah_lifecycle::{
    Decision, Refusal, View, answer, cancel, interrupt, pause, prompt, resume, stop, withdraw,
};
use ah_rest_api_contract::{
    Agent, AllEventsQuery, AllEventsStream, BranchList, Caller, DeliveryMode, DiffQuery, Draft,
    DraftId, DraftUpdate, EphemeralEvent, ErrorKind, EventFilter, EventPayload, EventQuery,
    EventSeq, EventStream, FileEntry, FileQuery, InitialTasks, LaunchedTask, Page, PageRequest,
    Permission, PermissionAnswer, PermissionId, Prompt, PromptContent, PromptDelivery, PromptId,
    PromptReceipt, PromptRequest, Repository, RepositoryId, Session, SessionDiff, SessionEvent,
    SessionId, SessionInfo, SessionQuery, SessionStatus, StopRequest, Task, TaskId,
    TaskLaunchParams, TaskManager, TaskManagerError, Timestamp,
};
use async_trait::async_trait;
use serde::Serialize;

use crate::builder::MockBuilder;
use crate::fault::{Connection, Fault, Method};
use crate::shared::Shared;
use crate::state::State;

/// The maximum time that a cancellation waits for the end of its session.
const CANCEL_MAX: Duration = Duration::from_secs(60);

/// The error that replaces the response of a call after its effect.
type LostResponse = Option<TaskManagerError>;

/// A [`TaskManager`] in memory. Clones share their state.
///
/// Each session runs in a task of the runtime that launched it, until it ends or every clone of the
/// mock and every stream of it is dropped.
#[derive(Clone)]
pub struct MockTaskManager {
    shared: Arc<Shared>,
    caller: Caller,
}

impl MockTaskManager {
    /// Creates a mock that plays a realistic session for every task. [`MockTaskManager::builder`]
    /// configures others.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Creates a builder of a mock.
    #[must_use]
    pub fn builder() -> MockBuilder {
        MockBuilder::new()
    }

    pub(crate) const fn of(shared: Arc<Shared>, caller: Caller) -> Self {
        Self { shared, caller }
    }

    /// Makes `method` fail from now on, as described by the fault.
    pub fn fail(&self, method: Method, fault: Fault) {
        self.shared.state().conditions.arm(method, fault);
    }

    /// Makes every method fail from now on, as described by the fault. Open streams continue; an
    /// outage of both is [`MockTaskManager::disconnect`].
    pub fn fail_all(&self, fault: &Fault) {
        let mut state = self.shared.state();
        for method in Method::ALL {
            state.conditions.arm(*method, fault.clone());
        }
    }

    /// Removes every fault.
    pub fn heal(&self) {
        self.shared.state().conditions.clear();
    }

    /// Starts an outage: every call fails with [`ErrorKind::Unreachable`], and so does every open
    /// stream, as its last item. Sessions continue.
    pub fn disconnect(&self) {
        self.shared.set_down(true);
    }

    /// Ends an outage. Streams have to be opened again.
    pub fn reconnect(&self) {
        self.shared.set_down(false);
    }

    /// Holds current and future sessions in this status until [`MockTaskManager::release`], unless
    /// a command ends the status.
    pub fn hold(&self, status: SessionStatus) {
        self.shared.state().held.insert(status);
    }

    /// Releases the sessions that are held in this status.
    pub fn release(&self, status: SessionStatus) {
        let mut state = self.shared.state();
        state.held.remove(&status);
        state.wake_all();
        self.shared
            .schedule(&mut state)
            .expect("a queued session may be claimed");
    }

    /// Appends an event to the log of a session, as if its agent had produced it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown session, and [`ErrorKind::Conflict`] if its agent does
    /// not run.
    pub fn emit(&self, id: SessionId, event: EventPayload) -> Result<(), TaskManagerError> {
        self.output(id, AgentOutput::Event(event))
    }

    /// Sends an ephemeral event to the readers of a session, as if its agent had produced it.
    ///
    /// # Errors
    /// As [`MockTaskManager::emit`].
    pub fn emit_ephemeral(
        &self,
        id: SessionId,
        event: EphemeralEvent,
    ) -> Result<(), TaskManagerError> {
        self.output(id, AgentOutput::Ephemeral(event))
    }

    fn output(&self, id: SessionId, output: AgentOutput) -> Result<(), TaskManagerError> {
        let (now, mut state) = (self.shared.now(), self.shared.state());
        state.output(id, output, now)
    }

    /// Begins a call of `method` without an effect.
    async fn enter(&self, method: Method) -> Result<(), TaskManagerError> {
        self.begin(method).await?.map_or(Ok(()), Err)
    }

    /// Begins a call of `method`. Returns an error to report after its effect, if any.
    async fn begin(&self, method: Method) -> Result<LostResponse, TaskManagerError> {
        let latency = self.shared.state().conditions.latency(method);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if self.shared.connection().borrow().is_down {
            return Err(Connection::lost());
        }
        let state = &mut *self.shared.state();
        state.conditions.call(method, &mut state.ids)
    }

    /// Executes a request and keeps its receipt, unless a receipt shows that it was executed.
    fn perform<T: Serialize>(
        &self,
        lost: LostResponse,
        work: impl FnOnce(&mut State, Moment) -> Result<T, TaskManagerError>,
    ) -> Result<T, TaskManagerError> {
        let (now, mut state) = (self.shared.now(), self.shared.state());
        if let Some(template) = &self.caller.receipt {
            state.receipts.admit(&template.key, now.wall)?;
        }
        let result = work(&mut state, now)?;
        if let Some(receipt) = self.caller.receipt_of(&result)? {
            state.receipts.keep(receipt);
        }
        lost.map_or(Ok(result), Err)
    }

    /// Makes a decision on a session and returns the session after it.
    fn decide(
        &self,
        lost: LostResponse,
        id: SessionId,
        decide: impl FnOnce(&View, Timestamp) -> Result<Decision, Refusal>,
    ) -> Result<Session, TaskManagerError> {
        self.perform(lost, |state, now| {
            let session = state.decide(id, |view| decide(view, now.wall))?;
            Ok(session.session().clone())
        })
    }
}

impl Default for MockTaskManager {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl TaskManager for MockTaskManager {
    fn description(&self) -> String {
        "mock in memory".to_owned()
    }

    async fn launch_task(
        &self,
        params: TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let lost = self.begin(Method::LaunchTask).await?;
        self.perform(lost, |state, now| {
            let launched = state.launch(&params, &self.caller.principal, now)?;
            self.shared.schedule(state)?;
            Ok(launched)
        })
    }

    async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError> {
        self.enter(Method::GetTask).await?;
        self.shared.state().task(id).cloned()
    }

    async fn list_sessions(&self, query: SessionQuery) -> Result<Page<Session>, TaskManagerError> {
        self.enter(Method::ListSessions).await?;
        Ok(self.shared.state().list_sessions(&query))
    }

    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.enter(Method::GetSession).await?;
        Ok(self.shared.state().session(id)?.session().clone())
    }

    async fn get_session_info(&self, id: SessionId) -> Result<SessionInfo, TaskManagerError> {
        self.enter(Method::GetSessionInfo).await?;
        Ok(SessionInfo::of(self.shared.state().session(id)?.session()))
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        self.enter(Method::TaskEventsStream).await?;
        crate::stream::events(self.shared.clone(), id, after, filter)
    }

    async fn all_events(&self, query: AllEventsQuery) -> Result<AllEventsStream, TaskManagerError> {
        self.enter(Method::AllEvents).await?;
        crate::stream::all_events(self.shared.clone(), query)
    }

    async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        self.enter(Method::ListEvents).await?;
        self.shared.state().list_events(id, &query)
    }

    async fn prompt_session(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        let lost = self.begin(Method::PromptSession).await?;
        let request = request.validated()?;
        self.perform(lost, |state, now| {
            let prompt = state.new_prompt(id, request, &self.caller.principal, now)?;
            let receipt = PromptReceipt {
                session_id: id,
                accepted: true,
                ts: prompt.created_at,
                prompt_id: prompt.id,
                delivery: match prompt.delivery {
                    DeliveryMode::Steer => PromptDelivery::Steered,
                    _ => PromptDelivery::Queued,
                },
            };
            state.decide(id, |view| prompt::decide(&view.record, prompt))?;
            Ok(receipt)
        })
    }

    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError> {
        self.enter(Method::ListPrompts).await?;
        let state = self.shared.state();
        let prompts = state.session(id)?.view().prompts.clone();
        Ok(Page::of_whole(prompts, page))
    }

    async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        let lost = self.begin(Method::WithdrawPrompt).await?;
        self.decide(lost, id, |view, _| {
            withdraw::decide(&view.record, &view.prompts, prompt)
        })
        .map(drop)
    }

    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let lost = self.begin(Method::InterruptSession).await?;
        self.decide(lost, id, |view, now| interrupt::decide(&view.record, now))
    }

    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let lost = self.begin(Method::PauseSession).await?;
        self.decide(lost, id, |view, now| pause::decide(&view.record, now))
    }

    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        let lost = self.begin(Method::ResumeSession).await?;
        let request = match prompt {
            None => None,
            Some(content) => Some(PromptRequest::queued(content).validated()?),
        };
        self.perform(lost, |state, now| {
            let author = &self.caller.principal;
            let prompt = request
                .map(|request| state.new_prompt(id, request, author, now))
                .transpose()?;
            let decide = |view: &View| resume::decide(&view.record, prompt, now.wall);
            Ok(state.decide(id, decide)?.session().clone())
        })
    }

    async fn stop_session(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        let lost = self.begin(Method::StopSession).await?;
        let StopRequest { reason } = StopRequest { reason }.validated()?;
        let by = &self.caller.principal;
        self.decide(lost, id, |view, now| {
            stop::decide(&view.record, reason, by, now)
        })
    }

    async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError> {
        let lost = self.begin(Method::CancelSession).await?;
        let by = &self.caller.principal;
        self.decide(lost, id, |view, now| cancel::decide(&view.record, by, now))?;
        let mut moved = self.shared.state().session(id)?.watch();
        let until_over = async {
            loop {
                moved.mark_unchanged();
                if self.shared.state().session(id)?.status().is_terminal() {
                    return Ok(());
                }
                if moved.changed().await.is_err() {
                    return Ok(());
                }
            }
        };
        let too_long = || {
            TaskManagerError::new(
                ErrorKind::Unavailable,
                format!(
                    "session {id} is being cancelled and is not gone yet; nothing more has to be \
                     asked for, look at it again in a moment"
                ),
            )
        };
        tokio::time::timeout(CANCEL_MAX, until_over)
            .await
            .unwrap_or_else(|_| Err(too_long()))
    }

    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Permission>, TaskManagerError> {
        self.enter(Method::ListPermissions).await?;
        let state = self.shared.state();
        let known = state.session(id)?.view().permissions.iter();
        let permissions = known.map(|it| it.permission.clone()).collect();
        Ok(Page::of_whole(permissions, page))
    }

    async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError> {
        let lost = self.begin(Method::AnswerPermission).await?;
        let by = &self.caller.principal;
        self.perform(lost, |state, _| {
            let session = state.decide(id, |view| {
                answer::decide(&view.record, &view.permissions, request, answer, by)
            })?;
            let mut known = session.view().permissions.iter().map(|it| &it.permission);
            let answered = known.find(|it| it.request.request_id == request);
            // Only a request that is known can have been answered.
            answered.cloned().ok_or_else(|| {
                TaskManagerError::new(
                    ErrorKind::NotFound,
                    format!("there is no request `{request}`"),
                )
            })
        })
    }

    async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError> {
        self.enter(Method::GetInitialTasks).await?;
        Ok(self.shared.state().initial_tasks())
    }

    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        self.enter(Method::ListDrafts).await?;
        Ok(self.shared.state().list_drafts(page))
    }

    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError> {
        self.enter(Method::GetDraft).await?;
        self.shared.state().draft(id).cloned()
    }

    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
        let lost = self.begin(Method::SaveDraftTask).await?;
        self.perform(lost, |state, now| state.save_draft(draft, now))
    }

    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError> {
        let lost = self.begin(Method::DeleteDraftTask).await?;
        self.shared.state().take_draft(id)?;
        lost.map_or(Ok(()), Err)
    }

    async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError> {
        self.enter(Method::ListAgents).await?;
        Ok(Page::of_whole(self.shared.state().agents.list(), page))
    }

    async fn list_repositories(
        &self,
        page: PageRequest,
    ) -> Result<Page<Repository>, TaskManagerError> {
        self.enter(Method::ListRepositories).await?;
        Ok(self.shared.state().repositories.list(page))
    }

    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError> {
        self.enter(Method::GetRepository).await?;
        self.shared.state().repositories.repository(id).cloned()
    }

    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        self.enter(Method::ListBranches).await?;
        self.shared.state().repositories.branches(id)
    }

    async fn list_session_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError> {
        self.enter(Method::ListSessionFiles).await?;
        let state = self.shared.state();
        let session = state.session(id)?;
        ah_lifecycle::workspace(session.session())?;
        Ok(query.select(session.changes().entries()))
    }

    async fn get_session_diff(
        &self,
        id: SessionId,
        query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError> {
        self.enter(Method::GetSessionDiff).await?;
        let state = self.shared.state();
        let session = state.session(id)?;
        ah_lifecycle::workspace(session.session())?;
        Ok(session.changes().diff(&query))
    }
}

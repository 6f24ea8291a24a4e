//! The methods of the trait, on the mock's state.

use std::time::Duration;

use ah_lifecycle::create::KeyedLaunch;
use ah_lifecycle::{View, answer, cancel, interrupt, pause, prompt, resume, stop, withdraw};
use ah_rest_api_contract::{
    AccessPoint, Agent, AllEventsQuery, AllEventsStream, AttachmentContent, AttachmentHash,
    BranchList, ContentQuery, DeepHealth, DiffQuery, Draft, DraftId, DraftUpdate, ErrorKind,
    EventFilter, EventQuery, EventSeq, EventStream, ExecutorInfo, FileContent, FileDetails,
    FileDiff, FileDiffQuery, FileEntry, FileNode, FileNodeQuery, FilePath, FileQuery, HealthProbe,
    InitialTasks, LaunchedTask, Page, PageRequest, Permission, PermissionAnswer, PermissionId,
    Project, Prompt, PromptContent, PromptId, PromptReceipt, PromptRequest, Repository,
    RepositoryId, RepositoryQuery, Runtime, SandboxProfile, Session, SessionDiff, SessionEvent,
    SessionId, SessionInfo, SessionQuery, StopRequest, Task, TaskId, TaskLaunchParams, TaskManager,
    TaskManagerError, Version, WorkspaceInfo, WorkspaceQuery,
};
use async_trait::async_trait;

use super::MockTaskManager;
use crate::fault::MockMethod;

/// The maximum time that a cancellation waits for the end of its session.
const CANCEL_MAX: Duration = Duration::from_secs(60);

#[async_trait]
impl TaskManager for MockTaskManager {
    fn description(&self) -> String {
        "mock in memory".to_owned()
    }

    async fn version(&self) -> Result<Version, TaskManagerError> {
        self.enter(MockMethod::Version).await?;
        Ok(Version::new(env!("CARGO_PKG_VERSION")))
    }

    async fn deep_health(&self) -> Result<DeepHealth, TaskManagerError> {
        self.enter(MockMethod::DeepHealth).await?;
        let checks = HealthProbe::run_all(self.health_probes()).await;
        Ok(DeepHealth::of(checks, self.shared.now().wall))
    }

    async fn launch_task(
        &self,
        params: TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let lost = self.begin(MockMethod::LaunchTask).await?;
        let keyed = KeyedLaunch::of(&self.caller, &params, self.shared.now().wall)?;
        let caller = keyed.as_ref().map(KeyedLaunch::caller);
        let acting = Self {
            caller: caller.unwrap_or_else(|| self.caller.clone()),
            shared: self.shared.clone(),
        };
        let launched = acting.perform(None, |state, now| {
            let launched = state.launch(&params, &self.caller.principal, now)?;
            self.shared.schedule(state)?;
            Ok(launched)
        });
        let launched = match keyed {
            Some(keyed) => keyed.settle(launched),
            None => launched,
        }?;
        lost.map_or(Ok(launched), Err)
    }

    async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError> {
        self.enter(MockMethod::GetTask).await?;
        self.shared.state().task(id).cloned()
    }

    async fn list_sessions(&self, query: SessionQuery) -> Result<Page<Session>, TaskManagerError> {
        self.enter(MockMethod::ListSessions).await?;
        Ok(self.shared.state().page_of_sessions(&query))
    }

    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.enter(MockMethod::GetSession).await?;
        Ok(self.shared.state().session(id)?.session().clone())
    }

    async fn get_session_info(&self, id: SessionId) -> Result<SessionInfo, TaskManagerError> {
        self.enter(MockMethod::GetSessionInfo).await?;
        Ok(SessionInfo::of(self.shared.state().session(id)?.session()))
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        self.enter(MockMethod::TaskEventsStream).await?;
        crate::stream::events(self.shared.clone(), id, after, filter)
    }

    async fn all_events(&self, query: AllEventsQuery) -> Result<AllEventsStream, TaskManagerError> {
        self.enter(MockMethod::AllEvents).await?;
        crate::stream::all_events(self.shared.clone(), query)
    }

    async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        self.enter(MockMethod::ListEvents).await?;
        self.shared.state().list_events(id, &query)
    }

    async fn prompt_session(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        let lost = self.begin(MockMethod::PromptSession).await?;
        let request = request.validated()?;
        self.perform(lost, |state, now| {
            let prompt = state.new_prompt(id, request, &self.caller.principal, now)?;
            let receipt = PromptReceipt::of(id, &prompt);
            state.decide(id, |view| prompt::decide(&view.record, prompt))?;
            Ok(receipt)
        })
    }

    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError> {
        self.enter(MockMethod::ListPrompts).await?;
        let state = self.shared.state();
        let prompts = state.session(id)?.view().prompts.clone();
        Ok(Page::of_whole(prompts, page))
    }

    async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        let lost = self.begin(MockMethod::WithdrawPrompt).await?;
        self.decide(lost, id, |view, _| {
            withdraw::decide(&view.record, &view.prompts, prompt)
        })
        .map(drop)
    }

    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let lost = self.begin(MockMethod::InterruptSession).await?;
        self.decide(lost, id, |view, now| interrupt::decide(&view.record, now))
    }

    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let lost = self.begin(MockMethod::PauseSession).await?;
        self.decide(lost, id, |view, now| pause::decide(&view.record, now))
    }

    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        let lost = self.begin(MockMethod::ResumeSession).await?;
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
        let lost = self.begin(MockMethod::StopSession).await?;
        let StopRequest { reason } = StopRequest { reason }.validated()?;
        let by = &self.caller.principal;
        self.decide(lost, id, |view, now| {
            stop::decide(&view.record, reason, by, now)
        })
    }

    async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError> {
        let lost = self.begin(MockMethod::CancelSession).await?;
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
        self.enter(MockMethod::ListPermissions).await?;
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
        let lost = self.begin(MockMethod::AnswerPermission).await?;
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
        self.enter(MockMethod::GetInitialTasks).await?;
        Ok(self.shared.state().initial_tasks())
    }

    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        self.enter(MockMethod::ListDrafts).await?;
        Ok(self.shared.state().list_drafts(page))
    }

    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError> {
        self.enter(MockMethod::GetDraft).await?;
        self.shared.state().draft(id).cloned()
    }

    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
        let lost = self.begin(MockMethod::SaveDraftTask).await?;
        self.perform(lost, |state, now| state.save_draft(draft, now))
    }

    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError> {
        let lost = self.begin(MockMethod::DeleteDraftTask).await?;
        self.shared.state().take_draft(id)?;
        lost.map_or(Ok(()), Err)
    }

    async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError> {
        self.enter(MockMethod::ListAgents).await?;
        Ok(Page::of_whole(self.shared.state().agents.list(), page))
    }

    async fn list_runtimes(&self, page: PageRequest) -> Result<Page<Runtime>, TaskManagerError> {
        self.enter(MockMethod::ListRuntimes).await?;
        Ok(Page::of_whole(
            vec![Runtime::local([SandboxProfile::Disabled])],
            page,
        ))
    }

    async fn list_executors(
        &self,
        page: PageRequest,
    ) -> Result<Page<ExecutorInfo>, TaskManagerError> {
        self.enter(MockMethod::ListExecutors).await?;
        Ok(Page::of_whole(vec![ExecutorInfo::this_host()], page))
    }

    async fn list_projects(&self, page: PageRequest) -> Result<Page<Project>, TaskManagerError> {
        self.enter(MockMethod::ListProjects).await?;
        Ok(self.shared.state().page_of_projects(page))
    }

    async fn list_workspaces(
        &self,
        query: WorkspaceQuery,
    ) -> Result<Page<WorkspaceInfo>, TaskManagerError> {
        self.enter(MockMethod::ListWorkspaces).await?;
        let now = self.shared.now().wall;
        Ok(self.shared.state().page_of_workspaces(&query, now))
    }

    async fn list_repositories(
        &self,
        query: RepositoryQuery,
    ) -> Result<Page<Repository>, TaskManagerError> {
        self.enter(MockMethod::ListRepositories).await?;
        Ok(self.shared.state().page_of_repositories(&query))
    }

    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError> {
        self.enter(MockMethod::GetRepository).await?;
        self.shared.state().repositories.repository(id).cloned()
    }

    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        self.enter(MockMethod::ListBranches).await?;
        self.shared.state().repositories.branches(id)
    }

    async fn list_session_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError> {
        self.enter(MockMethod::ListSessionFiles).await?;
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
        self.enter(MockMethod::GetSessionDiff).await?;
        let state = self.shared.state();
        let session = state.session(id)?;
        ah_lifecycle::workspace(session.session())?;
        Ok(session.changes().diff(&query))
    }

    async fn get_session_file(
        &self,
        id: SessionId,
        path: FilePath,
    ) -> Result<FileDetails, TaskManagerError> {
        self.enter(MockMethod::GetSessionFile).await?;
        let state = self.shared.state();
        let session = state.session(id)?;
        ah_lifecycle::workspace(session.session())?;
        session
            .changes()
            .file(&path)
            .ok_or_else(|| no_file(id, &path))
    }

    async fn read_session_file(
        &self,
        id: SessionId,
        path: FilePath,
        query: ContentQuery,
    ) -> Result<FileContent, TaskManagerError> {
        self.enter(MockMethod::ReadSessionFile).await?;
        let state = self.shared.state();
        let session = state.session(id)?;
        ah_lifecycle::workspace(session.session())?;
        let content = session.changes().content(&path, query);
        content.ok_or_else(|| no_file(id, &path))
    }

    async fn list_workspace_files(
        &self,
        id: SessionId,
        query: FileNodeQuery,
    ) -> Result<FileNode, TaskManagerError> {
        self.enter(MockMethod::ListWorkspaceFiles).await?;
        let state = self.shared.state();
        let session = state.session(id)?;
        ah_lifecycle::workspace(session.session())?;
        let folder = session.changes().folder(&query);
        folder.ok_or_else(|| {
            let path = query.path.map(|path| path.to_string()).unwrap_or_default();
            let detail = format!("session `{id}` has no folder `{path}`");
            TaskManagerError::new(ErrorKind::NotFound, detail)
        })
    }

    async fn get_file_diff(
        &self,
        id: SessionId,
        path: FilePath,
        query: FileDiffQuery,
    ) -> Result<FileDiff, TaskManagerError> {
        self.enter(MockMethod::GetFileDiff).await?;
        let state = self.shared.state();
        let session = state.session(id)?;
        ah_lifecycle::workspace(session.session())?;
        let query_of_files = DiffQuery::new(vec![path.to_string()], query.context_lines())?;
        let query = match query.full_file() {
            true => query_of_files.whole_files(),
            false => query_of_files,
        };
        let diff = session.changes().diff(&query);
        diff.files.into_iter().next().ok_or_else(|| {
            let detail = format!("session `{id}` has not changed `{path}`");
            TaskManagerError::new(ErrorKind::NotFound, detail)
        })
    }

    async fn get_session_attachment(
        &self,
        id: SessionId,
        hash: AttachmentHash,
    ) -> Result<AttachmentContent, TaskManagerError> {
        self.enter(MockMethod::GetSessionAttachment).await?;
        let state = self.shared.state();
        state.session(id)?.attachment(hash)
    }
}

/// The error of a path that the workspace does not have.
fn no_file(id: SessionId, path: &FilePath) -> TaskManagerError {
    let detail = format!("session `{id}` has no file `{path}`");
    TaskManagerError::new(ErrorKind::NotFound, detail)
}

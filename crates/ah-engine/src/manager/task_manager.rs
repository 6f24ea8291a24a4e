//! The `TaskManager` over the commands, the queries and the store.

use ah_rest_api_contract::{
    AccessPoint, Agent, AllEventsQuery, AllEventsStream, AttachmentContent, AttachmentHash,
    BranchList, ContentQuery, DeepHealth, DiffQuery, Draft, DraftId, DraftUpdate, EventFilter,
    EventQuery, EventSeq, EventStream, ExecutorInfo, FileContent, FileDetails, FileDiff,
    FileDiffQuery, FileEntry, FileNode, FileNodeQuery, FilePath, FileQuery, HealthProbe,
    InitialTasks, LaunchedTask, Page, PageRequest, Permission, PermissionAnswer, PermissionId,
    Project, Prompt, PromptContent, PromptId, PromptReceipt, PromptRequest, Repository,
    RepositoryId, RepositoryQuery, Runtime, Session, SessionDiff, SessionEvent, SessionId,
    SessionInfo, SessionQuery, Task, TaskId, TaskLaunchParams, TaskManager, TaskManagerError,
    Version, WorkspaceInfo, WorkspaceQuery,
};
use async_trait::async_trait;

use super::LocalTaskManager;
use crate::encoding::{all_decoded, decoded};

#[async_trait]
impl TaskManager for LocalTaskManager {
    fn description(&self) -> String {
        format!("in-process engine at {}", self.core.config.home.display())
    }

    async fn version(&self) -> Result<Version, TaskManagerError> {
        Ok(Version::new(env!("CARGO_PKG_VERSION")))
    }

    async fn deep_health(&self) -> Result<DeepHealth, TaskManagerError> {
        let checks = HealthProbe::run_all(self.health_probes()).await;
        Ok(DeepHealth::of(checks, self.core.clock.now()))
    }

    async fn launch_task(
        &self,
        params: TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        self.launch(&params).await
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
        self.session_info(id).await
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        let encoded = self.encoded_events(id, after, filter).await?;
        Ok(decoded(encoded))
    }

    async fn all_events(&self, query: AllEventsQuery) -> Result<AllEventsStream, TaskManagerError> {
        let encoded = self.all_encoded_events(query).await?;
        Ok(all_decoded(encoded))
    }

    async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        self.read_events(id, query).await
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
        let drafts = self.list_drafts(page).await?;
        Ok(InitialTasks::new(drafts, self.list_sessions(query).await?))
    }

    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        self.core.store.list_drafts(page).await.map_err(Into::into)
    }

    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError> {
        self.core.store.draft(id).await.map_err(Into::into)
    }

    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
        self.save_draft(draft).await
    }

    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError> {
        self.core.store.delete_draft(id).await.map_err(Into::into)
    }

    async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError> {
        Ok(self.read_agents(page).await)
    }

    async fn list_runtimes(&self, page: PageRequest) -> Result<Page<Runtime>, TaskManagerError> {
        Ok(Page::of_whole(self.core.executor.runtimes(), page))
    }

    async fn list_executors(
        &self,
        page: PageRequest,
    ) -> Result<Page<ExecutorInfo>, TaskManagerError> {
        Ok(Page::of_whole(vec![self.core.executor.info()], page))
    }

    async fn list_projects(&self, page: PageRequest) -> Result<Page<Project>, TaskManagerError> {
        self.core
            .store
            .list_projects(page)
            .await
            .map_err(Into::into)
    }

    async fn list_workspaces(
        &self,
        query: WorkspaceQuery,
    ) -> Result<Page<WorkspaceInfo>, TaskManagerError> {
        let sessions = self.core.store.list_with_workspaces(&query).await?;
        let now = self.core.clock.now();
        Ok(Page {
            // The store leaves sessions without a workspace out.
            items: sessions
                .items
                .iter()
                .filter_map(|session| WorkspaceInfo::of(session, now))
                .collect(),
            total: sessions.total,
            next_page: sessions.next_page,
        })
    }

    async fn list_repositories(
        &self,
        query: RepositoryQuery,
    ) -> Result<Page<Repository>, TaskManagerError> {
        self.core
            .store
            .list_repositories(&query)
            .await
            .map_err(Into::into)
    }

    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError> {
        // The stored address may contain a password, so it is not returned.
        let (repository, _address) = self.core.store.repository(id).await?;
        Ok(repository)
    }

    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        self.read_branches(id).await
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

    async fn get_session_file(
        &self,
        id: SessionId,
        path: FilePath,
    ) -> Result<FileDetails, TaskManagerError> {
        self.read_details(id, path).await
    }

    async fn read_session_file(
        &self,
        id: SessionId,
        path: FilePath,
        query: ContentQuery,
    ) -> Result<FileContent, TaskManagerError> {
        self.read_content(id, path, query).await
    }

    async fn list_workspace_files(
        &self,
        id: SessionId,
        query: FileNodeQuery,
    ) -> Result<FileNode, TaskManagerError> {
        self.read_folder(id, query).await
    }

    async fn get_file_diff(
        &self,
        id: SessionId,
        path: FilePath,
        query: FileDiffQuery,
    ) -> Result<FileDiff, TaskManagerError> {
        self.read_file_diff(id, path, query).await
    }

    async fn get_session_attachment(
        &self,
        id: SessionId,
        hash: AttachmentHash,
    ) -> Result<AttachmentContent, TaskManagerError> {
        self.core
            .store
            .attachment(id, hash)
            .await
            .map_err(Into::into)
    }
}

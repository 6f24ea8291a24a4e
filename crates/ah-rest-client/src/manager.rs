//! The trait over the client.

use ah_rest_api_contract::{
    Agent, AllEventsQuery, AllEventsStream, BranchList, DiffQuery, Draft, DraftId, DraftUpdate,
    EventFilter, EventQuery, EventSeq, EventStream, FileEntry, FileQuery, InitialTasks,
    LaunchedTask, Page, PageRequest, Permission, PermissionAnswer, PermissionId, Prompt,
    PromptContent, PromptId, PromptReceipt, PromptRequest, Repository, RepositoryId, ResumeRequest,
    Session, SessionDiff, SessionEvent, SessionId, SessionQuery, StopRequest, Task, TaskId,
    TaskLaunchParams, TaskManager, TaskManagerError,
};
use async_trait::async_trait;

use crate::client::RestClient;

/// A [`TaskManager`] that stands in another process or on another host.
///
/// Lists that the trait does not page are read in one page, the largest there is; `total` says
/// whether there is more.
#[derive(Clone, Debug)]
pub struct RestTaskManager {
    client: RestClient,
}

impl RestTaskManager {
    /// The manager behind `client`.
    #[must_use]
    pub const fn new(client: RestClient) -> Self {
        Self { client }
    }

    /// The client, for what the trait does not have.
    #[must_use]
    pub const fn client(&self) -> &RestClient {
        &self.client
    }
}

#[async_trait]
impl TaskManager for RestTaskManager {
    fn description(&self) -> String {
        let url = self.client.base_url().as_str().trim_end_matches('/');
        format!("access point at {url}")
    }

    async fn launch_task(
        &self,
        params: TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        self.client.launch_task(&params).await
    }

    async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError> {
        self.client.get_task(id).await
    }

    async fn list_sessions(&self, query: SessionQuery) -> Result<Page<Session>, TaskManagerError> {
        self.client.list_sessions(query).await
    }

    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.client.get_session(id).await
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        self.client.session_events(id, after, filter).await
    }

    async fn all_events(&self, query: AllEventsQuery) -> Result<AllEventsStream, TaskManagerError> {
        self.client.all_events(query).await
    }

    async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        self.client.list_events(id, query).await
    }

    async fn prompt_session(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        self.client.prompt_session(id, &request).await
    }

    async fn list_prompts(&self, id: SessionId) -> Result<Page<Prompt>, TaskManagerError> {
        self.client.list_prompts(id, PageRequest::largest()).await
    }

    async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        self.client.withdraw_prompt(id, prompt).await
    }

    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.client.interrupt_session(id).await
    }

    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.client.pause_session(id).await
    }

    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        self.client
            .resume_session(id, &ResumeRequest { prompt })
            .await
    }

    async fn stop_session(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        self.client.stop_session(id, &StopRequest { reason }).await
    }

    async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError> {
        self.client.cancel_session(id).await
    }

    async fn list_permissions(&self, id: SessionId) -> Result<Page<Permission>, TaskManagerError> {
        self.client
            .list_permissions(id, PageRequest::largest())
            .await
    }

    async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError> {
        self.client.answer_permission(id, request, &answer).await
    }

    async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError> {
        let newest = SessionQuery {
            page: PageRequest::largest(),
            ..SessionQuery::default()
        };
        let (drafts, sessions) = tokio::try_join!(
            self.client.list_drafts(PageRequest::largest()),
            self.client.list_sessions(newest),
        )?;
        Ok(InitialTasks { drafts, sessions })
    }

    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        self.client.list_drafts(page).await
    }

    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError> {
        self.client.get_draft(id).await
    }

    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
        match draft.id {
            None => self.client.create_draft(&draft.content).await,
            Some(id) => self.client.update_draft(id, &draft.content).await,
        }
    }

    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError> {
        self.client.delete_draft(id).await
    }

    async fn list_agents(&self) -> Result<Page<Agent>, TaskManagerError> {
        self.client.list_agents(PageRequest::largest()).await
    }

    async fn list_repositories(&self) -> Result<Page<Repository>, TaskManagerError> {
        self.client.list_repositories(PageRequest::largest()).await
    }

    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError> {
        self.client.get_repository(id).await
    }

    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        self.client.list_branches(id).await
    }

    async fn list_session_files(&self, id: SessionId) -> Result<Page<FileEntry>, TaskManagerError> {
        let query = FileQuery {
            page: PageRequest::largest(),
            ..FileQuery::default()
        };
        self.client.list_session_files(id, query).await
    }

    async fn get_session_diff(
        &self,
        id: SessionId,
        query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError> {
        self.client.get_session_diff(id, query).await
    }
}

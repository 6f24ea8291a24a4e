//! A task manager that delegates to a mock, with one deliberate fault.

use ah_rest_api_contract::{
    Agent, AllEventsQuery, AllEventsStream, AttachmentContent, AttachmentHash, BranchList,
    ContentQuery, CreateTask, DeepHealth, DeliveryMode, DiffQuery, Draft, DraftId, DraftUpdate,
    EphemeralEvent, ErrorKind, EventFilter, EventQuery, EventSeq, EventStream, ExecutorInfo,
    FileContent, FileDetails, FileDiff, FileDiffQuery, FileEntry, FileNode, FileNodeQuery,
    FilePath, FileQuery, InitialTasks, LaunchedTask, LogCursor, Page, PageRequest, Permission,
    PermissionAnswer, PermissionId, PermissionPolicy, Priority, Project, Prompt, PromptContent,
    PromptId, PromptReceipt, PromptRequest, Repository, RepositoryId, RepositoryQuery, Runtime,
    Session, SessionDiff, SessionEvent, SessionId, SessionInfo, SessionQuery, SessionView,
    SortOrder, StreamItem, Task, TaskId, TaskLaunchParams, TaskManager, TaskManagerError, Version,
    WorkspaceInfo, WorkspaceQuery,
};
use ah_rest_mock_client::MockTaskManager;
use async_trait::async_trait;
use futures::{StreamExt, stream};

macro_rules! faults {
    ($($fault:ident,)+) => {
        /// A deliberate fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($fault,)+
        }

        impl Fault {
            pub(crate) const ALL: &[Self] = &[$(Self::$fault,)+];
        }
    };
}

faults! {
    LaunchWithoutBranch,
    LaunchWithoutCommit,
    LaunchWithoutModel,
    LaunchWithoutLabels,
    LaunchWithoutProject,
    LaunchWithFlatPrompt,
    LaunchWithoutKey,
    LaunchWithoutPriority,
    LaunchWithoutCount,
    LaunchNotInteractive,
    LaunchWithoutTimeLimit,
    LaunchWithoutIdleLimit,
    LaunchWithoutPolicy,
    TaskWithoutLabels,
    ListIgnoresPage,
    ListIsReversed,
    ListIgnoresStatus,
    ListIgnoresAgent,
    ListIgnoresProject,
    ListIgnoresTask,
    ListIgnoresLabels,
    ListIgnoresArchive,
    InitialTasksWithoutEnded,
    SessionWithoutRecentEvents,
    ListIgnoresView,
    PagesWithoutBound,
    SessionWithoutLastMessage,
    VersionIsEmpty,
    HealthWithoutChecks,
    SessionWithoutUsage,
    SessionWithoutActivity,
    SessionOfAnOldLog,
    MissingSessionIsConflict,
    InfoWithoutLeader,
    StreamIgnoresCursor,
    StreamAcceptsAnyCursor,
    StreamNeverEnds,
    StreamRepeatsItsEnd,
    StreamLosesAnEvent,
    StreamRepeatsAnEvent,
    StreamWithoutEphemeral,
    StreamWithoutOffsets,
    StreamIgnoresTypes,
    StreamIgnoresLevel,
    AllEventsIgnoreCursor,
    AllEventsIgnoreSessions,
    AllEventsIgnoreTypes,
    HistoryIgnoresPage,
    HistoryIgnoresOrder,
    HistoryIgnoresCursors,
    HistoryIgnoresTimes,
    HistoryIgnoresFilter,
    PromptNeverSteers,
    PromptsIgnorePage,
    WithdrawalHasNoEffect,
    InterruptHasNoEffect,
    PauseHasNoEffect,
    ResumeWithoutPrompt,
    StopWithoutReason,
    CancelOnlyStops,
    PermissionsIgnorePage,
    AnswerIsAlwaysAllow,
    DraftsIgnorePage,
    DraftIsNotUpdated,
    DraftIsNotDeleted,
    BranchesWithoutDefault,
    FilesIgnorePage,
    FilesIgnoreStatus,
    DiffIgnoresFiles,
    DiffIgnoresContext,
    AttachmentsAreCut,
    FilesAreCut,
    FoldersHideFiles,
    FileDiffIgnoresContext,
    DiffIgnoresWholeFiles,
}

/// The manager.
pub(crate) struct Mutant {
    inner: MockTaskManager,
    fault: Option<Fault>,
}

impl Mutant {
    pub(crate) const fn new(inner: MockTaskManager, fault: Option<Fault>) -> Self {
        Self { inner, fault }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Returns the page to read, which is the largest with this fault.
    fn page(&self, fault: Fault, page: PageRequest) -> PageRequest {
        if self.has(fault) {
            PageRequest::largest()
        } else {
            page
        }
    }

    fn launched(&self, task: &mut CreateTask) {
        match self.fault {
            Some(Fault::LaunchWithoutBranch) => task.repo.branch = None,
            Some(Fault::LaunchWithoutCommit) => task.repo.commit = None,
            Some(Fault::LaunchWithoutModel) => task.agents[0].model = None,
            Some(Fault::LaunchWithoutLabels) => task.labels.clear(),
            Some(Fault::LaunchWithoutProject) => task.project_id = None,
            Some(Fault::LaunchWithFlatPrompt) => task.prompt = task.prompt.text().into(),
            Some(Fault::LaunchWithoutPriority) => task.priority = Priority::Normal,
            Some(Fault::LaunchWithoutCount) => task.agents.iter_mut().for_each(|it| it.count = 1),
            Some(Fault::LaunchNotInteractive) => task.interactive = false,
            Some(Fault::LaunchWithoutTimeLimit) => task.timeout_ms = None,
            Some(Fault::LaunchWithoutIdleLimit) => task.idle_timeout_ms = None,
            Some(Fault::LaunchWithoutPolicy) => task.permissions = PermissionPolicy::default(),
            _ => {}
        }
    }

    fn shown(&self, session: &mut Session) {
        match self.fault {
            Some(Fault::SessionWithoutRecentEvents) => session.recent_events.clear(),
            Some(Fault::SessionWithoutUsage) => session.usage = None,
            Some(Fault::SessionWithoutActivity) => session.activity = None,
            Some(Fault::SessionWithoutLastMessage) => session.last_message = None,
            Some(Fault::SessionOfAnOldLog) => session.last_seq = EventSeq::START,
            _ => {}
        }
    }

    fn filter(&self, filter: &EventFilter) -> EventFilter {
        let types = match self.fault {
            Some(Fault::StreamIgnoresTypes) => None,
            _ => filter.types(),
        };
        let level = match self.fault {
            Some(Fault::StreamIgnoresLevel) => None,
            _ => filter.level(),
        };
        let mut kept = EventFilter::default();
        if let Some(types) = types {
            kept = kept.with_types(types.iter().copied());
        }
        if let Some(level) = level {
            kept = kept.with_level(level);
        }
        if filter.wants_ephemeral() && !self.has(Fault::StreamWithoutEphemeral) {
            kept = kept.with_ephemeral();
        }
        kept
    }

    /// Applies the fault to the items of a stream.
    fn faulty(&self, events: EventStream) -> EventStream {
        match self.fault {
            Some(Fault::StreamNeverEnds) => Box::pin(events.chain(stream::pending())),
            Some(Fault::StreamRepeatsItsEnd) => {
                let repeated = events.flat_map(|item| {
                    let item = item.unwrap();
                    let is_last = is_terminal(&item);
                    let times = if is_last { usize::MAX } else { 1 };
                    stream::iter(std::iter::repeat_n(item, times).map(Ok))
                });
                Box::pin(repeated)
            }
            Some(Fault::StreamLosesAnEvent) => Box::pin(
                events
                    .enumerate()
                    .filter_map(|(place, item)| async move { (place != 2).then_some(item) }),
            ),
            Some(Fault::StreamRepeatsAnEvent) => {
                let repeated = events.enumerate().flat_map(|(place, item)| {
                    let times = if place == 2 { 2 } else { 1 };
                    stream::iter(std::iter::repeat_n(item.unwrap(), times).map(Ok))
                });
                Box::pin(repeated)
            }
            Some(Fault::StreamWithoutOffsets) => Box::pin(events.map(|item| {
                let mut item = item?;
                if let StreamItem::Ephemeral(EphemeralEvent::MessageDelta(delta)) = &mut item {
                    delta.offset = 0;
                }
                Ok(item)
            })),
            _ => events,
        }
    }
}

fn is_terminal(item: &StreamItem) -> bool {
    use ah_rest_api_contract::EventPayload;
    match item {
        StreamItem::Event(SessionEvent {
            payload: EventPayload::Status(change),
            ..
        }) => change.status.is_terminal(),
        _ => false,
    }
}

#[async_trait]
impl TaskManager for Mutant {
    fn description(&self) -> String {
        self.inner.description()
    }

    async fn version(&self) -> Result<Version, TaskManagerError> {
        match self.fault {
            Some(Fault::VersionIsEmpty) => Ok(Version::new("")),
            _ => self.inner.version().await,
        }
    }

    async fn deep_health(&self) -> Result<DeepHealth, TaskManagerError> {
        let mut health = self.inner.deep_health().await?;
        if self.has(Fault::HealthWithoutChecks) {
            health.checks.clear();
        }
        Ok(health)
    }

    async fn launch_task(
        &self,
        params: TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let mut task = params.request().clone();
        self.launched(&mut task);
        let mut changed = TaskLaunchParams::try_from(task).unwrap();
        if let Some(key) = params.idempotency_key()
            && !self.has(Fault::LaunchWithoutKey)
        {
            changed = changed.with_idempotency_key(key.clone());
        }
        self.inner.launch_task(changed).await
    }

    async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError> {
        let mut task = self.inner.get_task(id).await?;
        if self.has(Fault::TaskWithoutLabels) {
            task.request.labels.clear();
        }
        Ok(task)
    }

    async fn list_sessions(
        &self,
        mut query: SessionQuery,
    ) -> Result<Page<Session>, TaskManagerError> {
        query.page = self.page(Fault::ListIgnoresPage, query.page);
        match self.fault {
            Some(Fault::ListIgnoresStatus) => query.statuses.clear(),
            Some(Fault::ListIgnoresAgent) => query.agent = None,
            Some(Fault::ListIgnoresProject) => query.project_id = None,
            Some(Fault::ListIgnoresTask) => query.task_id = None,
            Some(Fault::ListIgnoresLabels) => query.labels.clear(),
            Some(Fault::ListIgnoresArchive) => query.include_archived = false,
            Some(Fault::ListIgnoresView) => query.view = SessionView::Full,
            _ => {}
        }
        let mut page = self.inner.list_sessions(query).await?;
        for session in &mut page.items {
            if session.is_summary && self.has(Fault::PagesWithoutBound) {
                *session = self.inner.get_session(session.id).await?;
            }
        }
        if self.has(Fault::ListIsReversed) {
            page.items.reverse();
        }
        page.items
            .iter_mut()
            .for_each(|session| self.shown(session));
        Ok(page)
    }

    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let result = self.inner.get_session(id).await;
        if self.has(Fault::MissingSessionIsConflict) && result.is_err() {
            return Err(TaskManagerError::new(
                ErrorKind::Conflict,
                "no such session",
            ));
        }
        let mut session = result?;
        self.shown(&mut session);
        Ok(session)
    }

    async fn get_session_info(&self, id: SessionId) -> Result<SessionInfo, TaskManagerError> {
        let mut info = self.inner.get_session_info(id).await?;
        if self.has(Fault::InfoWithoutLeader) {
            info.fleet.leader = None;
        }
        Ok(info)
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        let after = match self.fault {
            Some(Fault::StreamIgnoresCursor) => EventSeq::START,
            Some(Fault::StreamAcceptsAnyCursor) => {
                after.min(self.inner.get_session(id).await?.last_seq)
            }
            _ => after,
        };
        let filter = self.filter(&filter);
        let events = self.inner.task_events_stream(id, after, filter).await?;
        Ok(self.faulty(events))
    }

    async fn all_events(
        &self,
        mut query: AllEventsQuery,
    ) -> Result<AllEventsStream, TaskManagerError> {
        match self.fault {
            Some(Fault::AllEventsIgnoreCursor) => query.after = Some(LogCursor::START),
            Some(Fault::AllEventsIgnoreSessions) => query.sessions = None,
            Some(Fault::AllEventsIgnoreTypes) => query.filter = EventFilter::default(),
            _ => {}
        }
        self.inner.all_events(query).await
    }

    async fn list_events(
        &self,
        id: SessionId,
        mut query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        query.page = self.page(Fault::HistoryIgnoresPage, query.page);
        match self.fault {
            Some(Fault::HistoryIgnoresOrder) => query.sort = SortOrder::Asc,
            Some(Fault::HistoryIgnoresCursors) => (query.after, query.before) = (None, None),
            Some(Fault::HistoryIgnoresTimes) => (query.since, query.until) = (None, None),
            Some(Fault::HistoryIgnoresFilter) => query.filter = EventFilter::default(),
            _ => {}
        }
        self.inner.list_events(id, query).await
    }

    async fn prompt_session(
        &self,
        id: SessionId,
        mut request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        if self.has(Fault::PromptNeverSteers) {
            request.delivery = DeliveryMode::Queue;
        }
        self.inner.prompt_session(id, request).await
    }

    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError> {
        let page = self.page(Fault::PromptsIgnorePage, page);
        self.inner.list_prompts(id, page).await
    }

    async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        if self.has(Fault::WithdrawalHasNoEffect) {
            return Ok(());
        }
        self.inner.withdraw_prompt(id, prompt).await
    }

    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        if self.has(Fault::InterruptHasNoEffect) {
            return self.inner.get_session(id).await;
        }
        self.inner.interrupt_session(id).await
    }

    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        if self.has(Fault::PauseHasNoEffect) {
            return self.inner.get_session(id).await;
        }
        self.inner.pause_session(id).await
    }

    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        let prompt = prompt.filter(|_| !self.has(Fault::ResumeWithoutPrompt));
        self.inner.resume_session(id, prompt).await
    }

    async fn stop_session(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        let reason = reason.filter(|_| !self.has(Fault::StopWithoutReason));
        self.inner.stop_session(id, reason).await
    }

    async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError> {
        if self.has(Fault::CancelOnlyStops) {
            return self.inner.stop_session(id, None).await.map(drop);
        }
        self.inner.cancel_session(id).await
    }

    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Permission>, TaskManagerError> {
        let page = self.page(Fault::PermissionsIgnorePage, page);
        self.inner.list_permissions(id, page).await
    }

    async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError> {
        let answer = if self.has(Fault::AnswerIsAlwaysAllow) {
            PermissionAnswer::Select("allow".to_owned())
        } else {
            answer
        };
        self.inner.answer_permission(id, request, answer).await
    }

    async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError> {
        let mut tasks = self.inner.get_initial_tasks().await?;
        if self.has(Fault::InitialTasksWithoutEnded) {
            let sessions = &mut tasks.sessions.items;
            sessions.retain(|session| !session.status.is_terminal());
        }
        Ok(tasks)
    }

    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        let page = self.page(Fault::DraftsIgnorePage, page);
        let mut page = self.inner.list_drafts(page).await?;
        for draft in &mut page.items {
            if draft.is_summary && self.has(Fault::PagesWithoutBound) {
                *draft = self.inner.get_draft(draft.id).await?;
            }
        }
        Ok(page)
    }

    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError> {
        self.inner.get_draft(id).await
    }

    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
        match draft.id {
            Some(id) if self.has(Fault::DraftIsNotUpdated) => self.inner.get_draft(id).await,
            _ => self.inner.save_draft_task(draft).await,
        }
    }

    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError> {
        if self.has(Fault::DraftIsNotDeleted) {
            return Ok(());
        }
        self.inner.delete_draft_task(id).await
    }

    async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError> {
        self.inner.list_agents(page).await
    }

    async fn list_runtimes(&self, page: PageRequest) -> Result<Page<Runtime>, TaskManagerError> {
        self.inner.list_runtimes(page).await
    }

    async fn list_executors(
        &self,
        page: PageRequest,
    ) -> Result<Page<ExecutorInfo>, TaskManagerError> {
        self.inner.list_executors(page).await
    }

    async fn list_projects(&self, page: PageRequest) -> Result<Page<Project>, TaskManagerError> {
        self.inner.list_projects(page).await
    }

    async fn list_workspaces(
        &self,
        query: WorkspaceQuery,
    ) -> Result<Page<WorkspaceInfo>, TaskManagerError> {
        self.inner.list_workspaces(query).await
    }

    async fn list_repositories(
        &self,
        query: RepositoryQuery,
    ) -> Result<Page<Repository>, TaskManagerError> {
        self.inner.list_repositories(query).await
    }

    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError> {
        self.inner.get_repository(id).await
    }

    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        let mut list = self.inner.list_branches(id).await?;
        if self.has(Fault::BranchesWithoutDefault) {
            list.branches
                .iter_mut()
                .for_each(|it| it.is_default = false);
        }
        Ok(list)
    }

    async fn list_session_files(
        &self,
        id: SessionId,
        mut query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError> {
        query.page = self.page(Fault::FilesIgnorePage, query.page);
        if self.has(Fault::FilesIgnoreStatus) {
            query.statuses.clear();
        }
        self.inner.list_session_files(id, query).await
    }

    async fn get_session_diff(
        &self,
        id: SessionId,
        query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError> {
        let files = match self.fault {
            Some(Fault::DiffIgnoresFiles) => Vec::new(),
            _ => query.files().to_vec(),
        };
        let context_lines = match self.fault {
            Some(Fault::DiffIgnoresContext) => DiffQuery::default().context_lines(),
            _ => query.context_lines(),
        };
        let mut changed = DiffQuery::new(files, context_lines).unwrap();
        if query.full_file() && !self.has(Fault::DiffIgnoresWholeFiles) {
            changed = changed.whole_files();
        }
        self.inner.get_session_diff(id, changed).await
    }

    async fn get_session_file(
        &self,
        id: SessionId,
        path: FilePath,
    ) -> Result<FileDetails, TaskManagerError> {
        self.inner.get_session_file(id, path).await
    }

    async fn read_session_file(
        &self,
        id: SessionId,
        path: FilePath,
        query: ContentQuery,
    ) -> Result<FileContent, TaskManagerError> {
        let mut found = self.inner.read_session_file(id, path, query).await?;
        if self.has(Fault::FilesAreCut) {
            found.content.pop();
        }
        Ok(found)
    }

    async fn list_workspace_files(
        &self,
        id: SessionId,
        query: FileNodeQuery,
    ) -> Result<FileNode, TaskManagerError> {
        let mut found = self.inner.list_workspace_files(id, query).await?;
        if self.has(Fault::FoldersHideFiles) {
            found.children.iter_mut().for_each(Vec::clear);
        }
        Ok(found)
    }

    async fn get_file_diff(
        &self,
        id: SessionId,
        path: FilePath,
        query: FileDiffQuery,
    ) -> Result<FileDiff, TaskManagerError> {
        let query = match self.has(Fault::FileDiffIgnoresContext) {
            true => FileDiffQuery::default(),
            false => query,
        };
        self.inner.get_file_diff(id, path, query).await
    }

    async fn get_session_attachment(
        &self,
        id: SessionId,
        hash: AttachmentHash,
    ) -> Result<AttachmentContent, TaskManagerError> {
        let mut found = self.inner.get_session_attachment(id, hash).await?;
        if self.has(Fault::AttachmentsAreCut) {
            found.bytes.pop();
        }
        Ok(found)
    }
}

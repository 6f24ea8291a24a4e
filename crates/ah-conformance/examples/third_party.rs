//! An implementation of one's own, held against the contract: a manager that counts what it is
//! asked for, in front of another one.
//!
//! ```console
//! cargo test -p ah-conformance --example third_party
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ah_conformance::Harness;
use ah_rest_api_contract::{
    Agent, BranchList, DiffQuery, Draft, DraftId, DraftUpdate, EventFilter, EventQuery, EventSeq,
    EventStream, FileEntry, InitialTasks, LaunchedTask, Page, Permission, PermissionAnswer,
    PermissionId, Prompt, PromptContent, PromptId, PromptReceipt, PromptRequest, Repository,
    RepositoryId, Session, SessionDiff, SessionEvent, SessionId, SessionQuery, SessionStatus, Task,
    TaskId, TaskLaunchParams, TaskManager, TaskManagerError,
};
use ah_rest_mock_client::MockTaskManager;
use async_trait::async_trait;

/// What a method of the trait answers.
type Answer<T> = Result<T, TaskManagerError>;

/// Counts what it is asked for, and has another one do it.
struct Counted {
    inner: MockTaskManager,
    calls: AtomicU64,
}

impl Counted {
    fn new(inner: MockTaskManager) -> Self {
        Self {
            inner,
            calls: AtomicU64::new(0),
        }
    }

    fn count(&self) -> &MockTaskManager {
        self.calls.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

#[async_trait]
impl TaskManager for Counted {
    fn description(&self) -> String {
        let calls = self.calls.load(Ordering::Relaxed);
        format!("{} after {calls} calls", self.inner.description())
    }

    async fn launch_task(&self, params: TaskLaunchParams) -> Answer<LaunchedTask> {
        self.count().launch_task(params).await
    }

    async fn get_task(&self, id: TaskId) -> Answer<Task> {
        self.count().get_task(id).await
    }

    async fn list_sessions(&self, query: SessionQuery) -> Answer<Page<Session>> {
        self.count().list_sessions(query).await
    }

    async fn get_session(&self, id: SessionId) -> Answer<Session> {
        self.count().get_session(id).await
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Answer<EventStream> {
        self.count().task_events_stream(id, after, filter).await
    }

    async fn list_events(&self, id: SessionId, query: EventQuery) -> Answer<Page<SessionEvent>> {
        self.count().list_events(id, query).await
    }

    async fn prompt_session(&self, id: SessionId, request: PromptRequest) -> Answer<PromptReceipt> {
        self.count().prompt_session(id, request).await
    }

    async fn list_prompts(&self, id: SessionId) -> Answer<Page<Prompt>> {
        self.count().list_prompts(id).await
    }

    async fn withdraw_prompt(&self, id: SessionId, prompt: PromptId) -> Answer<()> {
        self.count().withdraw_prompt(id, prompt).await
    }

    async fn interrupt_session(&self, id: SessionId) -> Answer<Session> {
        self.count().interrupt_session(id).await
    }

    async fn pause_session(&self, id: SessionId) -> Answer<Session> {
        self.count().pause_session(id).await
    }

    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Answer<Session> {
        self.count().resume_session(id, prompt).await
    }

    async fn stop_session(&self, id: SessionId, reason: Option<String>) -> Answer<Session> {
        self.count().stop_session(id, reason).await
    }

    async fn cancel_session(&self, id: SessionId) -> Answer<()> {
        self.count().cancel_session(id).await
    }

    async fn list_permissions(&self, id: SessionId) -> Answer<Page<Permission>> {
        self.count().list_permissions(id).await
    }

    async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Answer<Permission> {
        self.count().answer_permission(id, request, answer).await
    }

    async fn get_initial_tasks(&self) -> Answer<InitialTasks> {
        self.count().get_initial_tasks().await
    }

    async fn save_draft_task(&self, draft: DraftUpdate) -> Answer<Draft> {
        self.count().save_draft_task(draft).await
    }

    async fn delete_draft_task(&self, id: DraftId) -> Answer<()> {
        self.count().delete_draft_task(id).await
    }

    async fn list_agents(&self) -> Answer<Page<Agent>> {
        self.count().list_agents().await
    }

    async fn list_repositories(&self) -> Answer<Page<Repository>> {
        self.count().list_repositories().await
    }

    async fn list_branches(&self, id: RepositoryId) -> Answer<BranchList> {
        self.count().list_branches(id).await
    }

    async fn list_session_files(&self, id: SessionId) -> Answer<Page<FileEntry>> {
        self.count().list_session_files(id).await
    }

    async fn get_session_diff(&self, id: SessionId, query: DiffQuery) -> Answer<SessionDiff> {
        self.count().get_session_diff(id, query).await
    }
}

/// How many sessions may run at once.
const SLOTS: usize = 3;

/// What the suite is given: the manager, and the levers of the mock behind it.
struct Mine {
    mock: MockTaskManager,
    manager: Arc<Counted>,
}

impl Mine {
    fn start() -> Self {
        let mock = MockTaskManager::builder().slots(SLOTS).build();
        let manager = Arc::new(Counted::new(mock.clone()));
        Self { mock, manager }
    }
}

#[async_trait]
impl Harness for Mine {
    fn manager(&self) -> Arc<dyn TaskManager> {
        self.manager.clone()
    }

    fn slots(&self) -> usize {
        SLOTS
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    async fn hold(&self, status: SessionStatus) {
        self.mock.hold(status);
    }

    async fn release(&self, status: SessionStatus) {
        self.mock.release(status);
    }
}

ah_conformance::suite!(
    #[tokio::test(start_paused = true)]
    Mine::start()
);

/// Runs one case by hand; `cargo test --example third_party` runs all of them.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let mine = Mine::start();
    let manager = mine.manager();
    let case = ah_conformance::cases::launching::a_task_launches_many_sessions;
    ah_conformance::run("launching::a_task_launches_many_sessions", "", mine, case).await;
    println!("it passes: {}", manager.description());
}

//! A task manager for tests, with canned sessions and events.

pub(crate) mod script;

use std::sync::Mutex;

use ah_rest_api_contract::*;
use async_trait::async_trait;
use futures::StreamExt;
use futures::channel::mpsc;

/// A task manager with canned sessions and a scripted stream.
pub(crate) struct FakeTaskManager {
    sessions: Vec<Session>,
    diff: SessionDiff,
    // Each stream is handed out once. The test keeps the sender.
    streams: Mutex<Vec<mpsc::UnboundedReceiver<SessionEvent>>>,
}

impl FakeTaskManager {
    pub(crate) fn with_sessions(sessions: impl IntoIterator<Item = Session>) -> Self {
        Self {
            sessions: sessions.into_iter().collect(),
            diff: SessionDiff::default(),
            streams: Mutex::default(),
        }
    }

    pub(crate) fn with_diff(mut self, diff: SessionDiff) -> Self {
        self.diff = diff;
        self
    }

    /// Returns the sender for the next stream that is opened.
    pub(crate) fn stream(&self) -> mpsc::UnboundedSender<SessionEvent> {
        let (sender, receiver) = mpsc::unbounded();
        self.streams.lock().expect("not poisoned").push(receiver);
        sender
    }

    fn session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.sessions
            .iter()
            .find(|session| session.id == id)
            .cloned()
            .ok_or_else(|| {
                TaskManagerError::new(ErrorKind::NotFound, format!("there is no session {id}"))
            })
    }
}

/// Returns a completed session with this id.
pub(crate) fn session(id: &str) -> Session {
    let id: SessionId = id.parse().expect("is an id");
    Session {
        id,
        tenant_id: None,
        project_id: None,
        task_id: TaskId::from_ulid(id.ulid()),
        status: SessionStatus::Completed,
        activity: None,
        reason: None,
        exit_code: Some(0),
        prompt: "Add a greeting\nand test it".to_owned(),
        prompt_blocks: "Add a greeting".into(),
        repo: SessionRepo {
            mode: RepoMode::Git,
            url: Some("/home/me/project".to_owned()),
            branch: Some("main".to_owned()),
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        },
        runtime: RuntimeConfig::default(),
        agent: SessionAgent {
            agent_type: AgentType::new("scenario"),
            version: "1.0".to_owned(),
            model: None,
            settings: serde_json::Map::new(),
        },
        workspace: Some(SessionWorkspace {
            provider: WorkspaceProvider::Worktree,
            path: "/state/workspaces/one".into(),
            executor_id: ExecutorId::local(),
            branch: Some(format!("ah/{id}")),
        }),
        labels: [("team".to_owned(), "payments".to_owned())].into(),
        priority: Priority::Normal,
        interactive: false,
        created_at: at(0),
        updated_at: at(12_000),
        started_at: Some(at(1000)),
        ended_at: Some(at(12_000)),
        last_seq: EventSeq::new(9),
        recent_events: Vec::new(),
        changes: Some(ChangeSummary {
            files_changed: 2,
            lines_added: 12,
            lines_removed: 3,
        }),
        usage: Some(Usage {
            input_tokens: 12_345,
            output_tokens: 678,
            cost_usd: Some(0.0123),
            ..Usage::default()
        }),
        parent_session_id: None,
        links: SessionLinks::of(id),
    }
}

/// Returns the time `millis` milliseconds after the start of the tests' clock.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_750_000_000_000 + millis)
}

/// Returns the diff of two files.
pub(crate) fn diff() -> SessionDiff {
    let file = |path: &str, status, added, removed, diff: &str| FileDiff {
        path: path.to_owned(),
        old_path: None,
        status,
        diff: diff.to_owned(),
        lines_added: added,
        lines_removed: removed,
        context_lines: 3,
        full_file: false,
        is_binary: false,
        hunks: Vec::new(),
    };
    SessionDiff {
        files: vec![
            file(
                "src/greeting.rs",
                FileStatus::Added,
                2,
                0,
                "diff --git a/src/greeting.rs b/src/greeting.rs\nnew file mode 100644\n\
                 --- /dev/null\n+++ b/src/greeting.rs\n@@ -0,0 +1,2 @@\n+//! Greets.\n+fn greet() {}\n",
            ),
            file(
                "src/main.rs",
                FileStatus::Modified,
                1,
                1,
                "diff --git a/src/main.rs b/src/main.rs\n--- a/src/main.rs\n+++ b/src/main.rs\n\
                 @@ -1,2 +1,2 @@\n fn main() {\n-    old();\n+    greet();\n",
            ),
        ],
        total_lines_added: 3,
        total_lines_removed: 1,
    }
}

#[async_trait]
impl TaskManager for FakeTaskManager {
    fn description(&self) -> String {
        "fake".to_owned()
    }

    async fn launch_task(
        &self,
        _params: TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        Err(not_scripted())
    }

    async fn get_task(&self, _id: TaskId) -> Result<Task, TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_sessions(&self, query: SessionQuery) -> Result<Page<Session>, TaskManagerError> {
        let is_listed = |session: &&Session| {
            query.include_archived || session.status != SessionStatus::Cancelled
        };
        let total = self.sessions.iter().filter(is_listed).count() as u64;
        let items = self
            .sessions
            .iter()
            .filter(is_listed)
            .skip(usize::try_from(query.page.offset()).expect("is small"))
            .take(query.page.per_page() as usize)
            .cloned()
            .collect();
        Ok(Page::new(items, total, query.page))
    }

    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.session(id)
    }

    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        self.session(id)?;
        let receiver = self
            .streams
            .lock()
            .expect("not poisoned")
            .pop()
            .ok_or_else(not_scripted)?;
        Ok(receiver
            .filter(move |event| {
                futures::future::ready(event.seq > after && filter.admits(&event.payload))
            })
            .map(|event| Ok(StreamItem::Event(event)))
            .boxed())
    }

    async fn list_events(
        &self,
        _id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        Ok(Page::new(Vec::new(), 0, query.page))
    }

    async fn prompt_session(
        &self,
        _id: SessionId,
        _request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_prompts(
        &self,
        _id: SessionId,
        _page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError> {
        Err(not_scripted())
    }

    async fn withdraw_prompt(
        &self,
        _id: SessionId,
        _prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        Err(not_scripted())
    }

    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.session(id)
    }

    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.session(id)
    }

    async fn resume_session(
        &self,
        id: SessionId,
        _prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        self.session(id)
    }

    async fn stop_session(
        &self,
        id: SessionId,
        _reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        self.session(id)
    }

    async fn cancel_session(&self, _id: SessionId) -> Result<(), TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_permissions(
        &self,
        _id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Permission>, TaskManagerError> {
        Ok(Page::new(Vec::new(), 0, page))
    }

    async fn answer_permission(
        &self,
        _id: SessionId,
        _request: PermissionId,
        _answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError> {
        Err(TaskManagerError::new(ErrorKind::Conflict, "settled"))
    }

    async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError> {
        Err(not_scripted())
    }

    async fn all_events(
        &self,
        _query: AllEventsQuery,
    ) -> Result<AllEventsStream, TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_drafts(&self, _page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        Err(not_scripted())
    }

    async fn get_draft(&self, _id: DraftId) -> Result<Draft, TaskManagerError> {
        Err(not_scripted())
    }

    async fn get_repository(&self, _id: RepositoryId) -> Result<Repository, TaskManagerError> {
        Err(not_scripted())
    }

    async fn save_draft_task(&self, _draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
        Err(not_scripted())
    }

    async fn delete_draft_task(&self, _id: DraftId) -> Result<(), TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_agents(&self, _page: PageRequest) -> Result<Page<Agent>, TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_repositories(
        &self,
        _page: PageRequest,
    ) -> Result<Page<Repository>, TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_branches(&self, _id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        Err(not_scripted())
    }

    async fn list_session_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError> {
        self.session(id)?;
        let files: Vec<FileEntry> = self
            .diff
            .files
            .iter()
            .map(|file| FileEntry {
                path: file.path.clone(),
                old_path: None,
                status: file.status,
                lines_added: file.lines_added,
                lines_removed: file.lines_removed,
                is_binary: file.is_binary,
                size_bytes: None,
                last_modified: None,
            })
            .collect();
        Ok(query.select(files))
    }

    async fn get_session_diff(
        &self,
        id: SessionId,
        _query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError> {
        self.session(id)?;
        Ok(self.diff.clone())
    }
}

fn not_scripted() -> TaskManagerError {
    TaskManagerError::new(ErrorKind::NotImplemented, "the test did not script this")
}

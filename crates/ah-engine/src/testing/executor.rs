//! The executor of the host.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ah_executor::{
    AgentLaunch, Attachment, Executor, ExecutorError, LogRetention, Provisioned, ProvisioningStage,
    RecorderMessage, RecorderMessages, RecorderState, SealedChanges, WorkspaceRequest,
};
use ah_lifecycle::{Fence, JournalPosition, JournalRecord, Request};
use ah_rest_api_contract::{
    Agent, AgentSelection, Branch, ChangeSummary, ContentQuery, DiffQuery, ExecutorId, FieldErrors,
    FileContent, FileDetails, FileEntry, FileKind, FileNode, FileNodeQuery, FilePath, RecorderInfo,
    RepositorySource, SessionDiff, SessionId, SessionStatus, SessionWorkspace, WorkspaceProvider,
};
use async_trait::async_trait;
use futures::{sink, stream};

use super::FakeHost;

/// The duration of a slow count of changes.
const SLOW_COUNT: Duration = Duration::from_millis(50);

#[async_trait]
impl Executor for FakeHost {
    fn agents(&self) -> Vec<Agent> {
        vec![ah_scenario::agent()]
    }

    async fn discover_versions(&self) {}

    fn check_agent(&self, selection: &AgentSelection) -> Result<(), FieldErrors> {
        match selection.agent_type.as_str() {
            ah_scenario::AGENT_TYPE => ah_scenario::check_selection(selection),
            other => Err(FieldErrors::of("type", format!("unknown agent `{other}`"))),
        }
    }

    fn provisioning_stage(&self, _: SessionId) -> Option<ProvisioningStage> {
        None
    }

    async fn check_source(&self, source: &RepositorySource) -> Result<(), String> {
        match source.as_path() {
            Some(path) if !path.is_dir() => Err(format!("{} is not a folder", path.display())),
            _ => Ok(()),
        }
    }

    async fn provision(&self, request: &WorkspaceRequest) -> Result<Provisioned, ExecutorError> {
        let mut moved = self.0.moved.subscribe();
        while self.is_held(SessionStatus::Provisioning) {
            moved.changed().await.expect("the host lives");
        }
        if let Some(message) = &self.0.faults.lock().unwrap().refusal {
            self.0.refusals.send_modify(|count| *count += 1);
            return Err(ExecutorError::new(message));
        }
        Ok(Provisioned {
            workspace: SessionWorkspace::new(
                WorkspaceProvider::Empty,
                format!("/workspaces/{}", request.session),
                ExecutorId::local(),
            ),
            commit: None,
            default_branch: None,
            notes: Vec::new(),
        })
    }

    async fn launch(&self, launch: &AgentLaunch) -> Result<(), ExecutorError> {
        let (behavior, now) = (self.0.behavior, self.now());
        self.with(launch.session, |recorder| {
            recorder.launch(launch, behavior, now);
        });
        let recorders = self.0.recorders.lock().unwrap();
        let alive = recorders.values().filter(|it| it.alive).count();
        let mut faults = self.0.faults.lock().unwrap();
        faults.most_alive = faults.most_alive.max(alive);
        Ok(())
    }

    async fn recorder_state(&self, session: SessionId) -> Result<RecorderState, ExecutorError> {
        self.may_fail()?;
        Ok(match self.0.recorders.lock().unwrap().get(&session) {
            None => RecorderState::Never,
            Some(recorder) if recorder.alive => RecorderState::Alive,
            Some(_) => RecorderState::Gone,
        })
    }

    async fn recorder_info(
        &self,
        session: SessionId,
    ) -> Result<Option<RecorderInfo>, ExecutorError> {
        let now = self.now().wall;
        let recorders = self.0.recorders.lock().unwrap();
        Ok(recorders
            .get(&session)
            .and_then(|recorder| recorder.info(now)))
    }

    async fn attach(
        &self,
        session: SessionId,
        _fence: Fence,
        from: JournalPosition,
    ) -> std::io::Result<Attachment> {
        let requests = sink::unfold(
            self.clone(),
            move |host: Self, request: Request| async move {
                host.take(session, &request);
                Ok(host)
            },
        );
        Ok(Attachment {
            messages: self.messages(session, from.0),
            requests: Box::pin(requests),
        })
    }

    async fn left_over(
        &self,
        session: SessionId,
        from: JournalPosition,
        limit: usize,
    ) -> Result<Vec<(JournalRecord, JournalPosition)>, ExecutorError> {
        let journal = self.journal(session, from.0, limit);
        let numbered = journal.into_iter().zip(from.0 + 1..);
        Ok(numbered
            .map(|(record, next)| (record, JournalPosition(next)))
            .collect())
    }

    async fn kill_recorder(&self, session: SessionId) -> Result<(), ExecutorError> {
        Self::kill_recorder(self, session);
        Ok(())
    }

    async fn sweep(&self, _session: SessionId) -> Result<u32, ExecutorError> {
        self.may_fail()?;
        Ok(0)
    }

    #[expect(
        clippy::await_holding_invalid_type,
        reason = "a count on a real host holds the mirror's lock as well"
    )]
    async fn changes(
        &self,
        _session: SessionId,
    ) -> Result<(ChangeSummary, Vec<FileEntry>), ExecutorError> {
        self.check_readable()?;
        if self.0.has_slow_counts.load(Ordering::SeqCst) {
            let _lock = self.0.workspaces.lock().await;
            self.0.counts.send_modify(|count| *count += 1);
            tokio::time::sleep(SLOW_COUNT).await;
        }
        Ok((ChangeSummary::default(), Vec::new()))
    }

    async fn diff(
        &self,
        _session: SessionId,
        _query: &DiffQuery,
    ) -> Result<SessionDiff, ExecutorError> {
        self.check_readable()?;
        Ok(SessionDiff::default())
    }

    async fn file(
        &self,
        _session: SessionId,
        _path: &FilePath,
    ) -> Result<Option<FileDetails>, ExecutorError> {
        self.check_readable()?;
        Ok(None)
    }

    async fn read_file(
        &self,
        _session: SessionId,
        _path: &FilePath,
        _query: ContentQuery,
    ) -> Result<Option<FileContent>, ExecutorError> {
        self.check_readable()?;
        Ok(None)
    }

    async fn list_files(
        &self,
        _session: SessionId,
        query: &FileNodeQuery,
    ) -> Result<Option<FileNode>, ExecutorError> {
        self.check_readable()?;
        let root = || FileNode::new("", FileKind::Directory).with_children(Vec::new());
        Ok(query.path.is_none().then(root))
    }

    async fn seal(&self, _session: SessionId) -> Result<SealedChanges, ExecutorError> {
        if self.0.has_endless_seals.load(Ordering::SeqCst) {
            self.0.seals.send_modify(|count| *count += 1);
            std::future::pending::<()>().await;
        }
        let _lock = self.0.workspaces.lock().await;
        if let Some(message) = self.0.faults.lock().unwrap().unsealable {
            return Err(ExecutorError::new(message));
        }
        let summary = ChangeSummary {
            files_changed: 1,
            lines_added: 2,
            lines_removed: 3,
        };
        Ok(SealedChanges {
            summary,
            notes: Vec::new(),
        })
    }

    async fn discard(&self, session: SessionId) -> Result<(), ExecutorError> {
        let mut faults = self.0.faults.lock().unwrap();
        if faults.immovable {
            return Err(ExecutorError::new("it is immutable"));
        }
        faults.discarded.push(session);
        Ok(())
    }

    async fn reclaim(&self, session: SessionId, log: LogRetention) -> Result<(), ExecutorError> {
        self.may_fail()?;
        let mut faults = self.0.faults.lock().unwrap();
        faults.remains.remove(&session);
        faults.reclaimed.push((session, log));
        Ok(())
    }

    async fn remains(&self, limit: usize) -> Result<Vec<SessionId>, ExecutorError> {
        let faults = self.0.faults.lock().unwrap();
        Ok(faults.remains.iter().copied().take(limit).collect())
    }

    async fn branches(&self, _source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError> {
        Ok(vec![Branch::new("main", true, "0".repeat(40))])
    }
}

impl FakeHost {
    fn check_readable(&self) -> Result<(), ExecutorError> {
        match self.0.faults.lock().unwrap().unreadable {
            Some(error) => Err(error()),
            None => Ok(()),
        }
    }

    fn is_held(&self, status: SessionStatus) -> bool {
        self.0.held.lock().unwrap().contains(&status)
    }

    /// Returns the messages of the session's recorder from record `from` until its end.
    fn messages(&self, session: SessionId, from: u64) -> RecorderMessages {
        let end = self.with(session, |recorder| recorder.journal.len() as u64);
        let news = (self.0.moved.subscribe(), self.0.shown.subscribe());
        let state = (self.clone(), news, from, false);
        Box::pin(stream::unfold(
            state,
            move |(host, mut news, at, is_caught_up)| async move {
                loop {
                    let (moved, shown) = &mut news;
                    moved.mark_unchanged();
                    if at >= end && !is_caught_up {
                        return Some((Ok(RecorderMessage::CaughtUp), (host, news, at, true)));
                    }
                    if let Some(record) = host.journal(session, at, 1).pop() {
                        let next = at + 1;
                        let message = RecorderMessage::Record {
                            record,
                            next: JournalPosition(next),
                        };
                        return Some((Ok(message), (host, news, next, is_caught_up)));
                    }
                    if !host.0.recorders.lock().unwrap().get(&session)?.alive {
                        return None;
                    }
                    tokio::select! {
                        moved = moved.changed() => moved.ok()?,
                        Ok((of, event)) = shown.recv() => if of == session {
                            let message = RecorderMessage::Ephemeral(event);
                            return Some((Ok(message), (host, news, at, is_caught_up)));
                        }
                    }
                }
            },
        ))
    }
}

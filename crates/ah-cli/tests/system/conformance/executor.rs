//! The executor of this host, with sessions that can be kept in a status, and without a network.

use std::collections::BTreeSet;
use std::sync::Arc;

use ah_executor::{
    AgentLaunch, Attachment, Executor, ExecutorError, Provisioned, RecorderRequests, RecorderState,
    WorkspaceRequest,
};
use ah_executor_local::LocalExecutor;
use ah_lifecycle::{Fence, JournalPosition, JournalRecord, Request, ShutdownManner};
use ah_rest_api_contract::{
    Agent, AgentSelection, Branch, ChangeSummary, DiffQuery, FieldErrors, FileEntry, RecorderInfo,
    RepositorySource, SessionDiff, SessionId, SessionStatus,
};
use async_trait::async_trait;
use futures::{SinkExt, sink};
use tokio::sync::{mpsc, watch};

/// The most requests that wait for a status to be released.
const REQUESTS_WAITING_MAX: usize = 64;

type Held = BTreeSet<SessionStatus>;

/// An executor that postpones the work that would end a status while the status is held, and reads
/// one local repository in place of every remote one.
#[derive(Clone)]
pub(super) struct HoldingExecutor {
    executor: Arc<LocalExecutor>,
    remote: RepositorySource,
    held: Arc<watch::Sender<Held>>,
}

impl HoldingExecutor {
    pub(super) fn new(executor: LocalExecutor, remote: RepositorySource) -> Self {
        Self {
            executor: Arc::new(executor),
            remote,
            held: Arc::new(watch::Sender::new(Held::new())),
        }
    }

    pub(super) fn hold(&self, status: SessionStatus) {
        self.held.send_modify(|held| {
            held.insert(status);
        });
    }

    pub(super) fn release(&self, status: SessionStatus) {
        self.held.send_modify(|held| {
            held.remove(&status);
        });
    }

    /// Returns the repository that is read for `source`.
    fn reached(&self, source: &RepositorySource) -> RepositorySource {
        match source {
            RepositorySource::Path(_) => source.clone(),
            RepositorySource::Url(_) | RepositorySource::Scp(_) => self.remote.clone(),
        }
    }
}

/// Forwards requests until the attachment ends. Requests that would end a held status wait.
async fn forward(
    mut requests: mpsc::Receiver<Request>,
    mut recorder: RecorderRequests,
    mut held: watch::Receiver<Held>,
) {
    let mut postponed: Vec<Request> = Vec::new();
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => postponed.push(request),
                None => return,
            },
            changed = held.changed() => if changed.is_err() {
                return;
            },
        }
        let now = held.borrow_and_update().clone();
        let due = postponed.extract_if(.., |request| {
            ended_by(request).is_none_or(|status| !now.contains(&status))
        });
        for request in due.collect::<Vec<_>>() {
            if recorder.send(request).await.is_err() {
                return;
            }
        }
    }
}

/// Returns the status that a request ends.
fn ended_by(request: &Request) -> Option<SessionStatus> {
    match request {
        Request::Pause => Some(SessionStatus::Pausing),
        Request::Resume => Some(SessionStatus::Resuming),
        Request::Shutdown {
            manner: ShutdownManner::Stop | ShutdownManner::Kill,
        } => Some(SessionStatus::Stopping),
        _ => None,
    }
}

#[async_trait]
impl Executor for HoldingExecutor {
    fn agents(&self) -> Vec<Agent> {
        self.executor.agents()
    }

    async fn discover_versions(&self) {
        self.executor.discover_versions().await;
    }

    fn check_agent(&self, selection: &AgentSelection) -> Result<(), FieldErrors> {
        self.executor.check_agent(selection)
    }

    async fn check_source(&self, source: &RepositorySource) -> Result<(), String> {
        self.executor.check_source(source).await
    }

    async fn provision(&self, request: &WorkspaceRequest) -> Result<Provisioned, ExecutorError> {
        let mut held = self.held.subscribe();
        held.wait_for(|held| !held.contains(&SessionStatus::Provisioning))
            .await
            .expect("the sender outlives `self`");
        let request = WorkspaceRequest {
            source: request.source.as_ref().map(|source| self.reached(source)),
            ..request.clone()
        };
        self.executor.provision(&request).await
    }

    async fn launch(&self, launch: &AgentLaunch) -> Result<(), ExecutorError> {
        self.executor.launch(launch).await
    }

    async fn recorder_state(&self, session: SessionId) -> Result<RecorderState, ExecutorError> {
        self.executor.recorder_state(session).await
    }

    async fn recorder_info(
        &self,
        session: SessionId,
    ) -> Result<Option<RecorderInfo>, ExecutorError> {
        self.executor.recorder_info(session).await
    }

    async fn attach(
        &self,
        session: SessionId,
        fence: Fence,
        from: JournalPosition,
    ) -> std::io::Result<Attachment> {
        let attachment = self.executor.attach(session, fence, from).await?;
        let (sender, receiver) = mpsc::channel(REQUESTS_WAITING_MAX);
        // The task ends when the attachment is dropped, which closes its channel.
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with the attachment"
        )]
        tokio::spawn(forward(
            receiver,
            attachment.requests,
            self.held.subscribe(),
        ));
        let postponed = sink::unfold(
            sender,
            |sender: mpsc::Sender<Request>, request: Request| async move {
                let sent = sender.send(request).await;
                sent.map_err(|_| std::io::Error::other("the recorder is gone"))?;
                Ok(sender)
            },
        );
        Ok(Attachment {
            messages: attachment.messages,
            requests: Box::pin(postponed),
        })
    }

    async fn left_over(
        &self,
        session: SessionId,
        from: JournalPosition,
        limit: usize,
    ) -> Result<Vec<(JournalRecord, JournalPosition)>, ExecutorError> {
        self.executor.left_over(session, from, limit).await
    }

    async fn kill_recorder(&self, session: SessionId) -> Result<(), ExecutorError> {
        self.executor.kill_recorder(session).await
    }

    async fn sweep(&self, session: SessionId) -> Result<u32, ExecutorError> {
        self.executor.sweep(session).await
    }

    async fn changes(
        &self,
        session: SessionId,
    ) -> Result<(ChangeSummary, Vec<FileEntry>), ExecutorError> {
        self.executor.changes(session).await
    }

    async fn diff(
        &self,
        session: SessionId,
        query: &DiffQuery,
    ) -> Result<SessionDiff, ExecutorError> {
        self.executor.diff(session, query).await
    }

    async fn seal(&self, session: SessionId) -> Result<ChangeSummary, ExecutorError> {
        self.executor.seal(session).await
    }

    async fn discard(&self, session: SessionId) -> Result<(), ExecutorError> {
        self.executor.discard(session).await
    }

    async fn branches(&self, source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError> {
        self.executor.branches(&self.reached(source)).await
    }
}

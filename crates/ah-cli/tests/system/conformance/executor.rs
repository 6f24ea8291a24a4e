//! The executor of this host, with sessions that can be kept in a status, and without a network.

use std::collections::BTreeSet;
use std::sync::Arc;

use ah_executor::{
    AgentLaunch, Attachment, Executor, ExecutorError, LogRetention, Provisioned, ProvisioningStage,
    RecorderRequests, RecorderState, SealedChanges, WorkspaceRequest,
};
use ah_executor_local::LocalExecutor;
use ah_lifecycle::{Fence, JournalPosition, JournalRecord, Request, ShutdownManner};
use ah_rest_api_contract::{
    Agent, AgentSelection, Branch, ChangeSummary, ContentQuery, DiffQuery, FieldErrors,
    FileContent, FileDetails, FileEntry, FileNode, FileNodeQuery, FilePath, RecorderInfo,
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

/// Implements [`Executor`] by the methods of the inner executor that are listed, and by `$own`.
macro_rules! forward {
    (
        $(sync $sync:ident($($sync_argument:ident: $sync_type:ty)?) -> $sync_result:ty;)*
        $(async $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*
        own { $($own:tt)* }
    ) => {
        #[async_trait]
        impl Executor for HoldingExecutor {
            $(
                fn $sync(&self, $($sync_argument: $sync_type)?) -> $sync_result {
                    self.executor.$sync($($sync_argument)?)
                }
            )*
            $(
                async fn $name(&self, $($argument: $type),*) -> $result {
                    self.executor.$name($($argument),*).await
                }
            )*
            $($own)*
        }
    };
}

type Outcome<T> = Result<T, ExecutorError>;

forward! {
    sync agents() -> Vec<Agent>;
    sync check_agent(selection: &AgentSelection) -> Result<(), FieldErrors>;
    sync provisioning_stage(session: SessionId) -> Option<ProvisioningStage>;
    async discover_versions() -> ();
    async check_source(source: &RepositorySource) -> Result<(), String>;
    async launch(launch: &AgentLaunch) -> Outcome<()>;
    async recorder_state(session: SessionId) -> Outcome<RecorderState>;
    async recorder_info(session: SessionId) -> Outcome<Option<RecorderInfo>>;
    async left_over(
        session: SessionId, from: JournalPosition, limit: usize
    ) -> Outcome<Vec<(JournalRecord, JournalPosition)>>;
    async kill_recorder(session: SessionId) -> Outcome<()>;
    async sweep(session: SessionId) -> Outcome<u32>;
    async changes(session: SessionId) -> Outcome<(ChangeSummary, Vec<FileEntry>)>;
    async diff(session: SessionId, query: &DiffQuery) -> Outcome<SessionDiff>;
    async file(session: SessionId, path: &FilePath) -> Outcome<Option<FileDetails>>;
    async read_file(
        session: SessionId, path: &FilePath, query: ContentQuery
    ) -> Outcome<Option<FileContent>>;
    async list_files(session: SessionId, query: &FileNodeQuery) -> Outcome<Option<FileNode>>;
    async seal(session: SessionId) -> Outcome<SealedChanges>;
    async discard(session: SessionId) -> Outcome<()>;
    async reclaim(session: SessionId, log: LogRetention) -> Outcome<()>;
    async remains(limit: usize) -> Outcome<Vec<SessionId>>;
    own {
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

        async fn branches(&self, source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError> {
            self.executor.branches(&self.reached(source)).await
        }
    }
}

//! A board that follows a task manager.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    Activity, EventFilter, EventSeq, EventType, LaunchedTask, Page, PageRequest, PermissionState,
    PromptReceipt, PromptRequest, RepoConfig, SessionId, SessionQuery, StreamItem,
    TaskLaunchParams, TaskManager, TaskManagerError,
};
use futures::stream::{SelectAll, once};
use futures::{Stream, StreamExt};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::board::Board;

/// How often the list of sessions is read, for those that others launch, and a stream that broke
/// off is taken up again.
const REFRESH: Duration = Duration::from_secs(1);

/// What a session's stream brings: an item of it, or that it has ended.
type Brought = (SessionId, Option<Result<StreamItem, TaskManagerError>>);

/// A board that follows a task manager, and what a person does through it.
///
/// It holds one stream for each session that has not ended, and reads the list of sessions every
/// second for those that are new. What fails is shown on the board and tried again; nothing ends it.
pub struct Dashboard {
    manager: Arc<dyn TaskManager>,
    board: Board,
    streams: SelectAll<Pin<Box<dyn Stream<Item = Brought> + Send>>>,
    followed: BTreeSet<SessionId>,
    refresh: Interval,
}

impl Dashboard {
    /// A dashboard of all that `manager` has.
    ///
    /// # Errors
    /// When the sessions cannot be read at all.
    pub async fn open(manager: Arc<dyn TaskManager>) -> Result<Self, TaskManagerError> {
        let mut refresh = interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        refresh.reset();
        let mut dashboard = Self {
            board: Board::titled(manager.description()),
            manager,
            streams: SelectAll::new(),
            followed: BTreeSet::new(),
            refresh,
        };
        dashboard.read_list().await?;
        Ok(dashboard)
    }

    /// What there is to show.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Waits until something may have changed, and takes it in. It may be dropped at any point, as
    /// a program does that waits for keys at the same time.
    pub async fn changed(&mut self) {
        tokio::select! {
            Some((session, brought)) = self.streams.next() => self.take(session, brought),
            _ = self.refresh.tick() => {
                let read = self.read_list().await;
                self.board.note(read.err());
            }
        }
    }

    /// Launches a task on a repository, or on an empty folder.
    ///
    /// # Errors
    /// What the task manager says against it.
    pub async fn launch(
        &mut self,
        prompt: &str,
        repository: Option<&str>,
        agent: &str,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let repo = repository.map_or_else(RepoConfig::none, RepoConfig::git);
        let params = TaskLaunchParams::builder(prompt, repo, agent).build()?;
        let launched = self.manager.launch_task(params).await?;
        // It is shown at once, and not at the next reading.
        self.read_list().await?;
        Ok(launched)
    }

    /// Says something to a session's agent, after its turn.
    ///
    /// # Errors
    /// What the task manager says against it, such as that the session has ended.
    pub async fn prompt(
        &self,
        session: SessionId,
        text: &str,
    ) -> Result<PromptReceipt, TaskManagerError> {
        let request = PromptRequest::queued(text);
        self.manager.prompt_session(session, request).await
    }

    /// Reads which sessions there are, and follows those that live.
    async fn read_list(&mut self) -> Result<(), TaskManagerError> {
        let newest = SessionQuery {
            page: PageRequest::largest(),
            ..SessionQuery::default()
        };
        for session in self.manager.list_sessions(newest).await?.items {
            let id = session.id;
            self.board.put(session);
            if !self.followed.contains(&id) {
                self.follow(id).await?;
            }
        }
        Ok(())
    }

    /// Follows a session from where its card is.
    async fn follow(&mut self, id: SessionId) -> Result<(), TaskManagerError> {
        let Some(card) = self.board.card(id).filter(|card| card.is_live()) else {
            return Ok(());
        };
        let shown = EventFilter::default().with_types([
            EventType::Status,
            EventType::Thought,
            EventType::ToolUse,
            EventType::ToolResult,
            EventType::FileEdit,
            EventType::PermissionRequest,
            EventType::PermissionResolved,
        ]);
        let events = self
            .manager
            .task_events_stream(id, card.cursor(), shown)
            .await?;
        let brought = events
            .map(move |item| (id, Some(item)))
            .chain(once(async move { (id, None) }));
        self.streams.push(Box::pin(brought));
        self.followed.insert(id);
        self.read_asks(id).await
    }

    /// Reads what a session's agent asks leave for, which may be older than what is followed.
    async fn read_asks(&mut self, id: SessionId) -> Result<(), TaskManagerError> {
        let activity = self.board.card(id).and_then(|card| card.session().activity);
        if activity != Some(Activity::AwaitingPermission) {
            return Ok(());
        }
        let permissions = Page::all(|page| self.manager.list_permissions(id, page))
            .await?
            .items;
        let pending = permissions
            .iter()
            .filter(|permission| permission.state == PermissionState::Pending);
        if let Some(card) = self.board.card_mut(id) {
            pending.for_each(|permission| card.ask(&permission.request));
        }
        Ok(())
    }

    /// Takes in what a stream brought. One that has ended too early is taken up again with the next
    /// reading of the list, from where the card is.
    fn take(&mut self, session: SessionId, brought: Option<Result<StreamItem, TaskManagerError>>) {
        match brought {
            Some(Ok(StreamItem::Event(event))) => self.board.apply(event),
            Some(Ok(StreamItem::Gap(gap))) => {
                let last_gone = EventSeq::new(gap.earliest_seq.get().saturating_sub(1));
                if let Some(card) = self.board.card_mut(session) {
                    card.skip_to(last_gone);
                }
            }
            // Not asked for.
            Some(Ok(StreamItem::Ephemeral(_))) => {}
            Some(Err(error)) => self.board.note(Some(error)),
            None => {
                self.followed.remove(&session);
            }
        }
    }
}

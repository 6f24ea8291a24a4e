//! A board that follows a task manager.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    Activity, EventFilter, EventSeq, LaunchedTask, Page, PageRequest, PermissionState,
    PromptReceipt, PromptRequest, RepoConfig, SessionId, SessionQuery, StreamItem,
    TaskLaunchParams, TaskManager, TaskManagerError,
};
use futures::stream::{SelectAll, once};
use futures::{Stream, StreamExt};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::board::Board;

/// The interval for reading the list of sessions, to find those launched by others, and for
/// resuming broken streams.
const REFRESH: Duration = Duration::from_secs(1);

/// An item of a session's stream, or its end.
type Brought = (SessionId, Option<Result<StreamItem, TaskManagerError>>);

/// A board that follows a task manager, with the actions of its user.
///
/// It has one stream for each session that has not ended, and reads the list of sessions every
/// second to find new ones. Errors are shown on the board and retried, and never end it.
pub struct Dashboard {
    manager: Arc<dyn TaskManager>,
    board: Board,
    streams: SelectAll<Pin<Box<dyn Stream<Item = Brought> + Send>>>,
    followed: BTreeSet<SessionId>,
    refresh: Interval,
}

impl Dashboard {
    /// Opens a dashboard of all sessions of `manager`.
    ///
    /// # Errors
    /// The sessions cannot be read.
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

    /// Returns the board.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Waits for a possible change and applies it. It is cancel safe, for programs that also wait
    /// for keys.
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
    /// The task manager refuses it.
    pub async fn launch(
        &mut self,
        prompt: &str,
        repository: Option<&str>,
        agent: &str,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let repo = repository.map_or_else(RepoConfig::none, RepoConfig::git);
        let params = TaskLaunchParams::builder(prompt, repo, agent).build()?;
        let launched = self.manager.launch_task(params).await?;
        // Shows the session immediately instead of after the next interval.
        self.read_list().await?;
        Ok(launched)
    }

    /// Queues a prompt for a session's agent.
    ///
    /// # Errors
    /// The task manager refuses it, for example because the session has ended.
    pub async fn prompt(
        &self,
        session: SessionId,
        text: &str,
    ) -> Result<PromptReceipt, TaskManagerError> {
        let request = PromptRequest::queued(text);
        self.manager.prompt_session(session, request).await
    }

    /// Reads the list of sessions, and follows the active ones.
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

    /// Follows a session from the cursor of its card.
    async fn follow(&mut self, id: SessionId) -> Result<(), TaskManagerError> {
        let Some(card) = self.board.card(id).filter(|card| card.is_live()) else {
            return Ok(());
        };
        // A filter would omit events that change the session.
        let events = self
            .manager
            .task_events_stream(id, card.cursor(), EventFilter::default())
            .await?;
        let brought = events
            .map(move |item| (id, Some(item)))
            .chain(once(async move { (id, None) }));
        self.streams.push(Box::pin(brought));
        self.followed.insert(id);
        self.read_asks(id).await
    }

    /// Reads the pending permission requests, which may be older than the followed events.
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

    /// Applies an item of a stream. A stream that ended early is resumed after the next reading of
    /// the list, from the cursor of its card.
    fn take(&mut self, session: SessionId, brought: Option<Result<StreamItem, TaskManagerError>>) {
        match brought {
            Some(Ok(StreamItem::Event(event))) => self.board.apply(&event),
            Some(Ok(StreamItem::Gap(gap))) => {
                let last_gone = EventSeq::new(gap.earliest_seq.get().saturating_sub(1));
                if let Some(card) = self.board.card_mut(session) {
                    card.skip_to(last_gone);
                }
            }
            // Not requested.
            Some(Ok(StreamItem::Ephemeral(_))) => {}
            Some(Err(error)) => self.board.note(Some(error)),
            None => {
                self.followed.remove(&session);
            }
        }
    }
}

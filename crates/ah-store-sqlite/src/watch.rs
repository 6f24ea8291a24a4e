//! Announcing commits to readers.
//!
//! A commit of this process is announced at once. SQLite announces nothing about the commits of
//! other processes. Therefore one task reads `PRAGMA data_version` on a connection of its own
//! every [`INTERVAL`], which touches no table, and only while there is a subscriber. It is the
//! only place that polls.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ah_rest_api_contract::{EventSeq, SessionId};
use ah_store::{Head, LogPosition, SessionVersion, StoreError};
use futures::FutureExt as _;
use rusqlite::Connection;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Notify, watch};
use tokio_util::task::TaskTracker;

use crate::error::{During as _, backend, interrupted};
use crate::rows::{Reader, json_text, log_position};
use crate::statement::{execute, select};

/// The time between two checks for commits of other processes.
const INTERVAL: Duration = Duration::from_millis(50);

/// The channels of the store's subscribers.
pub(crate) struct Watchers {
    /// Protects the registry of channels. It is held for look-ups only, never across an await.
    channels: Mutex<Channels>,
    /// Wakes the poller when a subscriber was added or the store was closed.
    changed: Notify,
}

struct Channels {
    sessions: HashMap<SessionId, watch::Sender<Head>>,
    /// Sessions whose first subscriber has received no head yet.
    new: Vec<SessionId>,
    /// The channels of the whole store; absent once it is closed.
    store: Option<StoreChannels>,
}

struct StoreChannels {
    work: watch::Sender<u64>,
    log: watch::Sender<LogPosition>,
}

/// The changes of a transaction that watchers wait for.
#[derive(Default)]
pub(crate) struct News {
    /// The new heads of sessions.
    pub(crate) heads: Vec<(SessionId, Head)>,
    /// The position of the last event.
    pub(crate) log: Option<LogPosition>,
    /// The revision of claimable work.
    pub(crate) work: Option<u64>,
    /// True if secrets were erased, which the write-ahead log still holds.
    pub(crate) erased: bool,
}

/// The revision of claimable work and the end of the log.
#[derive(Clone, Copy)]
pub(crate) struct StoreHead {
    work: u64,
    log: LogPosition,
}

/// The channels that have subscribers.
struct Subscriptions {
    sessions: Vec<SessionId>,
    new: Vec<SessionId>,
    store: bool,
}

impl Watchers {
    pub(crate) fn new(head: StoreHead) -> Self {
        Self {
            channels: Mutex::new(Channels {
                sessions: HashMap::new(),
                new: Vec::new(),
                store: Some(StoreChannels {
                    work: watch::Sender::new(head.work),
                    log: watch::Sender::new(head.log),
                }),
            }),
            changed: Notify::new(),
        }
    }

    fn with<T>(&self, use_channels: impl FnOnce(&mut Channels) -> T) -> T {
        // Every change of the registry is one call, so a panic elsewhere leaves it consistent.
        use_channels(&mut self.channels.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Subscribes to the head of a session.
    pub(crate) fn session(&self, id: SessionId) -> watch::Receiver<Head> {
        let receiver = self.with(|channels| {
            if channels.store.is_none() {
                // The receiver of a closed store has no sender.
                return watch::Sender::new(Head::default()).subscribe();
            }
            if let Some(sender) = channels.sessions.get(&id) {
                return sender.subscribe();
            }
            channels.new.push(id);
            channels.sessions.entry(id).or_default().subscribe()
        });
        self.changed.notify_one();
        receiver
    }

    /// Subscribes to the revision of claimable work.
    pub(crate) fn work(&self) -> watch::Receiver<u64> {
        self.subscribe(|store| store.work.subscribe(), 0)
    }

    /// Subscribes to the end of the log.
    pub(crate) fn log(&self) -> watch::Receiver<LogPosition> {
        self.subscribe(|store| store.log.subscribe(), LogPosition::START)
    }

    fn subscribe<T>(
        &self,
        subscribe: impl FnOnce(&StoreChannels) -> watch::Receiver<T>,
        closed: T,
    ) -> watch::Receiver<T> {
        let receiver = self.with(|channels| match &channels.store {
            Some(store) => subscribe(store),
            None => watch::Sender::new(closed).subscribe(),
        });
        self.changed.notify_one();
        receiver
    }

    /// Announces a commit. Values only grow: the writer and the poller both announce, and the one
    /// that read first may announce last.
    pub(crate) fn announce(&self, news: &News) {
        self.with(|channels| {
            for (id, head) in &news.heads {
                if let Some(sender) = channels.sessions.get(id) {
                    sender.send_if_modified(|known| {
                        let later = Head {
                            last_seq: known.last_seq.max(head.last_seq),
                            version: known.version.max(head.version),
                        };
                        std::mem::replace(known, later) != later
                    });
                }
            }
            if let Some(store) = &channels.store {
                raise(&store.log, news.log);
                raise(&store.work, news.work);
            }
        });
    }

    /// Closes every channel, which ends its subscribers.
    pub(crate) fn close(&self) {
        self.with(|channels| {
            channels.sessions.clear();
            channels.new.clear();
            channels.store = None;
        });
        self.changed.notify_one();
    }

    /// Drops the channels without subscribers and returns the others; `None` once the store is
    /// closed.
    fn subscriptions(&self) -> Option<Subscriptions> {
        self.with(|channels| {
            let StoreChannels { work, log } = channels.store.as_ref()?;
            let store = work.receiver_count() > 0 || log.receiver_count() > 0;
            channels
                .sessions
                .retain(|_, sender| sender.receiver_count() > 0);
            Some(Subscriptions {
                sessions: channels.sessions.keys().copied().collect(),
                new: std::mem::take(&mut channels.new),
                store,
            })
        })
    }
}

fn raise<T: Copy + Ord>(sender: &watch::Sender<T>, value: Option<T>) {
    let Some(value) = value else { return };
    sender.send_if_modified(|known| {
        let later = value.max(*known);
        std::mem::replace(known, later) != later
    });
}

/// The handle of the task that polls for commits of other processes.
pub(crate) struct Poller {
    tasks: TaskTracker,
}

impl Poller {
    /// Starts the task. It announces commits to `watchers` and ends once they are closed.
    pub(crate) fn start(connection: SqliteConnection, watchers: Arc<Watchers>) -> Self {
        let tasks = TaskTracker::new();
        tasks.spawn(poll(connection, watchers));
        tasks.close();
        Self { tasks }
    }

    /// Waits until the task has ended.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }
}

async fn poll(mut connection: SqliteConnection, watchers: Arc<Watchers>) {
    let mut seen = None;
    while let Some(subscriptions) = watchers.subscriptions() {
        if subscriptions.sessions.is_empty() && !subscriptions.store {
            // Commits from now on are new to the next subscriber.
            seen = None;
            watchers.changed.notified().await;
            continue;
        }
        let check = check(&mut connection, &watchers, &subscriptions, seen);
        let checked = AssertUnwindSafe(check)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(interrupted()));
        match checked {
            Ok(version) => seen = Some(version),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot check for commits of other processes");
                seen = None;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = watchers.changed.notified() => {}
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "a connection of the store did not close");
    }
}

/// Announces the commits since the data version `seen`, and returns the current version.
async fn check(
    connection: &mut SqliteConnection,
    watchers: &Watchers,
    subscriptions: &Subscriptions,
    seen: Option<i64>,
) -> Result<i64, StoreError> {
    let version: i64 = sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(&mut *connection)
        .await
        .during("check for commits")?;
    let moved = seen != Some(version);
    let sessions = if moved {
        &subscriptions.sessions
    } else {
        &subscriptions.new
    };
    let mut news = News::default();
    if !sessions.is_empty() {
        news.heads = heads(connection, sessions).await?;
    }
    // This is read even if only sessions have subscribers, so that the next subscriber of the
    // store's channels starts at the current values.
    if moved {
        let head = store_head(connection).await?;
        news.work = Some(head.work);
        news.log = Some(head.log);
    }
    watchers.announce(&news);
    Ok(version)
}

async fn heads(
    connection: &mut SqliteConnection,
    sessions: &[SessionId],
) -> Result<Vec<(SessionId, Head)>, StoreError> {
    let ids = json_text(sessions)?;
    let rows = sqlx::query!(
        "SELECT id, last_seq, version FROM sessions
         WHERE id IN (SELECT value FROM json_each($1))",
        ids
    )
    .fetch_all(connection)
    .await
    .during("read the heads of sessions")?;
    rows.iter()
        .map(|row| {
            let reader = Reader::new("sessions", &row.id);
            let head = Head {
                last_seq: EventSeq::new(reader.number("last_seq", row.last_seq)?),
                version: SessionVersion(reader.number("version", row.version)?),
            };
            Ok((reader.parsed("id", &row.id)?, head))
        })
        .collect()
}

/// Reads the revision of claimable work and the end of the log.
pub(crate) async fn store_head(connection: &mut SqliteConnection) -> Result<StoreHead, StoreError> {
    let row = sqlx::query!(
        r#"SELECT revision, (SELECT coalesce(max(key), 0) FROM events) AS "log!: i64" FROM work"#
    )
    .fetch_one(connection)
    .await
    .during("read the head of the store")?;
    Ok(StoreHead {
        work: Reader::new("work", "1").number("revision", row.revision)?,
        log: log_position(row.log)?,
    })
}

/// Increments the revision of claimable work and returns it.
pub(crate) fn count_up(connection: &Connection) -> Result<u64, StoreError> {
    const COUNT: &str = "count a change";
    execute!(connection, COUNT, "UPDATE work SET revision = revision + 1")?;
    let revisions = select!(
        connection,
        COUNT,
        |row| row.get::<_, i64>(0),
        "SELECT revision FROM work"
    )?;
    match *revisions {
        [revision] => Reader::new("work", "1").number("revision", revision),
        _ => Err(backend(COUNT, "the revision of work is missing")),
    }
}

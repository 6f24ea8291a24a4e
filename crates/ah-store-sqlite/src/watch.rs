//! Telling readers that something has moved.
//!
//! What this process commits is told at once. Of another process's commits SQLite tells nobody;
//! so one task asks `PRAGMA data_version` of a connection of its own every [`INTERVAL`], which
//! touches no table, and only while somebody listens. It is the one place that polls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ah_rest_api_contract::{EventSeq, SessionId};
use ah_store::{Head, StoreError, Version};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Notify, mpsc, watch};

use crate::error::During as _;
use crate::rows::{Reader, json_text};

/// How often other processes' commits are looked for.
const INTERVAL: Duration = Duration::from_millis(50);

/// Who listens to what.
pub(crate) struct Watchers {
    /// Protects the channels' registry. It is held for look-ups only, never across an await.
    channels: Mutex<Channels>,
    /// Somebody new listens, or the store has closed.
    changed: Notify,
}

struct Channels {
    sessions: HashMap<SessionId, watch::Sender<Head>>,
    /// Sessions whose first listener has not been told anything yet.
    fresh: Vec<SessionId>,
    /// Absent once the store has closed.
    work: Option<watch::Sender<u64>>,
}

/// What the polling task is to look at.
struct Watched {
    sessions: Vec<SessionId>,
    fresh: Vec<SessionId>,
    work: bool,
}

impl Watchers {
    pub(crate) fn new(work: u64) -> Self {
        Self {
            channels: Mutex::new(Channels {
                sessions: HashMap::new(),
                fresh: Vec::new(),
                work: Some(watch::Sender::new(work)),
            }),
            changed: Notify::new(),
        }
    }

    fn with<T>(&self, use_them: impl FnOnce(&mut Channels) -> T) -> T {
        // A panic elsewhere leaves a registry that is whole: every change of it is one call.
        use_them(&mut self.channels.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn session(&self, id: SessionId) -> watch::Receiver<Head> {
        let receiver = self.with(|channels| {
            if channels.work.is_none() {
                // Closed: a channel that nobody will ever move says so by having no sender.
                return watch::Sender::new(Head::default()).subscribe();
            }
            if let Some(sender) = channels.sessions.get(&id) {
                return sender.subscribe();
            }
            channels.fresh.push(id);
            channels.sessions.entry(id).or_default().subscribe()
        });
        self.changed.notify_one();
        receiver
    }

    pub(crate) fn work(&self) -> watch::Receiver<u64> {
        let receiver = self.with(|channels| match &channels.work {
            Some(work) => work.subscribe(),
            None => watch::Sender::new(0).subscribe(),
        });
        self.changed.notify_one();
        receiver
    }

    /// Tells the listeners of `id` where it stands, unless they know of something later: two
    /// tasks tell, and the one that read first may speak last.
    pub(crate) fn moved(&self, id: SessionId, head: Head) {
        self.with(|channels| {
            if let Some(sender) = channels.sessions.get(&id) {
                sender.send_if_modified(|known| {
                    let later = Head {
                        last_seq: known.last_seq.max(head.last_seq),
                        version: known.version.max(head.version),
                    };
                    std::mem::replace(known, later) != later
                });
            }
        });
    }

    /// Tells that there may be something to claim.
    pub(crate) fn worked(&self, revision: u64) {
        self.with(|channels| {
            if let Some(work) = &channels.work {
                work.send_if_modified(|known| {
                    let later = revision.max(*known);
                    std::mem::replace(known, later) != later
                });
            }
        });
    }

    /// Lets go of every channel, so that whoever listens learns that nothing more will come.
    pub(crate) fn close(&self) {
        self.with(|channels| {
            channels.sessions.clear();
            channels.fresh.clear();
            channels.work = None;
        });
        self.changed.notify_one();
    }

    /// What somebody listens to now, after forgetting what nobody listens to any more; `None`
    /// once the store has closed.
    fn watched(&self) -> Option<Watched> {
        self.with(|channels| {
            let work = channels.work.as_ref()?.receiver_count() > 0;
            channels
                .sessions
                .retain(|_, sender| sender.receiver_count() > 0);
            Some(Watched {
                sessions: channels.sessions.keys().copied().collect(),
                fresh: std::mem::take(&mut channels.fresh),
                work,
            })
        })
    }
}

/// The task that looks for other processes' commits.
pub(crate) struct Lookout {
    /// Never sent to; the task's end of it goes when the task has ended.
    ended: mpsc::Sender<()>,
}

impl Lookout {
    /// Starts the task, which tells `watchers` what it finds and ends once they are closed.
    pub(crate) fn start(connection: SqliteConnection, watchers: Arc<Watchers>) -> Self {
        let (ended, end) = mpsc::channel(1);
        tokio::spawn(async move {
            poll(connection, watchers).await;
            drop(end);
        });
        Self { ended }
    }

    /// Waits until the task has ended.
    pub(crate) async fn ended(&self) {
        self.ended.closed().await;
    }
}

async fn poll(mut connection: SqliteConnection, watchers: Arc<Watchers>) {
    let mut seen = None;
    while let Some(watched) = watchers.watched() {
        if watched.sessions.is_empty() && !watched.work {
            // What is committed while nobody listens is news to whoever listens next.
            seen = None;
            watchers.changed.notified().await;
            continue;
        }
        match look(&mut connection, &watchers, &watched, seen).await {
            Ok(version) => seen = Some(version),
            Err(error) => {
                tracing::warn!(%error, "other processes' commits could not be looked for");
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

/// Tells of what has changed since the data version `seen`, and returns the version now.
async fn look(
    connection: &mut SqliteConnection,
    watchers: &Watchers,
    watched: &Watched,
    seen: Option<i64>,
) -> Result<i64, StoreError> {
    let version: i64 = sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(&mut *connection)
        .await
        .during("look for commits")?;
    let all = seen != Some(version);
    let sessions = if all {
        &watched.sessions
    } else {
        &watched.fresh
    };
    if !sessions.is_empty() {
        for (id, head) in heads(connection, sessions).await? {
            watchers.moved(id, head);
        }
    }
    if all && watched.work {
        watchers.worked(revision(connection).await?);
    }
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
    .during("read where sessions stand")?;
    rows.iter()
        .map(|row| {
            let reader = Reader::new("sessions", &row.id);
            let head = Head {
                last_seq: EventSeq::new(reader.number("last_seq", row.last_seq)?),
                version: Version(reader.number("version", row.version)?),
            };
            Ok((reader.parsed("id", &row.id)?, head))
        })
        .collect()
}

/// The count that [`ah_store::Store::watch_work`] shows.
pub(crate) async fn revision(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let revision = sqlx::query_scalar!("SELECT revision FROM work")
        .fetch_one(connection)
        .await
        .during("read the count of changes")?;
    Reader::new("work", "1").number("revision", revision)
}

/// Counts the change that a transaction makes, and returns the count after it.
pub(crate) async fn count_up(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let revision = sqlx::query_scalar!(
        r#"UPDATE work SET revision = revision + 1 RETURNING revision AS "revision!: i64""#
    )
    .fetch_one(connection)
    .await
    .during("count a change")?;
    Reader::new("work", "1").number("revision", revision)
}

//! Telling readers that something has moved.
//!
//! What this process commits is told at once. Of another process's commits SQLite tells nobody;
//! so one task asks `PRAGMA data_version` of a connection of its own every [`INTERVAL`], which
//! touches no table, and only while somebody listens. It is the one place that polls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ah_rest_api_contract::{EventSeq, SessionId};
use ah_store::{Head, LogPosition, StoreError, Version};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Notify, mpsc, watch};

use crate::error::During as _;
use crate::events;
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
    whole: Option<Whole>,
}

/// What is told of the store as a whole.
struct Whole {
    work: watch::Sender<u64>,
    log: watch::Sender<LogPosition>,
}

/// Where the store as a whole stands.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    /// The count that [`ah_store::Store::watch_work`] shows.
    pub(crate) work: u64,
    /// The end of the log of all sessions.
    pub(crate) log: LogPosition,
}

/// What the polling task is to look at.
struct Watched {
    sessions: Vec<SessionId>,
    fresh: Vec<SessionId>,
    whole: bool,
}

impl Watchers {
    pub(crate) fn new(standing: Standing) -> Self {
        Self {
            channels: Mutex::new(Channels {
                sessions: HashMap::new(),
                fresh: Vec::new(),
                whole: Some(Whole {
                    work: watch::Sender::new(standing.work),
                    log: watch::Sender::new(standing.log),
                }),
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
            if channels.whole.is_none() {
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
        let receiver = self.with(|channels| match &channels.whole {
            Some(whole) => whole.work.subscribe(),
            None => watch::Sender::new(0).subscribe(),
        });
        self.changed.notify_one();
        receiver
    }

    pub(crate) fn log(&self) -> watch::Receiver<LogPosition> {
        let receiver = self.with(|channels| match &channels.whole {
            Some(whole) => whole.log.subscribe(),
            None => watch::Sender::new(LogPosition::START).subscribe(),
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
            if let Some(whole) = &channels.whole {
                raise(&whole.work, revision);
            }
        });
    }

    /// Tells that the log of all sessions has come to `end`.
    pub(crate) fn logged(&self, end: LogPosition) {
        self.with(|channels| {
            if let Some(whole) = &channels.whole {
                raise(&whole.log, end);
            }
        });
    }

    /// Lets go of every channel, so that whoever listens learns that nothing more will come.
    pub(crate) fn close(&self) {
        self.with(|channels| {
            channels.sessions.clear();
            channels.fresh.clear();
            channels.whole = None;
        });
        self.changed.notify_one();
    }

    /// What somebody listens to now, after forgetting what nobody listens to any more; `None`
    /// once the store has closed.
    fn watched(&self) -> Option<Watched> {
        self.with(|channels| {
            let Whole { work, log } = channels.whole.as_ref()?;
            let whole = work.receiver_count() > 0 || log.receiver_count() > 0;
            channels
                .sessions
                .retain(|_, sender| sender.receiver_count() > 0);
            Some(Watched {
                sessions: channels.sessions.keys().copied().collect(),
                fresh: std::mem::take(&mut channels.fresh),
                whole,
            })
        })
    }
}

/// Tells of a number that only grows, unless something later is known already.
fn raise<T: Copy + Ord>(sender: &watch::Sender<T>, value: T) {
    sender.send_if_modified(|known| {
        let later = value.max(*known);
        std::mem::replace(known, later) != later
    });
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
        if watched.sessions.is_empty() && !watched.whole {
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
    // Also when only sessions are listened to, so that whoever listens to the whole next is told
    // where it stands although nothing moves.
    if all {
        let standing = standing(connection).await?;
        watchers.worked(standing.work);
        watchers.logged(standing.log);
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

/// Where the store as a whole stands.
pub(crate) async fn standing(connection: &mut SqliteConnection) -> Result<Standing, StoreError> {
    let row = sqlx::query!(
        r#"SELECT revision, (SELECT coalesce(max(key), 0) FROM events) AS "log!: i64" FROM work"#
    )
    .fetch_one(connection)
    .await
    .during("read where the store stands")?;
    Ok(Standing {
        work: Reader::new("work", "1").number("revision", row.revision)?,
        log: events::position(row.log)?,
    })
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

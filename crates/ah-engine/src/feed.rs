//! The recent events of a log, of one session or of all, shared by its readers. Events that one
//! reader reads are in memory for the others (design law 4).

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ah_rest_api_contract::{EncodedEvent, EventSeq, SessionId};
use ah_store::{EventRow, LogPosition, READ_BYTES, Store, StoreError};
use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};

use crate::encoding::encoded;

/// The maximum number of events in a feed.
const ROWS_MAX: usize = 1_024;
/// The maximum size of a feed's events in bytes. A single last event may exceed it.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Events in the order of the log.
type Rows = Vec<Arc<EncodedEvent>>;
/// A read of the store that all readers at its cursor await; `None` if it failed. Each of them
/// drives it, so that it proceeds even if the reader that began it is not polled any more.
type Read = BoxFuture<'static, Option<Rows>>;

/// A log in the store.
#[async_trait]
pub(crate) trait StoredLog: Send + Sync + 'static {
    /// The position of an event, which grows along the log.
    type Position: Copy + Debug + Ord + Send + Sync;

    /// Returns the position of one of its events.
    fn position(event: &EncodedEvent) -> Self::Position;

    /// Reads at most `limit` events after `cursor`, and about [`READ_BYTES`] of them.
    async fn read(&self, cursor: Self::Position, limit: u32) -> Result<Vec<EventRow>, StoreError>;
}

/// The log of one session.
pub(crate) struct SessionLog {
    store: Arc<dyn Store>,
    session: SessionId,
}

#[async_trait]
impl StoredLog for SessionLog {
    type Position = EventSeq;

    fn position(event: &EncodedEvent) -> EventSeq {
        event.seq
    }

    async fn read(&self, cursor: EventSeq, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        self.store.events_after(self.session, cursor, limit).await
    }
}

/// The log of all sessions.
pub(crate) struct WholeLog {
    store: Arc<dyn Store>,
}

#[async_trait]
impl StoredLog for WholeLog {
    type Position = LogPosition;

    fn position(event: &EncodedEvent) -> LogPosition {
        LogPosition(event.cursor.get())
    }

    async fn read(&self, cursor: LogPosition, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        self.store.all_events_after(cursor, limit).await
    }
}

/// The last events of a log, without gaps, oldest first.
pub(crate) struct Feed<L: StoredLog> {
    log: L,
    /// The recent events and their current read. The lock is held only during an access: a reader
    /// may stop being polled at any wait.
    state: Mutex<FeedState<L::Position>>,
}

struct FeedState<P> {
    tail: Option<Tail<P>>,
    /// The read after the tail that is in progress, and its cursor. It lives as long as a reader
    /// awaits it.
    read: Option<(P, WeakShared<Read>)>,
}

/// All events between two positions. There is at least one.
struct Tail<P> {
    /// The position after which the events begin.
    begin: P,
    /// The position of the last event.
    end: P,
    rows: VecDeque<(P, Arc<EncodedEvent>)>,
    bytes: usize,
}

/// The source of a reader's next events.
enum Source {
    /// The events are in memory.
    Tail(Rows),
    /// The reader is at the end of the tail.
    AfterTail(Shared<Read>),
    /// The reader is outside the tail.
    Store,
}

impl<L: StoredLog> Feed<L> {
    fn new(log: L) -> Self {
        Self {
            log,
            state: Mutex::new(FeedState {
                tail: None,
                read: None,
            }),
        }
    }

    /// Returns at most `limit` events after `cursor`, oldest first, and about [`READ_BYTES`] of
    /// them. Empty only if there are none. `head` is the position of the last event when the
    /// reader began to read.
    pub(crate) async fn after(
        self: &Arc<Self>,
        cursor: L::Position,
        head: L::Position,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        loop {
            let read = match self.source(cursor, limit) {
                Source::Tail(rows) => return Ok(rows),
                Source::AfterTail(read) => read,
                Source::Store => break,
            };
            // Each reader gets its own error from a read of its own.
            let Some(rows) = read.await else { break };
            // The read may have begun before the last events were committed.
            if !rows.is_empty() || cursor >= head {
                return Ok(rows);
            }
        }
        // The rows are kept only if they reach the head and the tail is empty.
        let rows = self.read(cursor, limit).await?;
        if rows.last().is_some_and(|row| L::position(row) >= head) {
            let tail = &mut self.state().tail;
            if tail.is_none() {
                *tail = Tail::new::<L>(cursor, &rows);
            }
        }
        Ok(rows)
    }

    fn source(self: &Arc<Self>, cursor: L::Position, limit: u32) -> Source {
        let mut state = self.state();
        let Some(tail) = &state.tail else {
            return Source::Store;
        };
        if cursor < tail.begin || cursor > tail.end {
            return Source::Store;
        }
        if cursor < tail.end {
            return Source::Tail(tail.after(cursor, limit));
        }
        let current = state.read.as_ref().filter(|(from, _)| *from == cursor);
        let current = current.and_then(|(_, read)| read.upgrade());
        if let Some(read) = current.filter(|read| read.peek().is_none()) {
            return Source::AfterTail(read);
        }
        let read = self.clone().extend(cursor, limit).boxed().shared();
        state.read = read.downgrade().map(|read| (cursor, read));
        Source::AfterTail(read)
    }

    /// Reads the events after `cursor`, the end of the tail, and adds them to the tail.
    async fn extend(self: Arc<Self>, cursor: L::Position, limit: u32) -> Option<Rows> {
        let rows = self.read(cursor, limit).await.ok()?;
        if let Some(tail) = &mut self.state().tail
            && tail.end == cursor
        {
            // More rows may be read than kept. All of them are returned.
            tail.extend::<L>(&rows);
        }
        Some(rows)
    }

    async fn read(&self, cursor: L::Position, limit: u32) -> Result<Rows, StoreError> {
        let rows = self.log.read(cursor, limit).await?;
        Ok(rows.into_iter().map(encoded).map(Arc::new).collect())
    }

    fn state(&self) -> MutexGuard<'_, FeedState<L::Position>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Copy + Ord> Tail<P> {
    /// Creates a tail of the events after `begin`; `None` if there are none.
    fn new<L: StoredLog<Position = P>>(begin: P, rows: &[Arc<EncodedEvent>]) -> Option<Self> {
        let mut tail = Self {
            begin,
            end: L::position(rows.last()?),
            rows: VecDeque::new(),
            bytes: 0,
        };
        tail.extend::<L>(rows);
        Some(tail)
    }

    fn after(&self, cursor: P, limit: u32) -> Rows {
        let begin = self.rows.partition_point(|(at, _)| *at <= cursor);
        let mut bytes = 0;
        self.rows
            .iter()
            .map(|(_, row)| row)
            .skip(begin)
            .take(limit as usize)
            .take_while(|row| {
                let is_within = bytes < READ_BYTES;
                bytes += row.json.len();
                is_within
            })
            .cloned()
            .collect()
    }

    fn extend<L: StoredLog<Position = P>>(&mut self, rows: &[Arc<EncodedEvent>]) {
        for row in rows {
            self.end = L::position(row);
            self.bytes += row.json.len();
            self.rows.push_back((self.end, row.clone()));
        }
        while self.rows.len() > ROWS_MAX || (self.bytes > BYTES_MAX && self.rows.len() > 1) {
            let Some((at, row)) = self.rows.pop_front() else {
                break;
            };
            self.begin = at;
            self.bytes -= row.json.len();
        }
    }
}

/// The feeds of the logs that have readers. Each lives as long as a reader holds it.
#[derive(Default)]
pub(crate) struct Feeds {
    /// The lock protects only the map and is not held across waits.
    sessions: Mutex<HashMap<SessionId, Weak<Feed<SessionLog>>>>,
    /// The lock protects only the reference and is not held across waits.
    whole: Mutex<Weak<Feed<WholeLog>>>,
}

impl Feeds {
    /// Returns the feed of `session`.
    pub(crate) fn of_session(
        &self,
        store: &Arc<dyn Store>,
        session: SessionId,
    ) -> Arc<Feed<SessionLog>> {
        let mut feeds = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&session).and_then(Weak::upgrade) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let store = store.clone();
        let feed = Arc::new(Feed::new(SessionLog { store, session }));
        feeds.insert(session, Arc::downgrade(&feed));
        feed
    }

    /// Returns the feed of all sessions.
    pub(crate) fn of_all(&self, store: &Arc<dyn Store>) -> Arc<Feed<WholeLog>> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.upgrade().unwrap_or_else(|| {
            let store = store.clone();
            let feed = Arc::new(Feed::new(WholeLog { store }));
            *whole = Arc::downgrade(&feed);
            feed
        })
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{EventType, LogCursor};

    use super::*;

    fn row(seq: u64, bytes: usize) -> Arc<EncodedEvent> {
        Arc::new(EncodedEvent {
            session_id: SessionId::from_ulid(ulid::Ulid::nil()),
            seq: EventSeq::new(seq),
            cursor: LogCursor::default(),
            event_type: EventType::Thought,
            level: None,
            json: "x".repeat(bytes),
        })
    }

    fn tail(rows: impl Iterator<Item = Arc<EncodedEvent>>) -> Tail<EventSeq> {
        let rows: Vec<_> = rows.collect();
        Tail::new::<SessionLog>(EventSeq::START, &rows).unwrap()
    }

    #[test]
    fn tail_keeps_the_last_rows_within_its_bounds() {
        let mut tail = tail((1..=2_000).map(|seq| row(seq, 10)));
        assert_eq!(tail.rows.len(), ROWS_MAX);
        assert_eq!((tail.begin.get(), tail.end.get()), (976, 2_000));
        let large: Vec<_> = (2_001..=2_003).map(|seq| row(seq, BYTES_MAX)).collect();
        tail.extend::<SessionLog>(&large);
        assert_eq!(tail.rows.len(), 1);
        assert_eq!((tail.begin.get(), tail.end.get()), (2_002, 2_003));
        assert_eq!(tail.bytes, BYTES_MAX);
        assert_eq!(tail.after(EventSeq::new(2_002), 10).len(), 1);
    }

    #[test]
    fn a_read_of_a_tail_is_bounded_in_bytes() {
        let tail = tail((1..=40).map(|seq| row(seq, READ_BYTES / 4)));
        let read = tail.after(EventSeq::new(30), 256);
        let seqs: Vec<_> = read.iter().map(|row| row.seq.get()).collect();
        assert_eq!(seqs, [31, 32, 33, 34]);
    }
}

//! The recent events of a session's log, shared by all its readers. Events that one reader reads
//! are in memory for the others (design law 4).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ah_rest_api_contract::{EncodedEvent, EventSeq, SessionId};
use ah_store::{READ_BYTES, Store, StoreError};
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

/// The last events of one session, without gaps, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The recent events and their current read. The lock is held only during an access: a reader
    /// may stop being polled at any wait.
    state: Mutex<FeedState>,
}

#[derive(Debug, Default)]
struct FeedState {
    tail: Tail,
    /// The read after the tail that is in progress, and its cursor. It lives as long as a reader
    /// awaits it.
    read: Option<(EventSeq, WeakShared<Read>)>,
}

#[derive(Debug, Default)]
struct Tail {
    rows: VecDeque<Arc<EncodedEvent>>,
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

impl Feed {
    /// Returns at most `limit` events after `cursor`, oldest first, and about [`READ_BYTES`] of
    /// them. Empty only if there are none. `head` is the number of the session's last event when
    /// the reader began to read.
    pub(crate) async fn after(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        session: SessionId,
        cursor: EventSeq,
        head: EventSeq,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        loop {
            let read = match self.source(store, session, cursor, limit) {
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
        let rows = read(store.as_ref(), session, cursor, limit).await?;
        if rows.last().is_some_and(|row| row.seq >= head) {
            let tail = &mut self.state().tail;
            if tail.rows.is_empty() {
                tail.extend(rows.iter().cloned());
            }
        }
        Ok(rows)
    }

    fn source(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        session: SessionId,
        cursor: EventSeq,
        limit: u32,
    ) -> Source {
        let mut state = self.state();
        let (Some(first), Some(last)) = (state.tail.rows.front(), state.tail.rows.back()) else {
            return Source::Store;
        };
        if cursor.next() < first.seq || cursor > last.seq {
            return Source::Store;
        }
        if cursor < last.seq {
            return Source::Tail(state.tail.after(cursor, limit));
        }
        let current = state.read.as_ref().filter(|(from, _)| *from == cursor);
        let current = current.and_then(|(_, read)| read.upgrade());
        if let Some(read) = current.filter(|read| read.peek().is_none()) {
            return Source::AfterTail(read);
        }
        let read = Self::extend(Arc::downgrade(self), store.clone(), session, cursor, limit);
        let read = read.boxed().shared();
        state.read = read.downgrade().map(|read| (cursor, read));
        Source::AfterTail(read)
    }

    /// Reads the events after `cursor`, the end of the tail, and adds them to the tail.
    async fn extend(
        feed: Weak<Self>,
        store: Arc<dyn Store>,
        session: SessionId,
        cursor: EventSeq,
        limit: u32,
    ) -> Option<Rows> {
        let rows = read(store.as_ref(), session, cursor, limit).await.ok()?;
        if let Some(feed) = feed.upgrade() {
            let tail = &mut feed.state().tail;
            if tail.rows.back().is_some_and(|last| last.seq == cursor) {
                // More rows may be read than kept. All of them are returned.
                tail.extend(rows.iter().cloned());
            }
        }
        Some(rows)
    }

    fn state(&self) -> MutexGuard<'_, FeedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(
    store: &dyn Store,
    session: SessionId,
    cursor: EventSeq,
    limit: u32,
) -> Result<Rows, StoreError> {
    let rows = store.events_after(session, cursor, limit).await?;
    Ok(rows.into_iter().map(encoded).map(Arc::new).collect())
}

impl Tail {
    fn after(&self, cursor: EventSeq, limit: u32) -> Rows {
        let begin = self.rows.partition_point(|row| row.seq <= cursor);
        let mut bytes = 0;
        self.rows
            .iter()
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

    fn extend(&mut self, rows: impl Iterator<Item = Arc<EncodedEvent>>) {
        for row in rows {
            self.bytes += row.json.len();
            self.rows.push_back(row);
        }
        while self.rows.len() > ROWS_MAX || (self.bytes > BYTES_MAX && self.rows.len() > 1) {
            let Some(row) = self.rows.pop_front() else {
                break;
            };
            self.bytes -= row.json.len();
        }
    }
}

/// The feeds of the sessions that have readers.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    /// The lock protects only the map and is not held across waits.
    feeds: Mutex<HashMap<SessionId, Weak<Feed>>>,
}

impl Feeds {
    /// Returns the feed of `session`, which lives as long as a reader holds it.
    pub(crate) fn of(&self, session: SessionId) -> Arc<Feed> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&session).and_then(Weak::upgrade) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed::default());
        feeds.insert(session, Arc::downgrade(&feed));
        feed
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

    #[test]
    fn tail_keeps_the_last_rows_within_its_bounds() {
        let mut tail = Tail::default();
        tail.extend((1..=2_000).map(|seq| row(seq, 10)));
        assert_eq!(tail.rows.len(), ROWS_MAX);
        assert_eq!(tail.rows.back().map(|row| row.seq.get()), Some(2_000));
        tail.extend((2_001..=2_003).map(|seq| row(seq, BYTES_MAX)));
        assert_eq!(tail.rows.len(), 1);
        assert_eq!(tail.bytes, BYTES_MAX);
        assert_eq!(tail.after(EventSeq::new(2_002), 10).len(), 1);
    }

    #[test]
    fn a_read_of_a_tail_is_bounded_in_bytes() {
        let mut tail = Tail::default();
        tail.extend((1..=40).map(|seq| row(seq, READ_BYTES / 4)));
        let read = tail.after(EventSeq::new(30), 256);
        let seqs: Vec<_> = read.iter().map(|row| row.seq.get()).collect();
        assert_eq!(seqs, [31, 32, 33, 34]);
    }
}

//! The recent events of a session's log, shared by all its readers. Events that one reader reads
//! are in memory for the others (design law 4).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ah_rest_api_contract::{EncodedEvent, EventSeq, SessionId};
use ah_store::{READ_BYTES, Store, StoreError};

use crate::stream::encoded;

/// The maximum number of events in a feed.
const ROWS_MAX: usize = 1_024;
/// The maximum size of a feed's events in bytes. A single last event may exceed it.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The last events of one session, without gaps, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The recent events. The lock is held during a read of the store, so that of many readers that
    /// wake at once only one reads.
    tail: tokio::sync::Mutex<Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    rows: VecDeque<Arc<EncodedEvent>>,
    bytes: usize,
}

impl Feed {
    /// Returns at most `limit` events after `cursor`, oldest first, and about [`READ_BYTES`] of
    /// them. Empty only if there are none. `head` is the number of the session's last event when
    /// the reader began to read.
    pub(crate) async fn after(
        &self,
        store: &dyn Store,
        session: SessionId,
        cursor: EventSeq,
        head: EventSeq,
        limit: u32,
    ) -> Result<Vec<Arc<EncodedEvent>>, StoreError> {
        let mut tail = self.tail.lock().await;
        if let (Some(first), Some(last)) = (tail.rows.front(), tail.rows.back())
            && cursor.next() >= first.seq
            && cursor <= last.seq
        {
            if cursor < last.seq {
                return Ok(tail.after(cursor, limit));
            }
            let rows = store.events_after(session, cursor, limit).await?;
            let rows: Vec<_> = rows.into_iter().map(encoded).map(Arc::new).collect();
            // More rows may be read than kept. All of them are returned.
            tail.extend(rows.iter().cloned());
            return Ok(rows);
        }
        // The reader is outside the tail. Its rows are kept only if they reach the head and the
        // tail is empty.
        drop(tail);
        let rows: Vec<Arc<EncodedEvent>> = store
            .events_after(session, cursor, limit)
            .await?
            .into_iter()
            .map(encoded)
            .map(Arc::new)
            .collect();
        if rows.last().is_some_and(|row| row.seq >= head) {
            let mut tail = self.tail.lock().await;
            if tail.rows.is_empty() {
                tail.extend(rows.iter().cloned());
            }
        }
        Ok(rows)
    }
}

impl Tail {
    fn after(&self, cursor: EventSeq, limit: u32) -> Vec<Arc<EncodedEvent>> {
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

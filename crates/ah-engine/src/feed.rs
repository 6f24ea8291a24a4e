//! The recent stretch of a session's log, shared by all its readers: what one of them reads, the
//! others find in memory (design law 4).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ah_rest_api_contract::{EventSeq, SessionId};
use ah_store::{EventRow, Store, StoreError};

/// How many events a feed keeps.
const ROWS_MAX: usize = 1_024;
/// How many bytes of events a feed keeps, of which the last event may be more by itself.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The last events of one session, without gaps, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// It protects the stretch, and is held while the stretch is read on, so that of many readers
    /// that wake at once one reads and the others find it done.
    tail: tokio::sync::Mutex<Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    rows: VecDeque<Arc<EventRow>>,
    bytes: usize,
}

impl Feed {
    /// At most `limit` events after `cursor`, oldest first; none only when there are none.
    pub(crate) async fn after(
        &self,
        store: &dyn Store,
        session: SessionId,
        cursor: EventSeq,
        limit: u32,
    ) -> Result<Vec<Arc<EventRow>>, StoreError> {
        let mut tail = self.tail.lock().await;
        if let (Some(first), Some(last)) = (tail.rows.front(), tail.rows.back())
            && cursor.next() >= first.seq
            && cursor <= last.seq
        {
            if cursor == last.seq {
                let rows = store.events_after(session, cursor, limit).await?;
                tail.extend(rows.into_iter().map(Arc::new));
            }
            return Ok(tail.after(cursor, limit));
        }
        // Somebody reads history. It is kept only if it reaches the present, where the others are.
        drop(tail);
        let rows: Vec<Arc<EventRow>> = store
            .events_after(session, cursor, limit)
            .await?
            .into_iter()
            .map(Arc::new)
            .collect();
        if rows.len() < limit as usize {
            let mut tail = self.tail.lock().await;
            if tail.rows.is_empty() {
                tail.extend(rows.iter().cloned());
            }
        }
        Ok(rows)
    }
}

impl Tail {
    fn after(&self, cursor: EventSeq, limit: u32) -> Vec<Arc<EventRow>> {
        let begin = self.rows.partition_point(|row| row.seq <= cursor);
        self.rows
            .iter()
            .skip(begin)
            .take(limit as usize)
            .cloned()
            .collect()
    }

    fn extend(&mut self, rows: impl Iterator<Item = Arc<EventRow>>) {
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

/// The feeds of the sessions that somebody reads.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    /// It protects only the map: nothing waits while it is held.
    feeds: Mutex<HashMap<SessionId, Weak<Feed>>>,
}

impl Feeds {
    /// The feed of `session`, which lives as long as somebody holds it.
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

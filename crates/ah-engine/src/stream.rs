//! Readers of the log: cursors, not queues (design law 4).
//!
//! A reader reads from its cursor to the head, waits until the head moves, and reads on. History
//! and new events are the same reads, so there is no seam between them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use ah_rest_api_contract::{
    EncodedEvent, EncodedItem, EncodedLogStream, EncodedStream, EphemeralEvent, EventFilter,
    EventPayload, EventSeq, EventType, Gap, SessionId, TaskManagerError,
};
use ah_store::{Head, LogPosition, Store};
use futures::stream;
use tokio::sync::{broadcast, watch};

use crate::encoding::{encoded, parse};
use crate::engine::Core;
use crate::feed::{Feed, SessionLog, StoredLog as _, WholeLog};

/// The maximum number of events in one read, whose bytes are bounded as well. A reader holds them in
/// memory, shared with others.
const READ_MAX: u32 = 256;

struct Reader {
    store: Arc<dyn Store>,
    feed: Arc<Feed<SessionLog>>,
    session: SessionId,
    cursor: EventSeq,
    filter: EventFilter,
    head: watch::Receiver<Head>,
    ephemeral: Option<broadcast::Receiver<EphemeralEvent>>,
    ready: VecDeque<EncodedItem>,
    /// True once the reader is known to have started before the end of the session.
    in_time: bool,
    ended: bool,
}

/// Returns the session's events after `after`, followed by new ones.
pub(crate) fn of_session(
    core: &Core,
    session: SessionId,
    after: EventSeq,
    filter: EventFilter,
) -> EncodedStream {
    let Core {
        store, feeds, hub, ..
    } = core;
    let store = store.clone();
    // Watching starts before the first read, so that no event is missed between the two.
    let head = store.watch_session(session);
    let ephemeral = filter.wants_ephemeral().then(|| hub.subscribe(session));
    let reader = Reader {
        feed: feeds.of_session(&store, session),
        store,
        session,
        cursor: after,
        filter,
        head,
        ephemeral,
        ready: VecDeque::new(),
        in_time: false,
        ended: false,
    };
    Box::pin(stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((item, reader))
    }))
}

impl Reader {
    async fn next(&mut self) -> Option<Result<EncodedItem, TaskManagerError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if self.ended {
                return None;
            }
            let read_on = match self.read().await {
                Ok(true) => continue,
                Ok(false) => self.came_in_time().await,
                Err(error) => Err(error),
            };
            match read_on {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
            if let Some(event) = self.wait().await {
                return Some(Ok(EncodedItem::Ephemeral(event)));
            }
        }
    }

    /// Reads on from the cursor. Returns true if there were any events, filtered out or not.
    async fn read(&mut self) -> Result<bool, TaskManagerError> {
        // The head is marked as seen before the read, so that a later event is noticed.
        let end = self.head.borrow_and_update().last_seq;
        if self.in_time && self.cursor >= end {
            // A reader that has caught up does not query the store.
            return Ok(false);
        }
        let rows = self.feed.after(self.cursor, end, READ_MAX).await?;
        if let Some(first) = rows.first()
            && first.seq > self.cursor.next()
        {
            self.ready
                .push_back(EncodedItem::Gap(Gap::new(self.cursor.next(), first.seq)));
        }
        let any = !rows.is_empty();
        for row in rows {
            self.cursor = row.seq;
            self.ended = is_last(&row)?;
            if admits(&self.filter, &row) {
                self.ready.push_back(EncodedItem::Event(row));
            }
            if self.ended {
                break;
            }
        }
        Ok(any)
    }

    /// Returns true if there may be more events. A reader that started at the end of a terminated
    /// session has none to wait for.
    async fn came_in_time(&mut self) -> Result<bool, TaskManagerError> {
        if !self.in_time {
            let session = self.store.session(self.session).await?.session;
            self.in_time = !session.status.is_terminal() || self.cursor < session.last_seq;
        }
        Ok(self.in_time)
    }

    /// Waits until there may be more events to read, or returns an ephemeral event.
    async fn wait(&mut self) -> Option<EphemeralEvent> {
        let Some(ephemeral) = &mut self.ephemeral else {
            if self.head.changed().await.is_err() {
                // The store is closed, so the head does not move again.
                self.ended = true;
            }
            return None;
        };
        tokio::select! {
            // The log takes precedence: ephemeral events only preview it.
            biased;
            moved = self.head.changed() => {
                self.ended |= moved.is_err();
                None
            }
            event = ephemeral.recv() => match event {
                Ok(event) => Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => None,
                Err(broadcast::error::RecvError::Closed) => {
                    self.ephemeral = None;
                    None
                }
            },
        }
    }
}

/// Returns true if an event ends its session's log.
fn is_last(row: &EncodedEvent) -> Result<bool, TaskManagerError> {
    if row.event_type != EventType::Status {
        return Ok(false);
    }
    Ok(matches!(
        parse(row)?.payload,
        EventPayload::Status(change) if change.status.is_terminal()
    ))
}

/// Evaluates [`EventFilter::admits`] on the encoded event alone.
fn admits(filter: &EventFilter, row: &EncodedEvent) -> bool {
    let of_type = filter
        .types()
        .is_none_or(|types| types.contains(&row.event_type));
    let of_level = match (row.level, filter.level()) {
        (Some(level), Some(wanted)) => level <= wanted,
        _ => true,
    };
    of_type && of_level
}

struct LogReader {
    feed: Arc<Feed<WholeLog>>,
    end: watch::Receiver<LogPosition>,
    cursor: LogPosition,
    sessions: Option<BTreeSet<SessionId>>,
    filter: EventFilter,
    ready: VecDeque<Arc<EncodedEvent>>,
    ended: bool,
}

/// Returns the events of many sessions after `after` in commit order, followed by new ones.
/// Includes all sessions if `sessions` is absent.
pub(crate) fn of_all(
    core: &Core,
    after: LogPosition,
    sessions: Option<BTreeSet<SessionId>>,
    filter: EventFilter,
) -> EncodedLogStream {
    let reader = LogReader {
        end: core.store.watch_log(),
        feed: core.feeds.of_all(&core.store),
        cursor: after,
        sessions,
        filter,
        ready: VecDeque::new(),
        ended: false,
    };
    Box::pin(stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((item, reader))
    }))
}

/// Returns true if the log has events of `sessions` after `after` that the filter admits.
pub(crate) async fn has_more(
    store: &dyn Store,
    mut after: LogPosition,
    sessions: &BTreeSet<SessionId>,
    filter: &EventFilter,
) -> Result<bool, TaskManagerError> {
    let end = store.log_end().await?;
    while after < end {
        let rows = store.all_events_after(after, READ_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = last.position;
        let mut events = rows.into_iter().map(encoded);
        if events.any(|event| sessions.contains(&event.session_id) && admits(filter, &event)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl LogReader {
    async fn next(&mut self) -> Option<Result<Arc<EncodedEvent>, TaskManagerError>> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(Ok(row));
            }
            if self.ended {
                return None;
            }
            // The end is marked as seen before the read, so that a later event is noticed.
            let end = *self.end.borrow_and_update();
            if self.cursor >= end {
                self.end.changed().await.ok()?;
                continue;
            }
            match self.feed.after(self.cursor, end, READ_MAX).await {
                Ok(rows) if rows.is_empty() => self.end.changed().await.ok()?,
                Ok(rows) => self.take(rows),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
    }

    /// Moves the cursor to the last of `rows` and queues those that the filter admits.
    fn take(&mut self, rows: Vec<Arc<EncodedEvent>>) {
        self.cursor = rows
            .last()
            .map_or(self.cursor, |row| WholeLog::position(row));
        let wanted = rows.into_iter().filter(|event| {
            self.sessions
                .as_ref()
                .is_none_or(|ids| ids.contains(&event.session_id))
                && admits(&self.filter, event)
        });
        self.ready.extend(wanted);
    }
}

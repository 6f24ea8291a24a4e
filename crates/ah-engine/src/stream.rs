//! Readers of the log: cursors, not queues (design law 4).
//!
//! A reader reads from its cursor until there is nothing more, waits until the head moves, and
//! reads on. History and what follows it are the same reads, so there is no seam between them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use ah_rest_api_contract::{
    AllEventsStream, EncodedEvent, EncodedItem, EncodedLogStream, EncodedStream, EphemeralEvent,
    EventFilter, EventPayload, EventSeq, EventStream, EventType, Gap, LogCursor, SessionEvent,
    SessionId, StreamItem, TaskManagerError,
};
use ah_store::{EventRow, Head, LogPosition, Store};
use futures::{StreamExt, stream};
use tokio::sync::{broadcast, watch};

use crate::error::{inconsistent, store_error};
use crate::feed::Feed;
use crate::supervisor::Core;

/// How many events are read at once: what a reader holds in memory, shared with the others.
const READ_MAX: u32 = 256;

struct Reader {
    store: Arc<dyn Store>,
    feed: Arc<Feed>,
    session: SessionId,
    cursor: EventSeq,
    filter: EventFilter,
    head: watch::Receiver<Head>,
    ephemeral: Option<broadcast::Receiver<EphemeralEvent>>,
    ready: VecDeque<EncodedItem>,
    /// Whether it is known that the reader did not come after the end.
    in_time: bool,
    ended: bool,
}

/// The session's events after `after`, and those to come.
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
    // Watched before the first read, so that nothing falls between the two.
    let head = store.watch_session(session);
    let ephemeral = filter.wants_ephemeral().then(|| hub.subscribe(session));
    let reader = Reader {
        store,
        feed: feeds.of(session),
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

/// The events of an encoded stream.
pub(crate) fn decoded(encoded: EncodedStream) -> EventStream {
    Box::pin(encoded.map(|item| {
        Ok(match item? {
            EncodedItem::Event(row) => StreamItem::Event(parse(&row)?),
            EncodedItem::Ephemeral(event) => StreamItem::Ephemeral(event),
            EncodedItem::Gap(gap) => StreamItem::Gap(gap),
        })
    }))
}

/// The events of an encoded stream of many sessions, with their cursors.
pub(crate) fn all_decoded(encoded: EncodedLogStream) -> AllEventsStream {
    Box::pin(encoded.map(|event| {
        let event = event?;
        Ok((event.cursor, parse(&event)?))
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

    /// Reads on from the cursor; says whether there was anything, wanted or not.
    async fn read(&mut self) -> Result<bool, TaskManagerError> {
        // Marked as seen before the read, so that what comes after it is seen to come.
        let end = self.head.borrow_and_update().last_seq;
        if self.in_time && self.cursor >= end {
            // Of many readers that have caught up none asks the store whether it has.
            return Ok(false);
        }
        let rows = self
            .feed
            .after(self.store.as_ref(), self.session, self.cursor, READ_MAX)
            .await
            .map_err(store_error)?;
        if let Some(first) = rows.first()
            && first.seq > self.cursor.next()
        {
            self.ready.push_back(EncodedItem::Gap(Gap {
                from_seq: self.cursor.next(),
                earliest_seq: first.seq,
            }));
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

    /// Whether there may be more. A reader that came after the end of the session has nothing to
    /// wait for.
    async fn came_in_time(&mut self) -> Result<bool, TaskManagerError> {
        if !self.in_time {
            let session = self
                .store
                .session(self.session)
                .await
                .map_err(store_error)?
                .session;
            self.in_time = !session.status.is_terminal() || self.cursor < session.last_seq;
        }
        Ok(self.in_time)
    }

    /// Waits until there may be more to read, or there is something ephemeral to show.
    async fn wait(&mut self) -> Option<EphemeralEvent> {
        let Some(ephemeral) = &mut self.ephemeral else {
            if self.head.changed().await.is_err() {
                // A store that has closed moves no more heads.
                self.ended = true;
            }
            return None;
        };
        tokio::select! {
            // The log goes first: what is ephemeral only foretells it.
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

/// Whether an event ends its session's log.
fn is_last(row: &EncodedEvent) -> Result<bool, TaskManagerError> {
    if row.event_type != EventType::Status {
        return Ok(false);
    }
    Ok(matches!(
        parse(row)?.payload,
        EventPayload::Status(change) if change.status.is_terminal()
    ))
}

/// What [`EventFilter::admits`] says of the event, told from the row alone.
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

/// The encoded event of a row of the store.
pub(crate) fn encoded(row: EventRow) -> EncodedEvent {
    EncodedEvent {
        session_id: row.session,
        seq: row.seq,
        cursor: LogCursor::new(row.position.0),
        event_type: row.event_type,
        level: row.level,
        json: row.json,
    }
}

fn parse(row: &EncodedEvent) -> Result<SessionEvent, TaskManagerError> {
    row.decode().map_err(|error| {
        inconsistent(
            &format!("event {} of session {}", row.seq, row.session_id),
            error,
        )
    })
}

struct LogReader {
    store: Arc<dyn Store>,
    end: watch::Receiver<LogPosition>,
    cursor: LogPosition,
    sessions: Option<BTreeSet<SessionId>>,
    filter: EventFilter,
    ready: VecDeque<Arc<EncodedEvent>>,
    ended: bool,
}

/// The rows of many sessions after `after`, in the order they were committed, and those to come;
/// of all sessions when none are named.
pub(crate) fn of_all(
    store: Arc<dyn Store>,
    after: LogPosition,
    sessions: Option<BTreeSet<SessionId>>,
    filter: EventFilter,
) -> EncodedLogStream {
    let reader = LogReader {
        end: store.watch_log(),
        store,
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

impl LogReader {
    async fn next(&mut self) -> Option<Result<Arc<EncodedEvent>, TaskManagerError>> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(Ok(row));
            }
            if self.ended {
                return None;
            }
            // Marked as seen before the read, so that what comes after it is seen to come.
            let end = *self.end.borrow_and_update();
            if self.cursor >= end {
                self.end.changed().await.ok()?;
                continue;
            }
            match self.store.all_events_after(self.cursor, READ_MAX).await {
                Ok(rows) if rows.is_empty() => self.end.changed().await.ok()?,
                Ok(rows) => self.take(rows),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(store_error(error)));
                }
            }
        }
    }

    /// Goes on to the last of `rows`, and keeps those that are wanted.
    fn take(&mut self, rows: Vec<EventRow>) {
        self.cursor = rows.last().map_or(self.cursor, |row| row.position);
        let wanted = rows.into_iter().map(encoded).filter(|event| {
            self.sessions
                .as_ref()
                .is_none_or(|ids| ids.contains(&event.session_id))
                && admits(&self.filter, event)
        });
        self.ready.extend(wanted.map(Arc::new));
    }
}

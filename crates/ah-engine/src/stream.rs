//! A reader of one session's log: a cursor, not a queue (design law 4).
//!
//! It reads from its cursor until there is nothing more, waits until the head moves, and reads on.
//! History and what follows it are the same reads, so there is no seam between them.

use std::collections::VecDeque;
use std::sync::Arc;

use ah_rest_api_contract::{
    EphemeralEvent, EventFilter, EventPayload, EventSeq, EventStream, Gap, SessionEvent, SessionId,
    StreamItem, TaskManagerError,
};
use ah_store::{EventRow, Head, Store};
use futures::stream;
use tokio::sync::{broadcast, watch};

use crate::ephemeral::EphemeralHub;
use crate::error::{inconsistent, store_error};

/// How many events are read at once: what a reader holds in memory.
const READ_MAX: u32 = 256;

struct Reader {
    store: Arc<dyn Store>,
    session: SessionId,
    cursor: EventSeq,
    filter: EventFilter,
    head: watch::Receiver<Head>,
    ephemeral: Option<broadcast::Receiver<EphemeralEvent>>,
    ready: VecDeque<StreamItem>,
    ended: bool,
}

/// The session's events after `after`, and those to come.
pub(crate) fn open(
    store: Arc<dyn Store>,
    hub: &EphemeralHub,
    session: SessionId,
    after: EventSeq,
    filter: EventFilter,
) -> EventStream {
    // Watched before the first read, so that nothing falls between the two.
    let head = store.watch_session(session);
    let ephemeral = filter.wants_ephemeral().then(|| hub.subscribe(session));
    let reader = Reader {
        store,
        session,
        cursor: after,
        filter,
        head,
        ephemeral,
        ready: VecDeque::new(),
        ended: false,
    };
    Box::pin(stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((item, reader))
    }))
}

impl Reader {
    async fn next(&mut self) -> Option<Result<StreamItem, TaskManagerError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if self.ended {
                return None;
            }
            self.head.mark_unchanged();
            match self.read().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
            match self.is_over().await {
                Ok(false) => {}
                Ok(true) => return None,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
            if let Some(event) = self.wait().await {
                return Some(Ok(StreamItem::Ephemeral(event)));
            }
        }
    }

    /// Reads on from the cursor; says how many events there were, wanted or not.
    async fn read(&mut self) -> Result<usize, TaskManagerError> {
        let rows = self
            .store
            .events_after(self.session, self.cursor, READ_MAX)
            .await
            .map_err(store_error)?;
        if let Some(first) = rows.first()
            && first.seq > self.cursor.next()
        {
            self.ready.push_back(StreamItem::Gap(Gap {
                from_seq: self.cursor.next(),
                earliest_seq: first.seq,
            }));
        }
        for row in &rows {
            let event = parse(self.session, row)?;
            self.cursor = row.seq;
            let last = matches!(
                &event.payload,
                EventPayload::Status(change) if change.status.is_terminal()
            );
            if self.filter.admits(&event.payload) {
                self.ready.push_back(StreamItem::Event(event));
            }
            if last {
                self.ended = true;
                break;
            }
        }
        Ok(rows.len())
    }

    /// Whether the reader came to a session that had ended and that it has seen all of.
    async fn is_over(&self) -> Result<bool, TaskManagerError> {
        let session = self
            .store
            .session(self.session)
            .await
            .map_err(store_error)?
            .session;
        Ok(session.status.is_terminal() && self.cursor >= session.last_seq)
    }

    /// Waits until there may be more to read, or there is something ephemeral to show.
    async fn wait(&mut self) -> Option<EphemeralEvent> {
        let Some(ephemeral) = &mut self.ephemeral else {
            // A store that has closed moves no more heads; reading on says so.
            self.head.changed().await.ok();
            return None;
        };
        tokio::select! {
            // The log goes first: what is ephemeral only foretells it.
            biased;
            _ = self.head.changed() => None,
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

fn parse(session: SessionId, row: &EventRow) -> Result<SessionEvent, TaskManagerError> {
    serde_json::from_str(&row.json)
        .map_err(|error| inconsistent(&format!("event {} of session {session}", row.seq), error))
}

//! Readers, each a cursor into its session's log, as in the engine.

use std::collections::VecDeque;
use std::sync::Arc;

use ah_rest_api_contract::{
    AllEventsQuery, AllEventsStream, EphemeralEvent, ErrorKind, EventFilter, EventSeq, EventStream,
    LogCursor, SessionEvent, SessionId, StreamItem, TaskManagerError, check_cursor,
    check_log_cursor,
};
use futures::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::fault::{SimulatedConnection, StreamConditions};
use crate::shared::Shared;

/// The maximum number of events per read.
const READ_MAX: usize = 64;

/// The connection of a stream, which the first outage after its start breaks.
struct Link {
    connection: watch::Receiver<SimulatedConnection>,
    outages: u64,
}

impl Link {
    /// Connects a stream.
    ///
    /// # Errors
    /// There is an outage.
    fn connect(shared: &Shared) -> Result<Self, TaskManagerError> {
        let connection = shared.connection();
        let SimulatedConnection { outages, is_down } = *connection.borrow();
        if is_down {
            return Err(SimulatedConnection::lost());
        }
        Ok(Self {
            connection,
            outages,
        })
    }

    fn is_broken(&self) -> bool {
        self.connection.borrow().outages != self.outages
    }

    /// Waits for a change of the connection.
    async fn changed(&mut self) {
        // A stream keeps the sender.
        self.connection.changed().await.ok();
    }
}

struct Reader {
    link: Link,
    shared: Arc<Shared>,
    session: SessionId,
    cursor: EventSeq,
    filter: EventFilter,
    conditions: StreamConditions,
    head: watch::Receiver<EventSeq>,
    ephemeral: Option<broadcast::Receiver<EphemeralEvent>>,
    ready: VecDeque<StreamItem>,
    cut: bool,
    ended: bool,
}

/// Returns the session's events after `after`, followed by live ones.
pub(crate) fn events(
    shared: Arc<Shared>,
    session: SessionId,
    after: EventSeq,
    filter: EventFilter,
) -> Result<EventStream, TaskManagerError> {
    let (head, ephemeral, conditions) = {
        let state = shared.state();
        let known = state.session(session)?;
        check_cursor(after, known.session().last_seq)?;
        let ephemeral = filter.wants_ephemeral().then(|| known.watch_ephemeral());
        (known.watch(), ephemeral, state.streams)
    };
    let conditions = StreamConditions {
        cut_at: conditions.cut_at.filter(|at| after < *at),
        ..conditions
    };
    let reader = Reader {
        link: Link::connect(&shared)?,
        shared,
        session,
        cursor: after,
        filter,
        conditions,
        head,
        ephemeral,
        ready: VecDeque::new(),
        cut: false,
        ended: false,
    };
    Ok(Box::pin(stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((item, reader))
    })))
}

impl Reader {
    async fn next(&mut self) -> Option<Result<StreamItem, TaskManagerError>> {
        loop {
            if !self.ended && self.link.is_broken() {
                self.ended = true;
                self.ready.clear();
                return Some(Err(SimulatedConnection::lost()));
            }
            if let Some(item) = self.ready.pop_front() {
                if !self.conditions.pace.is_zero() {
                    tokio::time::sleep(self.conditions.pace).await;
                }
                return Some(Ok(item));
            }
            if self.cut {
                self.cut = false;
                self.ended = true;
                return Some(Err(TaskManagerError::new(
                    ErrorKind::Unreachable,
                    format!(
                        "the mock is configured to cut this stream after event {}; resume it from there",
                        self.cursor
                    ),
                )));
            }
            if self.ended {
                return None;
            }
            self.head.mark_unchanged();
            match self.read() {
                Ok(true) => {}
                Ok(false) => {
                    if let Some(event) = self.wait().await {
                        return Some(Ok(StreamItem::Ephemeral(event)));
                    }
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Reads from the cursor, and returns true if there was progress.
    fn read(&mut self) -> Result<bool, TaskManagerError> {
        let state = self.shared.state();
        let session = state.session(self.session)?;
        let before = self.cursor;
        let from = usize::try_from(self.cursor.get()).unwrap_or(usize::MAX);
        for event in session.log().iter().skip(from).take(READ_MAX) {
            self.cursor = event.seq;
            if self.filter.admits(&event.payload) {
                self.ready.push_back(StreamItem::Event(event.clone()));
            }
            if self.conditions.cut_at == Some(event.seq) {
                self.cut = true;
                break;
            }
        }
        self.ended = !self.cut
            && session.status().is_terminal()
            && self.cursor >= session.session().last_seq;
        Ok(self.cursor != before || self.ended)
    }

    /// Waits until there may be more to read, or returns an ephemeral event.
    async fn wait(&mut self) -> Option<EphemeralEvent> {
        let Some(ephemeral) = &mut self.ephemeral else {
            tokio::select! {
                moved = self.head.changed() => self.ended = moved.is_err(),
                () = self.link.changed() => {}
            }
            return None;
        };
        tokio::select! {
            biased;
            () = self.link.changed() => None,
            event = ephemeral.recv() => match event {
                Ok(event) => Some(event),
                Err(RecvError::Lagged(_)) => None,
                Err(RecvError::Closed) => {
                    self.ephemeral = None;
                    None
                }
            },
            moved = self.head.changed() => {
                self.ended = moved.is_err();
                None
            }
        }
    }
}

struct LogReader {
    link: Link,
    shared: Arc<Shared>,
    query: AllEventsQuery,
    cursor: LogCursor,
    end: watch::Receiver<LogCursor>,
    ready: VecDeque<(LogCursor, SessionEvent)>,
    is_over: bool,
}

/// Returns the events of many sessions that match `query`, followed by live ones.
pub(crate) fn all_events(
    shared: Arc<Shared>,
    query: AllEventsQuery,
) -> Result<AllEventsStream, TaskManagerError> {
    let end = shared.state().log().watch();
    let last = *end.borrow();
    let after = query.after.unwrap_or(last);
    check_log_cursor(after, LogCursor::START, last)?;
    let reader = LogReader {
        link: Link::connect(&shared)?,
        is_over: false,
        shared,
        query,
        cursor: after,
        end,
        ready: VecDeque::new(),
    };
    Ok(Box::pin(stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((item, reader))
    })))
}

impl LogReader {
    async fn next(&mut self) -> Option<Result<(LogCursor, SessionEvent), TaskManagerError>> {
        loop {
            if self.is_over {
                return None;
            }
            if self.link.is_broken() {
                self.is_over = true;
                return Some(Err(SimulatedConnection::lost()));
            }
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            let end = *self.end.borrow_and_update();
            if self.cursor >= end {
                tokio::select! {
                    moved = self.end.changed() => moved.ok()?,
                    () = self.link.changed() => {}
                }
                continue;
            }
            if let Err(error) = self.read() {
                self.is_over = true;
                return Some(Err(error));
            }
        }
    }

    /// Reads from the cursor.
    fn read(&mut self) -> Result<(), TaskManagerError> {
        let state = self.shared.state();
        for (cursor, id, seq) in state.log().after(self.cursor).take(READ_MAX) {
            self.cursor = cursor;
            let is_of_interest = match &self.query.sessions {
                Some(sessions) => sessions.contains(&id),
                None => true,
            };
            if !is_of_interest {
                continue;
            }
            let log = state.session(id)?.log();
            let place = usize::try_from(seq.get()).unwrap_or(usize::MAX);
            // Each entry of the log refers to an event of its session.
            let event = &log[place - 1];
            if self.query.filter.admits(&event.payload) {
                self.ready.push_back((cursor, event.clone()));
            }
        }
        Ok(())
    }
}

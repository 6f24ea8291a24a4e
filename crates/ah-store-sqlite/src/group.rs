//! Group commit: many writes of many sessions, one transaction.
//!
//! A transaction that is synced costs the same for one event as for a thousand, and every
//! statement costs a change of threads. So the writes that wait are committed together: one
//! statement reads where their sessions stand, [`decide`] judges every write in its turn, in
//! memory, and a few statements write what the admitted ones come to.

mod apply;
mod decide;

use ah_rest_api_contract::SessionId;
use ah_store::{Head, LogPosition, SessionWrite, StoreError, Written};
use sqlx::SqliteConnection;

use crate::encode::EncodedEvent;
use crate::error::backend;
use apply::Applied;
use decide::Decisions;

/// The most events that one write may bring.
const EVENTS_MAX: usize = 1000;

/// A write that is ready for the writer: its events are encoded.
pub(crate) struct PreparedWrite {
    /// What is to change; its events have moved to `events`.
    write: SessionWrite,
    events: Vec<EncodedEvent>,
}

impl PreparedWrite {
    pub(crate) fn new(mut write: SessionWrite) -> Result<Self, StoreError> {
        if write.events.len() > EVENTS_MAX {
            let what = format!("{} events are more than {EVENTS_MAX}", write.events.len());
            return Err(backend("take a write", what));
        }
        let events = std::mem::take(&mut write.events)
            .iter()
            .map(|event| EncodedEvent::new(write.session, event))
            .collect::<Result<_, _>>()?;
        Ok(Self { write, events })
    }

    /// How many bytes its events take, more or less.
    pub(crate) fn size(&self) -> usize {
        self.events.iter().map(EncodedEvent::size).sum()
    }
}

/// What a committed group came to.
pub(crate) struct Outcome {
    /// Of each write, in order.
    pub(crate) results: Vec<Result<Written, StoreError>>,
    /// Where the sessions that have changed stand.
    pub(crate) heads: Vec<(SessionId, Head)>,
    /// Where the last of their events is, if there are any.
    pub(crate) log: Option<LogPosition>,
    /// The count of changes that may give somebody something to claim, if it has moved.
    pub(crate) work: Option<u64>,
}

/// Commits `writes` as one transaction. A write that its guard refuses fails alone; an error of
/// the transaction is everybody's, and nothing was done.
///
/// The transaction begins with the first statement that reads and ends with the last that writes,
/// each sent along with its neighbour: a change of threads costs more than what SQLite does in
/// between, and a plain group takes two instead of five.
pub(crate) async fn commit(
    connection: &mut SqliteConnection,
    writes: &[PreparedWrite],
) -> Result<Outcome, StoreError> {
    let outcome = attempt(connection, writes).await;
    if outcome.is_err() {
        roll_back(connection).await;
    }
    outcome
}

async fn attempt(
    connection: &mut SqliteConnection,
    writes: &[PreparedWrite],
) -> Result<Outcome, StoreError> {
    let mut decisions = Decisions::begin(connection, writes).await?;
    let results: Vec<_> = writes.iter().map(|write| decisions.judge(write)).collect();
    let Applied { heads, log, work } = decisions.commit(connection).await?;
    Ok(Outcome {
        results,
        heads,
        log,
        work,
    })
}

/// Ends a transaction that has failed, so that the next one can begin.
async fn roll_back(connection: &mut SqliteConnection) {
    // SQLite may have rolled it back by itself, or never have begun it.
    if let Err(error) = sqlx::query!("ROLLBACK").execute(connection).await {
        tracing::debug!(%error, "there was no transaction to roll back");
    }
}

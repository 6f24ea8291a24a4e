//! Group commit: many writes of many sessions in one transaction.
//!
//! A synced transaction costs the same for one event as for a thousand, and every statement costs
//! a thread hop. Therefore the writes that wait are committed together. One statement reads the
//! state of their sessions, [`decide`] checks every write in order, in memory, and a few
//! statements write the changes of the admitted ones.

mod apply;
mod decide;

use ah_store::{SessionWrite, StoreError, Written};
use sqlx::SqliteConnection;

use crate::encode::EventText;
use crate::error::backend;
use crate::writer::News;
use decide::Decisions;

/// The most events of one write.
const EVENTS_MAX: usize = 1000;

/// A write whose events are encoded.
pub(crate) struct PreparedWrite {
    /// The write, without its events.
    write: SessionWrite,
    events: Vec<EventText>,
}

impl PreparedWrite {
    pub(crate) fn new(mut write: SessionWrite) -> Result<Self, StoreError> {
        if write.events.len() > EVENTS_MAX {
            let what = format!("{} events are more than {EVENTS_MAX}", write.events.len());
            return Err(backend("take a write", what));
        }
        let events = std::mem::take(&mut write.events)
            .iter()
            .map(|event| EventText::new(write.session, event))
            .collect::<Result<_, _>>()?;
        Ok(Self { write, events })
    }

    /// Returns the approximate size of its events in bytes.
    pub(crate) fn size(&self) -> usize {
        self.events.iter().map(EventText::size).sum()
    }
}

/// The outcome of a committed group.
pub(crate) struct Outcome {
    /// The result of each write, in order.
    pub(crate) results: Vec<Result<Written, StoreError>>,
    /// The changes that watchers wait for.
    pub(crate) news: News,
}

/// Commits `writes` as one transaction. A write that its guard refuses fails alone. An error of
/// the transaction fails all of them, and nothing is done.
///
/// `BEGIN` is sent together with the first read, and `COMMIT` with the last write. A thread hop
/// costs more than the statements, and a plain group takes two hops instead of five.
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
    let news = decisions.commit(connection).await?;
    Ok(Outcome { results, news })
}

/// Rolls back a failed transaction, so that the next one can begin.
pub(crate) async fn roll_back(connection: &mut SqliteConnection) {
    // SQLite may have rolled it back itself, or it may not have begun.
    if let Err(error) = sqlx::query!("ROLLBACK").execute(connection).await {
        tracing::debug!(%error, "there was no transaction to roll back");
    }
}

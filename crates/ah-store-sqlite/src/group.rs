//! Group commit: many writes of many sessions in one transaction.
//!
//! A synced transaction costs the same for one event as for a thousand, and every statement costs
//! a thread hop. Therefore the writes that wait are committed together. One statement reads the
//! state of their sessions, [`decide`] checks every write in order, in memory, and a few
//! statements write the changes of the admitted ones.

mod apply;
mod decide;
mod prepared;
mod queue;
mod returned;

use ah_store::{StoreError, Written};
use sqlx::SqliteConnection;

use crate::watch::News;
use decide::Decisions;
pub(crate) use prepared::PreparedWrite;

/// The outcome of a committed group.
pub(crate) struct GroupOutcome {
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
) -> Result<GroupOutcome, StoreError> {
    let outcome = attempt(connection, writes).await;
    if outcome.is_err() {
        roll_back(connection).await;
    }
    outcome
}

async fn attempt(
    connection: &mut SqliteConnection,
    writes: &[PreparedWrite],
) -> Result<GroupOutcome, StoreError> {
    let mut decisions = Decisions::begin(connection, writes).await?;
    let mut results: Vec<_> = writes.iter().map(|write| decisions.judge(write)).collect();
    let (news, returned) = decisions.commit(connection).await?;
    for (write, result) in writes.iter().zip(&mut results) {
        returned.complete(&write.write, result);
    }
    Ok(GroupOutcome { results, news })
}

/// Rolls back a failed transaction, so that the next one can begin.
pub(crate) async fn roll_back(connection: &mut SqliteConnection) {
    // SQLite may have rolled it back itself, or it may not have begun.
    if let Err(error) = sqlx::query!("ROLLBACK").execute(connection).await {
        tracing::debug!(%error, "there was no transaction to roll back");
    }
}

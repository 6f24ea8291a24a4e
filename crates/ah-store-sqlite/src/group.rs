//! Group commit: many writes of many sessions in one transaction.
//!
//! A synced transaction costs the same for one event as for a thousand. Therefore the writes that
//! wait are committed together. The state of their sessions is read first, [`decide`] checks every
//! write in order, in memory, and the changes of the admitted ones are written.

mod apply;
mod decide;
mod prepared;
mod queue;
mod returned;

use ah_store::{StoreError, Written};
use rusqlite::Connection;

use crate::transaction;
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
pub(crate) fn commit(
    connection: &Connection,
    writes: &[PreparedWrite],
) -> Result<GroupOutcome, StoreError> {
    let outcome = attempt(connection, writes);
    if outcome.is_err() {
        transaction::roll_back(connection);
    }
    outcome
}

fn attempt(connection: &Connection, writes: &[PreparedWrite]) -> Result<GroupOutcome, StoreError> {
    transaction::begin(connection)?;
    let mut decisions = Decisions::read(connection, writes)?;
    let mut results: Vec<_> = writes.iter().map(|write| decisions.judge(write)).collect();
    let (news, returned) = decisions.apply(connection)?;
    transaction::end(connection, "commit a group of writes")?;
    for (write, result) in writes.iter().zip(&mut results) {
        returned.complete(&write.write, result);
    }
    Ok(GroupOutcome { results, news })
}

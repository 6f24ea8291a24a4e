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
use sqlx::{Connection as _, SqliteConnection};

use crate::encode::EncodedEvent;
use crate::error::{During as _, backend};
use crate::watch;
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
pub(crate) async fn commit(
    connection: &mut SqliteConnection,
    writes: &[PreparedWrite],
) -> Result<Outcome, StoreError> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .during("begin a group of writes")?;
    let mut decisions = Decisions::load(&mut transaction, writes).await?;
    let results: Vec<_> = writes.iter().map(|write| decisions.judge(write)).collect();
    let work = decisions.work;
    let (heads, log) = decisions.apply(&mut transaction).await?;
    let work = if work {
        Some(watch::count_up(&mut transaction).await?)
    } else {
        None
    };
    transaction
        .commit()
        .await
        .during("commit a group of writes")?;
    Ok(Outcome {
        results,
        heads,
        log,
        work,
    })
}

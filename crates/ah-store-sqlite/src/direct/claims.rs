//! Reads for the scheduler.

use ah_store::StoreError;
use rusqlite::params;

use super::Direct;
use crate::claims::statuses_that_hold_a_slot;
use crate::error::During as _;

impl Direct {
    /// Returns true if a session is queued and fewer than `slots` sessions hold a slot.
    pub(crate) async fn is_claimable(&self, slots: u32) -> Result<bool, StoreError> {
        const CHECK: &str = "check for a queued session";
        let holding = statuses_that_hold_a_slot()?;
        self.read(CHECK, |connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM sessions WHERE status = 'queued')
                     AND ?1 > (
                         SELECT count(*) FROM sessions
                         WHERE status IN (SELECT value FROM json_each(?2))
                         AND activity IS NOT 'storing'
                     )",
                )
                .during(CHECK)?
                .query_row(params![slots, holding], |row| row.get(0))
                .during(CHECK)
        })
        .await
    }
}

//! Recording the uses of repositories within a transaction.

use ah_rest_api_contract::{RepositoryId, Timestamp};
use ah_store::StoreError;
use rusqlite::Connection;

use crate::statement::execute;

/// The use of a repository by a task.
pub(crate) struct RepositoryUse {
    /// The id of the repository if it is new.
    pub(crate) id: RepositoryId,
    /// The address without credentials.
    pub(crate) address: String,
    /// The address as the task gave it.
    pub(crate) source: String,
    pub(crate) display_name: String,
    pub(crate) at: Timestamp,
}

/// Inserts the repository, or updates the time and the address of its last use.
pub(crate) fn touch(connection: &Connection, used: &RepositoryUse) -> Result<(), StoreError> {
    let id = used.id.to_string();
    let at = used.at.as_unix_millis();
    execute!(
        connection,
        "record a repository",
        "INSERT INTO repositories (id, address, source, display_name, scm_provider, last_used_at)
         VALUES (?1, ?2, ?3, ?4, 'git', ?5)
         ON CONFLICT (address) DO UPDATE
         SET source = excluded.source, last_used_at = max(last_used_at, excluded.last_used_at)",
        id,
        used.address,
        used.source,
        used.display_name,
        at
    )
    .map(drop)
}

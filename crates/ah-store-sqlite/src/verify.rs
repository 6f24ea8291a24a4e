//! The look for damage in the file.
//!
//! SQLite notices a damaged page when it reads it, which for an old session may be months later.
//! `quick_check` reads all pages and their structure, about 1 GiB a second from memory.

use std::path::Path;

use ah_store::{StoreError, VERIFY_MAX};
use rusqlite::{Connection, ErrorCode};

use crate::direct;
use crate::error::{During as _, backend};

const VERIFY: &str = "look for damage in its file";

/// Looks for damage in the file at `path`, for at most [`VERIFY_MAX`].
pub(crate) async fn verify(path: &Path) -> Result<&'static str, StoreError> {
    let connection = direct::open(path)?;
    let interrupt = connection.get_interrupt_handle();
    // Not in the caller's task, which it would block for as long.
    let check = tokio::task::spawn_blocking(move || quick_check(&connection));
    tokio::pin!(check);
    let checked = match tokio::time::timeout(VERIFY_MAX, &mut check).await {
        Ok(checked) => checked,
        Err(_) => {
            interrupt.interrupt();
            check.await
        }
    };
    checked.map_err(|error| backend(VERIFY, error))?
}

/// Returns `Ok` also for a check that was interrupted, which found nothing so far.
fn quick_check(connection: &Connection) -> Result<&'static str, StoreError> {
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok("the whole file is sound"),
        Ok(found) => Err(backend(VERIFY, damage(&found))),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Ok("the part that was read in time is sound"),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Err(backend(VERIFY, damage(&error.to_string())))
            }
            _ => Err(error).during(VERIFY),
        },
    }
}

fn damage(found: &str) -> String {
    format!("the file is damaged: {found}")
}

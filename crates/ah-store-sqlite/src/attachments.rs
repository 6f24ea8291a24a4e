//! The attachments of sessions.

use ah_rest_api_contract::{AttachmentContent, AttachmentHash, SessionId};
use ah_store::{AttachmentPart, Attachments, StoreError};
use async_trait::async_trait;
use rusqlite::Connection;
use sqlx::{Connection as _, SqliteConnection};

use crate::error::{During as _, not_found};
use crate::observe::operation;
use crate::rows::{Reader, stored};
use crate::statement::execute;
use crate::store::SqliteStore;

#[async_trait]
impl Attachments for SqliteStore {
    async fn attachment(
        &self,
        id: SessionId,
        hash: AttachmentHash,
    ) -> Result<AttachmentContent, StoreError> {
        operation("read an attachment", async {
            get(&mut *self.reader().await?, id, hash).await
        })
        .await
    }
}

async fn get(
    connection: &mut SqliteConnection,
    id: SessionId,
    hash: AttachmentHash,
) -> Result<AttachmentContent, StoreError> {
    const READ: &str = "read an attachment";
    let (session, name) = (id.to_string(), hash.to_string());
    let mut snapshot = connection.begin().await.during(READ)?;
    let session = sqlx::query_scalar!("SELECT key FROM sessions WHERE id = $1", session)
        .fetch_optional(&mut *snapshot)
        .await
        .during(READ)?
        .ok_or_else(|| not_found("session", id))?;
    let parts = sqlx::query!(
        "SELECT size, mime_type, data FROM attachments
         WHERE session = $1 AND hash = $2
         ORDER BY start",
        session,
        name
    )
    .fetch_all(&mut *snapshot)
    .await
    .during(READ)?;
    snapshot.commit().await.during(READ)?;
    let first = parts.first().ok_or_else(|| not_found("attachment", hash))?;
    let size: u64 = Reader::new("attachments", &name).number("size", first.size)?;
    let mime_type = first.mime_type.clone();
    let bytes: Vec<u8> = parts.into_iter().flat_map(|part| part.data).collect();
    // Widening: a length in memory fits 64 bits.
    if bytes.len() as u64 != size {
        // Its other parts are still to come, or were lost with their recorder.
        return Err(not_found("attachment", hash));
    }
    Ok(AttachmentContent::new(mime_type, bytes))
}

/// Adds a part of an attachment of the session with the key `session`, unless it is stored already.
pub(crate) fn put(
    connection: &Connection,
    session: i64,
    part: &AttachmentPart,
) -> Result<(), StoreError> {
    let hash = part.hash.to_string();
    let start = stored(part.offset)?;
    let size = stored(part.size)?;
    execute!(
        connection,
        "keep an attachment",
        "INSERT INTO attachments (session, hash, start, size, mime_type, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (session, hash, start) DO NOTHING",
        session,
        hash,
        start,
        size,
        part.mime_type,
        part.data
    )
    .map(drop)
}

/// Erases the attachments of the session with this key. Returns true if there were any.
pub(crate) fn erase(connection: &Connection, session: i64) -> Result<bool, StoreError> {
    let erased = execute!(
        connection,
        "erase attachments",
        "DELETE FROM attachments WHERE session = ?1",
        session
    )?;
    Ok(erased > 0)
}

//! Keys that clients come with.

use ah_store::{ApiKey, StoreError};
use sqlx::SqliteConnection;

use crate::error::{During as _, not_found};
use crate::rows::ApiKeyRow;
use crate::words::Word as _;

pub(crate) async fn save(
    connection: &mut SqliteConnection,
    key: &ApiKey,
) -> Result<(), StoreError> {
    let role = key.role.word();
    let created_at = key.created_at.as_unix_millis();
    let revoked_at = key.revoked_at.map(|moment| moment.as_unix_millis());
    sqlx::query!(
        "INSERT OR REPLACE INTO api_keys (id, name, hash, role, created_at, revoked_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        key.id,
        key.name,
        key.hash,
        role,
        created_at,
        revoked_at
    )
    .execute(connection)
    .await
    .during("save a key")?;
    Ok(())
}

pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<ApiKey>, StoreError> {
    sqlx::query_as!(
        ApiKeyRow,
        "SELECT id, name, hash, role, created_at, revoked_at FROM api_keys
         ORDER BY created_at, id"
    )
    .fetch_all(connection)
    .await
    .during("list keys")?
    .into_iter()
    .map(ApiKeyRow::into_api_key)
    .collect()
}

pub(crate) async fn get(connection: &mut SqliteConnection, id: &str) -> Result<ApiKey, StoreError> {
    sqlx::query_as!(
        ApiKeyRow,
        "SELECT id, name, hash, role, created_at, revoked_at FROM api_keys WHERE id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .during("read a key")?
    .ok_or_else(|| not_found("key", id))?
    .into_api_key()
}

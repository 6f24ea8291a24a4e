//! The API keys of clients.

use ah_store::{ApiKey, Keys, StoreError};
use async_trait::async_trait;
use rusqlite::Connection;
use sqlx::SqliteConnection;

use crate::error::{During as _, not_found};
use crate::observe::operation;
use crate::rows::ApiKeyRow;
use crate::statement::execute;
use crate::store::SqliteStore;
use crate::words::Word as _;

#[async_trait]
impl Keys for SqliteStore {
    async fn save_api_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.writer
            .run("save a key", move |tx| save(tx, &key))
            .await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        operation("list keys", async {
            list(&mut *self.reader().await?).await
        })
        .await
    }

    async fn api_key(&self, id: &str) -> Result<ApiKey, StoreError> {
        operation("read a key", async {
            get(&mut *self.reader().await?, id).await
        })
        .await
    }
}

fn save(connection: &Connection, key: &ApiKey) -> Result<(), StoreError> {
    let role = key.role.word();
    let created_at = key.created_at.as_unix_millis();
    let revoked_at = key.revoked_at.map(|moment| moment.as_unix_millis());
    execute!(
        connection,
        "save a key",
        "INSERT OR REPLACE INTO api_keys (id, name, hash, role, created_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        key.id,
        key.name,
        key.hash,
        role,
        created_at,
        revoked_at
    )
    .map(drop)
}

async fn list(connection: &mut SqliteConnection) -> Result<Vec<ApiKey>, StoreError> {
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

async fn get(connection: &mut SqliteConnection, id: &str) -> Result<ApiKey, StoreError> {
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

//! Receipts: replies by idempotency key.

use ah_rest_api_contract::Timestamp;
use ah_store::{Receipts, Reply, StoreError};
use async_trait::async_trait;
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::error::During as _;
use crate::observe::operation;
use crate::rows::{ReplyRow, json_text};
use crate::store::SqliteStore;

#[async_trait]
impl Receipts for SqliteStore {
    async fn reply(&self, key: &str, now: Timestamp) -> Result<Option<Reply>, StoreError> {
        operation("read a reply", async {
            get(&mut *self.reader().await?, key, now).await
        })
        .await
    }

    async fn save_reply(&self, reply: Reply, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .run("keep a reply", move |tx| {
                Box::pin(async move { keep(tx, Some(&reply), now).await })
            })
            .await
    }

    async fn sweep_replies(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .run("delete expired replies", move |tx| Box::pin(sweep(tx, now)))
            .await
    }
}

/// Key, fingerprint, status, body and expiry, in the order of the JSON array that SQLite reads.
#[derive(Serialize)]
struct Row<'a>(&'a str, &'a str, u16, &'a str, i64);

/// Returns the replies with one of `keys`, expired or not.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    keys: &[&str],
) -> Result<Vec<Reply>, StoreError> {
    let keys = json_text(keys)?;
    sqlx::query_as!(
        ReplyRow,
        "SELECT key, fingerprint, status, body, expires_at FROM replies
         WHERE key IN (SELECT value FROM json_each($1))",
        keys
    )
    .fetch_all(connection)
    .await
    .during("look for replies")?
    .into_iter()
    .map(ReplyRow::into_reply)
    .collect()
}

/// Returns the reply with this key, unless it has expired by `now`.
async fn get(
    connection: &mut SqliteConnection,
    key: &str,
    now: Timestamp,
) -> Result<Option<Reply>, StoreError> {
    let found = find(connection, &[key]).await?;
    Ok(found.into_iter().find(|reply| holds(reply, now)))
}

/// Returns true if the reply has not expired by `now`.
pub(crate) fn holds(reply: &Reply, now: Timestamp) -> bool {
    reply.expires_at > now
}

/// Keeps a reply, if one is given. Fails if the request was replied to before. The caller runs it
/// in the transaction of the request's work.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    reply: Option<&Reply>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(reply) = reply else {
        return Ok(());
    };
    match get(connection, &reply.key, now).await? {
        Some(earlier) => Err(StoreError::AlreadyReplied(Box::new(earlier))),
        None => put(connection, &[reply]).await,
    }
}

/// Writes replies, and replaces expired ones. The caller has checked that no other reply holds.
pub(crate) async fn put(
    connection: &mut SqliteConnection,
    replies: &[&Reply],
) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = replies
        .iter()
        .map(|reply| {
            let expires_at = reply.expires_at.as_unix_millis();
            let Reply {
                key,
                fingerprint,
                status,
                body,
                ..
            } = reply;
            Row(key, fingerprint, *status, body, expires_at)
        })
        .collect();
    let rows = json_text(&rows)?;
    sqlx::query!(
        "INSERT OR REPLACE INTO replies (key, fingerprint, status, body, expires_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
         FROM json_each($1)",
        rows
    )
    .execute(connection)
    .await
    .during("keep replies")?;
    Ok(())
}

/// Deletes the replies that have expired by `now`, and returns their number.
async fn sweep(connection: &mut SqliteConnection, now: Timestamp) -> Result<u64, StoreError> {
    let now = now.as_unix_millis();
    let done = sqlx::query!("DELETE FROM replies WHERE expires_at <= $1", now)
        .execute(connection)
        .await
        .during("delete expired replies")?;
    Ok(done.rows_affected())
}

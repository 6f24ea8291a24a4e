//! Replies that are given again.

use ah_rest_api_contract::Timestamp;
use ah_store::{Reply, StoreError};
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::error::During as _;
use crate::rows::{ReplyRow, json_text};

/// Key, fingerprint, status, body, expires at: by their places in the array that SQLite takes
/// apart.
#[derive(Serialize)]
struct Row<'a>(&'a str, &'a str, u16, &'a str, i64);

/// The replies with one of `keys`, expired or not.
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

/// The reply with this key that has not expired by `now`.
pub(crate) async fn get(
    connection: &mut SqliteConnection,
    key: &str,
    now: Timestamp,
) -> Result<Option<Reply>, StoreError> {
    let found = find(connection, &[key]).await?;
    Ok(found.into_iter().find(|reply| holds(reply, now)))
}

/// Whether a stored reply still is one.
pub(crate) fn holds(reply: &Reply, now: Timestamp) -> bool {
    reply.expires_at > now
}

/// Keeps a reply, if there is one to keep and the request was not replied to before. The caller
/// makes one transaction of it and of the request's work.
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

/// Writes replies in place of those that have expired. That they may be written was decided
/// before.
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

/// Forgets what has expired by `now`, and says how many there were.
pub(crate) async fn sweep(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let now = now.as_unix_millis();
    let done = sqlx::query!("DELETE FROM replies WHERE expires_at <= $1", now)
        .execute(connection)
        .await
        .during("forget expired replies")?;
    Ok(done.rows_affected())
}

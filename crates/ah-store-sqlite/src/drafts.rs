//! Drafts of tasks.

use ah_rest_api_contract::{BoundedItems, Draft, DraftId, Page, PageRequest, Receipt};
use ah_store::{Drafts, StoreError};
use async_trait::async_trait;
use futures::TryStreamExt as _;
use rusqlite::Connection;
use sqlx::{Connection as _, SqliteConnection};

use crate::error::{During as _, not_found};
use crate::observe::operation;
use crate::receipts;
use crate::rows::{DraftRow, Reader, json_text, stored};
use crate::statement::execute;
use crate::store::SqliteStore;
use crate::watch::News;

#[async_trait]
impl Drafts for SqliteStore {
    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, StoreError> {
        operation("list drafts", async {
            list(&mut *self.reader().await?, page).await
        })
        .await
    }

    async fn draft(&self, id: DraftId) -> Result<Draft, StoreError> {
        operation("read a draft", async {
            get(&mut *self.reader().await?, id).await
        })
        .await
    }

    async fn save_draft(&self, draft: &Draft, receipt: Option<Receipt>) -> Result<(), StoreError> {
        let draft = draft.clone();
        self.writer
            .run("save a draft", move |tx| {
                receipts::rows::keep(tx, receipt.as_ref(), draft.updated_at)?;
                save(tx, &draft)
            })
            .await
    }

    async fn delete_draft(&self, id: DraftId) -> Result<(), StoreError> {
        self.writer
            .run("delete a draft", move |tx| {
                delete(tx, id)?;
                // Its environment may have held secrets.
                tx.announce(News {
                    erased: true,
                    ..News::default()
                });
                Ok(())
            })
            .await
    }
}

async fn list(
    connection: &mut SqliteConnection,
    page: PageRequest,
) -> Result<Page<Draft>, StoreError> {
    let mut snapshot = connection.begin().await.during("list drafts")?;
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "total!: i64" FROM drafts"#)
        .fetch_one(&mut *snapshot)
        .await
        .during("list drafts")?;
    let limit = page.per_page();
    let offset = stored(page.offset())?;
    let mut items = BoundedItems::default();
    {
        let mut rows = sqlx::query_as!(
            DraftRow,
            "SELECT id, content, created_at, updated_at
         FROM drafts
         ORDER BY updated_at DESC, id DESC
         LIMIT $1 OFFSET $2",
            limit,
            offset
        )
        .fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await.during("list drafts")? {
            items.push(row.into_draft()?);
        }
    }
    snapshot.commit().await.during("list drafts")?;
    let items = items.into_items();
    let total = Reader::new("drafts", "").number("id", total)?;
    Ok(Page::new(items, total, page))
}

async fn get(connection: &mut SqliteConnection, id: DraftId) -> Result<Draft, StoreError> {
    let text = id.to_string();
    sqlx::query_as!(
        DraftRow,
        "SELECT id, content, created_at, updated_at FROM drafts WHERE id = $1",
        text
    )
    .fetch_optional(connection)
    .await
    .during("read a draft")?
    .ok_or_else(|| not_found("draft", id))?
    .into_draft()
}

pub(crate) fn save(connection: &Connection, draft: &Draft) -> Result<(), StoreError> {
    let id = draft.id.to_string();
    let content = json_text(&draft.content)?;
    let created_at = draft.created_at.as_unix_millis();
    let updated_at = draft.updated_at.as_unix_millis();
    execute!(
        connection,
        "save a draft",
        "INSERT INTO drafts (id, content, created_at, updated_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE
         SET content = excluded.content, created_at = excluded.created_at,
             updated_at = excluded.updated_at",
        id,
        content,
        created_at,
        updated_at
    )
    .map(drop)
}

pub(crate) fn delete(connection: &Connection, id: DraftId) -> Result<(), StoreError> {
    let text = id.to_string();
    let deleted = execute!(
        connection,
        "delete a draft",
        "DELETE FROM drafts WHERE id = ?1",
        text
    )?;
    if deleted == 0 {
        return Err(not_found("draft", id));
    }
    Ok(())
}

//! The queue of a session: prompts and permission requests.

use ah_rest_api_contract::{Page, PageRequest, PermissionId, Prompt, PromptId, SessionId};
use ah_store::{Pending, PermissionRecord, Queue, StoreError};
use async_trait::async_trait;
use sqlx::{Connection as _, SqliteConnection};

use crate::error::During as _;
use crate::log::key_of;
use crate::observe::operation;
use crate::rows::{PermissionRow, PromptRow, Reader, stored};
use crate::store::SqliteStore;

#[async_trait]
impl Queue for SqliteStore {
    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, StoreError> {
        operation("list prompts", async {
            list_prompts(&mut *self.reader().await?, id, page).await
        })
        .await
    }

    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<PermissionRecord>, StoreError> {
        operation("list permission requests", async {
            list_permissions(&mut *self.reader().await?, id, page).await
        })
        .await
    }

    async fn pending(&self, id: SessionId) -> Result<Pending, StoreError> {
        self.direct.pending(id).await
    }

    async fn prompt(&self, id: SessionId, wanted: PromptId) -> Result<Option<Prompt>, StoreError> {
        self.direct.prompt(id, wanted).await
    }

    async fn permission(
        &self,
        id: SessionId,
        request: PermissionId,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        self.direct.permission(id, request).await
    }
}

/// Reads a page of the rows of one session, in the order of their creation, and their number. Both
/// are read from one snapshot.
macro_rules! page_of_session {
    (
        $connection:ident, $id:ident, $page:ident, $operation:literal,
        $table:literal, $row:ident: $columns:literal, $convert:path
    ) => {{
        let mut snapshot = $connection.begin().await.during($operation)?;
        let session = key_of(&mut snapshot, $id).await?;
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "total!: i64" FROM "# + $table + " WHERE session = $1",
            session
        )
        .fetch_one(&mut *snapshot)
        .await
        .during($operation)?;
        let limit = $page.per_page();
        let offset = stored($page.offset())?;
        let rows = sqlx::query_as!(
            $row,
            "SELECT "
                + $columns
                + " FROM "
                + $table
                + " WHERE session = $1 ORDER BY key LIMIT $2 OFFSET $3",
            session,
            limit,
            offset
        )
        .fetch_all(&mut *snapshot)
        .await
        .during($operation)?;
        snapshot.commit().await.during($operation)?;
        let items = rows.into_iter().map($convert).collect::<Result<_, _>>()?;
        let total = Reader::new($table, &$id.to_string()).number("session", total)?;
        Ok(Page::new(items, total, $page))
    }};
}

async fn list_prompts(
    connection: &mut SqliteConnection,
    id: SessionId,
    page: PageRequest,
) -> Result<Page<Prompt>, StoreError> {
    page_of_session!(
        connection, id, page, "list prompts",
        "prompts", PromptRow: "id, state, created_at, author, delivery, content",
        PromptRow::into_prompt
    )
}

async fn list_permissions(
    connection: &mut SqliteConnection,
    id: SessionId,
    page: PageRequest,
) -> Result<Page<PermissionRecord>, StoreError> {
    page_of_session!(
        connection, id, page, "list permission requests",
        "permissions", PermissionRow:
            "id, state, created_at, request, answer, answered_by, resolution",
        PermissionRow::into_record
    )
}

//! The repositories that tasks were launched on.

pub(crate) mod uses;

use ah_rest_api_contract::{Page, Repository, RepositoryId, RepositoryQuery, RepositorySource};
use ah_store::{Repositories, StoreError};
use async_trait::async_trait;
use rusqlite::Connection;
use sqlx::{Connection as _, SqliteConnection};

use crate::error::{During as _, not_found};
use crate::observe::operation;
use crate::rows::{Reader, RepositoryRow, stored};
use crate::statement::execute;
use crate::store::SqliteStore;

#[async_trait]
impl Repositories for SqliteStore {
    async fn list_repositories(
        &self,
        query: &RepositoryQuery,
    ) -> Result<Page<Repository>, StoreError> {
        operation("list repositories", async {
            list(&mut *self.reader().await?, query).await
        })
        .await
    }

    async fn repository(&self, id: RepositoryId) -> Result<(Repository, String), StoreError> {
        operation("read a repository", async {
            get(&mut *self.reader().await?, id).await
        })
        .await
    }

    async fn set_default_branch(&self, address: &str, branch: &str) -> Result<(), StoreError> {
        let (address, branch) = (address.to_owned(), branch.to_owned());
        self.writer
            .run("record a default branch", move |tx| {
                set_default_branch(tx, &address, &branch)
            })
            .await
    }
}

async fn list(
    connection: &mut SqliteConnection,
    query: &RepositoryQuery,
) -> Result<Page<Repository>, StoreError> {
    let mut snapshot = connection.begin().await.during("list repositories")?;
    let is_filtered = query.tenant_id.is_some() || query.project_id.is_some();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "total!: i64" FROM repositories
           WHERE NOT $1 OR address IN (
               SELECT json_extract(body, '$.repoUrl') FROM sessions
               WHERE ($2 IS NULL OR tenant_id = $2) AND ($3 IS NULL OR project_id = $3)
           )"#,
        is_filtered,
        query.tenant_id,
        query.project_id
    )
    .fetch_one(&mut *snapshot)
    .await
    .during("list repositories")?;
    let limit = query.page.per_page();
    let offset = stored(query.page.offset())?;
    let rows = sqlx::query_as!(
        RepositoryRow,
        "SELECT id, address, display_name, scm_provider, default_branch, last_used_at
         FROM repositories
         WHERE NOT $1 OR address IN (
             SELECT json_extract(body, '$.repoUrl') FROM sessions
             WHERE ($2 IS NULL OR tenant_id = $2) AND ($3 IS NULL OR project_id = $3)
         )
         ORDER BY last_used_at DESC, id DESC
         LIMIT $4 OFFSET $5",
        is_filtered,
        query.tenant_id,
        query.project_id,
        limit,
        offset
    )
    .fetch_all(&mut *snapshot)
    .await
    .during("list repositories")?;
    snapshot.commit().await.during("list repositories")?;
    let items = rows
        .into_iter()
        .map(RepositoryRow::into_repository)
        .collect::<Result<Vec<_>, _>>()?;
    let total = Reader::new("repositories", "").number("id", total)?;
    Ok(Page::new(items, total, query.page))
}

async fn get(
    connection: &mut SqliteConnection,
    id: RepositoryId,
) -> Result<(Repository, String), StoreError> {
    let text = id.to_string();
    let row = sqlx::query!(
        "SELECT id, address, source, display_name, scm_provider, default_branch, last_used_at
         FROM repositories
         WHERE id = $1",
        text
    )
    .fetch_optional(connection)
    .await
    .during("read a repository")?
    .ok_or_else(|| not_found("repository", id))?;
    let repository = RepositoryRow {
        id: row.id,
        address: row.address,
        display_name: row.display_name,
        scm_provider: row.scm_provider,
        default_branch: row.default_branch,
        last_used_at: row.last_used_at,
    };
    Ok((repository.into_repository()?, row.source))
}

/// Records the default branch of the repository at `address`, with or without credentials.
fn set_default_branch(
    connection: &Connection,
    address: &str,
    branch: &str,
) -> Result<(), StoreError> {
    let known_as = match RepositorySource::parse(address) {
        Ok(source) => source.without_credentials(),
        // An invalid address matches no row, which is reported as not found.
        Err(_) => address.to_owned(),
    };
    let changed = execute!(
        connection,
        "record a default branch",
        "UPDATE repositories SET default_branch = ?1 WHERE address = ?2",
        branch,
        known_as
    )?;
    if changed == 0 {
        return Err(not_found("repository", known_as));
    }
    Ok(())
}

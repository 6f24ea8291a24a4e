use ah_rest_api_contract::{Draft, DraftContent, DraftId, Timestamp};
use ulid::Ulid;

use super::*;
use crate::error::During as _;
use crate::{drafts, open, watch};

fn draft(number: u64) -> Draft {
    Draft::new(
        DraftId::from_ulid(Ulid::from_parts(number, 0)),
        DraftContent {
            prompt: Some("x".repeat(50_000).into()),
            ..DraftContent::default()
        },
        Timestamp::from_unix_millis(0),
        Timestamp::from_unix_millis(0),
    )
}

async fn save(writer: &Writer, draft: Draft) -> Result<(), StoreError> {
    writer
        .run("save a draft", move |tx| drafts::save(tx, &draft))
        .await
}

/// Returns a writer on a new file, whose connection was prepared with `pragma`.
async fn writer(folder: &tempfile::TempDir, pragma: Option<&'static str>) -> Writer {
    let path = folder.path().join("state.db");
    let mut opened = open::open(&path).await.unwrap();
    if let Some(pragma) = pragma {
        opened.writer.execute_batch(pragma).unwrap();
    }
    let head = watch::store_head(&mut opened.poller).await.unwrap();
    Writer::start(path, opened.writer, Arc::new(Watchers::new(head))).unwrap()
}

#[tokio::test]
async fn full_disk_fails_only_the_affected_writes() {
    let folder = tempfile::tempdir().unwrap();
    // A connection whose file may not grow fails as on a full disk.
    let writer = writer(&folder, Some("PRAGMA max_page_count = 1")).await;
    let error = save(&writer, draft(1)).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Backend { .. } | StoreError::Unavailable { .. }
        ),
        "{error}"
    );
    // There is room again.
    save(&writer, draft(2)).await.unwrap();
    writer.close().await;
}

#[tokio::test]
async fn panic_in_a_job_fails_only_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder, None).await;
    save(&writer, draft(1)).await.unwrap();
    let panicking: Result<(), _> = writer
        .run("panic", |tx| {
            drafts::delete(tx, draft(1).id)?;
            panic!("injected");
        })
        .await;
    let error = panicking.unwrap_err();
    assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
    // The unfinished transaction is rolled back, and the thread uses a new connection.
    save(&writer, draft(2)).await.unwrap();
    let count: i64 = writer
        .run("count drafts", |tx| {
            tx.query_row("SELECT count(*) FROM drafts", [], |row| row.get(0))
                .during("count drafts")
        })
        .await
        .unwrap();
    assert_eq!(count, 2);
    writer.close().await;
}

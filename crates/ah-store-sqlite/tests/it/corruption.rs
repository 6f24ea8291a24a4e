//! A value that cannot be read is an error with its place, and is never read as a default.

use ah_rest_api_contract::{EventSeq, PageRequest, Receipt, Role, SessionQuery};
use ah_store::suite::{StoreHarness as _, sample};
use ah_store::{ApiKey, EventRow, Guard, LogPosition, SessionWrite, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::Folder;

async fn corrupt(folder: &Folder, statement: &'static str) {
    assert!(execute(folder, statement).await > 0, "{statement}");
}

async fn change_schema(folder: &Folder, statement: &'static str) {
    execute(folder, statement).await;
}

/// Executes a statement and returns the number of affected rows.
async fn execute(folder: &Folder, statement: &'static str) -> u64 {
    let options = SqliteConnectOptions::new().filename(folder.file());
    let mut connection = options.connect().await.unwrap();
    let done = sqlx::query(statement).execute(&mut connection).await;
    connection.close().await.unwrap();
    done.unwrap().rows_affected()
}

#[track_caller]
fn assert_names<T: std::fmt::Debug>(
    result: Result<T, StoreError>,
    table: &str,
    column: &str,
    id: &str,
) {
    match result {
        Err(StoreError::Inconsistent(found)) => {
            assert_eq!(
                (found.table, found.column, found.id.as_str()),
                (table, column, id)
            );
        }
        other => panic!("a spoilt {table}.{column} came to {other:?}"),
    }
}

#[tokio::test]
async fn corrupt_session_column_is_named() {
    let cases = [
        ("status", "UPDATE sessions SET status = 'sleeping'"),
        ("activity", "UPDATE sessions SET activity = ''"),
        ("priority", "UPDATE sessions SET priority = 2"),
        ("body", "UPDATE sessions SET body = '{}'"),
        ("launch", "UPDATE sessions SET launch = 'secret'"),
        ("workspace", "UPDATE sessions SET workspace = '[]'"),
        ("changes", "UPDATE sessions SET changes = '{}'"),
        ("usage", "UPDATE sessions SET usage = 'null!'"),
        (
            "ending",
            "UPDATE sessions SET ending = '{\"as\":\"vanish\"}'",
        ),
        ("last_turn", "UPDATE sessions SET last_turn = '1'"),
        ("exit_code", "UPDATE sessions SET exit_code = 99999999999"),
        (
            "created_at",
            "UPDATE sessions SET created_at = 9223372036854775807",
        ),
        (
            "started_at",
            "UPDATE sessions SET started_at = -9223372036854775807",
        ),
        ("last_seq", "UPDATE sessions SET last_seq = -1"),
        ("version", "UPDATE sessions SET version = -1"),
        ("fence", "UPDATE sessions SET fence = -1"),
        ("journal", "UPDATE sessions SET journal = -1"),
        ("hidden", "UPDATE sessions SET hidden = 2"),
        (
            "interrupt_requested",
            "UPDATE sessions SET interrupt_requested = -1",
        ),
    ];
    for (column, statement) in cases {
        let folder = Folder::new();
        let store = folder.open().await;
        let id = sample::one_session(&*store).await;
        corrupt(&folder, statement).await;
        assert_names(store.session(id).await, "sessions", column, &id.to_string());
    }
}

#[tokio::test]
async fn corrupt_row_fails_its_list_and_its_writes() {
    let folder = Folder::new();
    let store = folder.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let spoilt = ids[0].to_string();
    corrupt(&folder, "UPDATE sessions SET last_seq = -1 WHERE key = 1").await;
    let listed = store.list_sessions(&SessionQuery::default()).await;
    assert_names(listed, "sessions", "last_seq", &spoilt);
    // Both writes at once, so that they may share a transaction. The valid one is written.
    let write = |id| SessionWrite::new(id, Guard::default(), sample::at(1));
    let (refused, written) = tokio::join!(store.write(write(ids[0])), store.write(write(ids[1])));
    assert_names(refused, "sessions", "last_seq", &spoilt);
    written.unwrap();
}

#[tokio::test]
async fn corrupt_event_task_draft_and_repository_are_named() {
    let folder = Folder::new();
    let store = folder.open().await;
    let mut task = sample::task(1, sample::at(0));
    task.repository_name = Some("thing".to_owned());
    task.sessions[0].1.source = Some("/srv/thing".to_owned());
    let id = task.task.session_ids[0];
    store.create_task(task.clone()).await.unwrap();

    corrupt(&folder, "UPDATE events SET json = '{\"seq\":1}'").await;
    let history = store.list_events(id, &Default::default()).await;
    assert_names(history, "events", "json", &format!("{id}/1"));
    // The raw text is passed on unchanged, for the reader to parse.
    let rows = store.events_after(id, EventSeq::START, 1).await.unwrap();
    assert_eq!(rows[0].json, "{\"seq\":1}");

    corrupt(&folder, "UPDATE events SET level = 'loud'").await;
    let rows = store.events_after(id, EventSeq::START, 1).await;
    assert_names(rows, "events", "level", &format!("{id}/1"));
    corrupt(&folder, "UPDATE events SET type = 'rumour'").await;
    let rows = store.all_events_after(LogPosition::START, 1).await;
    assert_names(rows, "events", "type", &format!("{id}/1"));

    corrupt(&folder, "UPDATE tasks SET request = '{}'").await;
    let read = store.task(task.task.id).await;
    assert_names(read, "tasks", "request", &task.task.id.to_string());

    corrupt(&folder, "UPDATE repositories SET id = 'repo-1'").await;
    let listed = store
        .list_repositories(&PageRequest::default().into())
        .await;
    assert_names(listed, "repositories", "id", "repo-1");
}

#[tokio::test]
async fn corrupt_receipt_and_key_are_named() {
    let folder = Folder::new();
    let store = folder.open().await;
    let receipt = Receipt {
        key: "key".to_owned(),
        fingerprint: String::new(),
        bytes: Vec::new(),
        expires_at: sample::at(9),
    };
    store.save_receipt(receipt, sample::at(1)).await.unwrap();
    corrupt(
        &folder,
        "UPDATE receipts SET expires_at = 9223372036854775807",
    )
    .await;
    let found = store.receipt("key", sample::at(1)).await;
    assert_names(found, "receipts", "expires_at", "key");

    let key = ApiKey {
        id: "id".to_owned(),
        name: String::new(),
        hash: String::new(),
        role: Role::Viewer,
        created_at: sample::at(1),
        revoked_at: None,
    };
    store.save_api_key(key).await.unwrap();
    corrupt(&folder, "UPDATE api_keys SET role = 'root'").await;
    assert_names(store.api_key("id").await, "api_keys", "role", "id");
    assert_names(store.api_keys().await, "api_keys", "role", "id");
}

#[tokio::test]
async fn failed_group_is_rolled_back_and_the_next_succeeds() {
    let folder = Folder::new();
    let store = folder.open().await;
    let ids = sample::sessions(&*store, 2).await;
    // The events are inserted before the update of the session fails.
    change_schema(
        &folder,
        "CREATE TRIGGER refusal BEFORE UPDATE ON sessions WHEN new.key = 1
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    )
    .await;
    let write = |id| {
        let mut write = SessionWrite::new(id, Guard::default(), sample::at(1));
        write.events = vec![sample::event(1, sample::thought("hm"))];
        write
    };
    for _ in 0..2 {
        let end = store.log_end().await.unwrap();
        let failed = store.write(write(ids[0])).await;
        assert!(
            matches!(failed, Err(StoreError::Backend { .. })),
            "{failed:?}"
        );
        assert_eq!(store.log_end().await.unwrap(), end);
        // Both kinds of transactions can begin: groups and single jobs.
        store
            .create_task(sample::task(1, sample::at(1)))
            .await
            .unwrap();
        store.write(write(ids[1])).await.unwrap();
    }
    change_schema(&folder, "DROP TRIGGER refusal").await;
    let written = store.write(write(ids[0])).await.unwrap();
    assert_eq!(written.last_seq, EventSeq::new(2));
    let rows = store.all_events_after(LogPosition::START, 100).await;
    let places = rows.unwrap().into_iter();
    let of = |id| move |row: &EventRow| row.session == id;
    let (first, others): (Vec<_>, Vec<_>) = places.partition(of(ids[0]));
    assert_eq!((first.len(), others.len()), (2, 1 + 2 + 2));
}

#[tokio::test]
async fn damaged_page_is_found_by_the_look_for_it() {
    const PAGE: usize = 4096;
    let folder = Folder::new();
    let store = folder.open().await;
    sample::sessions(&*store, 200).await;
    assert_eq!(store.verify().await.unwrap(), "the whole file is sound");
    store.close().await;
    let mut bytes = std::fs::read(folder.file()).unwrap();
    let pages = bytes.len() / PAGE;
    assert!(pages > 20, "{pages}");
    // A page in the middle, which nothing reads at the start.
    bytes[pages / 2 * PAGE..][..16].fill(0xa5);
    std::fs::write(folder.file(), bytes).unwrap();
    let error = folder.open().await.verify().await.unwrap_err();
    let text = ah_rest_api_contract::error_chain(&error);
    assert!(text.contains("the file is damaged"), "{text}");
    assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
}

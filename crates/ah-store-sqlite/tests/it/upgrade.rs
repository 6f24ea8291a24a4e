//! Databases of earlier schemas.

use std::collections::BTreeMap;
use std::path::Path;

use ah_rest_api_contract::{
    ContentBlock, EventPayload, Message, MessageId, MessageRole, Receipt, RepositoryId,
    SessionQuery, SessionStatus,
};
use ah_store::suite::{StoreHarness as _, sample};
use ah_store::{Guard, SessionWrite};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::Folder;

/// Creates a database with the schema of migration `version`.
async fn database_of(folder: &Folder, version: i64) -> SqliteConnection {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    let options = SqliteConnectOptions::new()
        .filename(folder.file())
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let migrator = Migrator::new(migrations).await.unwrap();
    migrator.run_to(version, &mut connection).await.unwrap();
    connection
}

/// Replies with an HTTP status of their own become receipts: the status, a line feed, the body.
#[tokio::test]
async fn replies_of_schema_5_are_receipts() {
    let folder = Folder::new();
    let mut connection = database_of(&folder, 5).await;
    let old = "INSERT INTO replies (key, fingerprint, status, body, expires_at)
               VALUES ('first', 'a', 201, '{\"text\":\"ü 🦀\"}', 1800000009000),
                      ('second', 'b', 0, '202' || char(10) || '{}', 1800000009000),
                      ('third', 'c', 204, '', 1800000009000)";
    sqlx::query(old).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = folder.open().await;
    let expected = [
        ("first", "a", "201\n{\"text\":\"ü 🦀\"}"),
        ("second", "b", "202\n{}"),
        ("third", "c", "204\n"),
    ];
    for (key, fingerprint, bytes) in expected {
        let receipt = Receipt {
            key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
            bytes: bytes.as_bytes().to_vec(),
            expires_at: sample::at(9),
        };
        let found = store.receipt(key, sample::at(0)).await.unwrap();
        assert_eq!(found, Some(receipt));
    }
    assert_eq!(store.sweep_receipts(sample::at(9)).await.unwrap(), 3);
}

/// Sessions that are older than the table of labels are found by theirs.
#[tokio::test]
async fn labels_of_schema_8_are_searched() {
    let folder = Folder::new();
    let store = folder.open().await;
    let labels: BTreeMap<_, _> = [("team".to_owned(), "core".to_owned())].into();
    let mut task = sample::task(1, sample::at(0));
    let session = &mut task.sessions[0].0;
    session.labels.clone_from(&labels);
    let id = session.id;
    store.create_task(task).await.unwrap();
    store.close().await;
    let mut connection = database_of(&folder, 9).await;
    sqlx::query("DROP TABLE session_labels")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 9")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();

    let store = folder.open().await;
    let query = SessionQuery {
        labels,
        ..SessionQuery::default()
    };
    let found = store.list_sessions(&query).await.unwrap();
    let found: Vec<_> = found.items.iter().map(|session| session.id).collect();
    assert_eq!(found, [id]);
}

/// Sessions that are older than the column of last messages have theirs.
#[tokio::test]
async fn last_messages_of_schema_14_are_found() {
    let folder = Folder::new();
    let store = folder.open().await;
    let long = "long ".repeat(200);
    // The texts of each session's messages of the agent, in order.
    let said: [&[&str]; 4] = [&[], &["one", "two"], &["one", " "], &[&long]];
    let mut expected = Vec::new();
    for texts in said {
        let id = sample::one_session(&*store).await;
        let mut session = store.session(id).await.unwrap().session;
        for text in texts {
            let payload = EventPayload::Message(Message::new(
                MessageRole::Assistant,
                MessageId::from_ulid(sample::ulid()),
                vec![ContentBlock::text(*text)],
            ));
            session.apply_payload(&payload, sample::at(1));
            let mut write = SessionWrite::new(id, Guard::default(), sample::at(1));
            write.events = vec![sample::event(1, payload)];
            store.write(write).await.unwrap();
        }
        expected.push((id, session.last_message));
    }
    store.close().await;
    let mut connection = database_of(&folder, 19).await;
    for undo in [
        "ALTER TABLE sessions DROP COLUMN last_message",
        "DELETE FROM _sqlx_migrations WHERE version = 19",
    ] {
        sqlx::query(undo).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let store = folder.open().await;
    assert!(expected.iter().any(|(_, last)| last.is_some()));
    for (id, last) in expected {
        assert_eq!(store.session(id).await.unwrap().session.last_message, last);
    }
}

/// Ended sessions of earlier versions have no login, and neither has a repository that no other
/// session needs.
#[tokio::test]
async fn logins_of_schema_19_are_erased() {
    let folder = Folder::new();
    let store = folder.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(1));
    write.patch.status = Some(SessionStatus::Completed);
    store.write(write).await.unwrap();
    store.close().await;
    let mut connection = database_of(&folder, 20).await;
    let with_login = "https://me:p%40s@host:8443/x@y.git";
    let ids_of_repositories = [(); 2].map(|()| RepositoryId::from_ulid(sample::ulid()));
    sqlx::query("UPDATE sessions SET launch = json_set(launch, '$.source', ?1)")
        .bind(with_login)
        .execute(&mut connection)
        .await
        .unwrap();
    for (id, source) in ids_of_repositories
        .iter()
        .zip([with_login, "https://t@other/z"])
    {
        let sql = "INSERT INTO repositories VALUES (?1, ?2, ?3, 'z', 'git', NULL, 0)";
        sqlx::query(sql)
            .bind(id.to_string())
            .bind(source.replace("me:p%40s@", "").replace("t@", ""))
            .bind(source)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 20")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();

    let store = folder.open().await;
    let mut sources = Vec::new();
    for id in ids {
        sources.extend(store.session(id).await.unwrap().launch.source);
    }
    assert_eq!(sources, ["https://host:8443/x@y.git", with_login]);
    let mut kept = Vec::new();
    for id in ids_of_repositories {
        kept.push(store.repository(id).await.unwrap().1);
    }
    assert_eq!(kept, [with_login, "https://other/z"]);
}

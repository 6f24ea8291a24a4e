//! The file itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use ah_rest_api_contract::{
    Draft, DraftContent, DraftId, EventType, RECENT_EVENTS_MAX, SessionStatus,
};
use ah_store::suite::{StoreHarness as _, sample};
use ah_store::{Guard, SessionWrite};
use ah_store_sqlite::SqliteStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::Folder;

#[tokio::test]
async fn files_are_accessible_to_their_owner_only() {
    let folder = Folder::new();
    // A file with a wider mode is made private, too.
    fs::write(folder.file(), "").unwrap();
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let store = folder.open().await;
    sample::one_session(&*store).await;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.0.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["state.db", "state.db-shm", "state.db-wal"]);
    store.close().await;
    // The last connection to close removes the other files.
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_file_can_be_opened_concurrently() {
    let folder = Folder::new();
    let mut openings = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let file = folder.file();
        openings.spawn(async move { SqliteStore::open(&file).await.map(|_| ()) });
    }
    for opened in openings.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test]
async fn non_database_file_is_an_error_and_stays_unchanged() {
    let folder = Folder::new();
    let text = "Something that another program wants to keep. ".repeat(100);
    fs::write(folder.file(), &text).unwrap();
    assert!(SqliteStore::open(&folder.file()).await.is_err());
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), text);
    let nowhere = folder.0.path().join("no/state.db");
    assert!(SqliteStore::open(&nowhere).await.is_err());
}

/// The schema repeats these two facts of the contract as literals.
#[tokio::test]
async fn schema_has_the_recent_events_of_the_contract() {
    let folder = Folder::new();
    folder.open().await.close().await;
    let options = SqliteConnectOptions::new().filename(folder.file());
    let mut connection = options.connect().await.unwrap();
    let definition = "SELECT sql FROM sqlite_master WHERE name = ?";
    let mut definitions = Vec::new();
    for name in ["session_records", "events_recent"] {
        let query = sqlx::query_scalar(definition).bind(name);
        let text: String = query.fetch_one(&mut connection).await.unwrap();
        definitions.push(text);
    }
    connection.close().await.unwrap();
    let recent = EventType::ALL
        .into_iter()
        .filter(|event_type| event_type.is_recent_activity());
    let words: Vec<String> = recent.map(|word| format!("'{word}'")).collect();
    let condition = format!("type IN ({})", words.join(", "));
    for text in &definitions {
        assert!(text.contains(&condition), "{condition}: {text}");
    }
    let limit = format!("LIMIT {RECENT_EVENTS_MAX}\n");
    assert!(
        definitions[0].contains(&limit),
        "{limit}: {}",
        definitions[0]
    );
}

/// Returns true if a file of the store contains this text.
fn any_file_holds(folder: &Folder, text: &str) -> bool {
    let holds = |entry: std::io::Result<fs::DirEntry>| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    fs::read_dir(folder.0.path()).unwrap().any(holds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_holds_a_deleted_draft() {
    let secret = "secret-0123456789";
    let folder = Folder::new();
    let store = folder.open().await;
    let draft = |text: &str| {
        let content = DraftContent {
            prompt: Some(text.into()),
            ..DraftContent::default()
        };
        let id = DraftId::from_ulid(sample::ulid());
        Draft::new(id, content, sample::at(0), sample::at(0))
    };
    let deleted = draft(secret);
    store.save_draft(&deleted, None).await.unwrap();
    assert!(
        any_file_holds(&folder, secret),
        "it is looked for elsewhere"
    );
    store.delete_draft(deleted.id).await.unwrap();
    let erased = async {
        while any_file_holds(&folder, secret) {
            // A checkpoint that met a reader is repeated with a later write.
            store.save_draft(&draft("other"), None).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), erased)
        .await
        .unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_holds_the_environment_of_an_ended_session() {
    let secret = "secret-0123456789";
    let folder = Folder::new();
    let store = folder.open().await;
    let mut task = sample::task(1, sample::at(0));
    let (session, launch) = &mut task.sessions[0];
    let id = session.id;
    launch.env.insert("TOKEN".to_owned(), secret.to_owned());
    store.create_task(task).await.unwrap();
    let has_secret = || any_file_holds(&folder, secret);
    assert!(has_secret(), "the test looks in the wrong place");
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(1));
    write.patch.status = Some(SessionStatus::Failed);
    store.write(write).await.unwrap();
    let erased = async {
        while has_secret() {
            // A checkpoint that met a reader is repeated with a later write.
            let write = SessionWrite::new(id, Guard::default(), sample::at(2));
            store.write(write).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), erased)
        .await
        .unwrap();
    store.close().await;
}

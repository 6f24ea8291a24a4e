//! The file itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use ah_store::suite::{StoreHarness as _, sample};
use ah_store_sqlite::SqliteStore;

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

//! The suite of the port, and what is SQLite's own.

use std::sync::Arc;

use ah_store::Store;
use ah_store::suite::Harness;
use ah_store_sqlite::SqliteStore;
use async_trait::async_trait;
use tempfile::TempDir;

/// A store in a folder of its own.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }
}

#[async_trait]
impl Harness for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(
            SqliteStore::open(&self.0.path().join("state.db"))
                .await
                .unwrap(),
        )
    }
}

macro_rules! some { ($($m:ident: $($c:ident)+;)+) => { $(mod $m { use super::*; $(
 #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
 async fn $c() { ah_store::suite::$m::$c(&Folder::new()).await; })+ })+ } }
some! {
 creation: a_task_and_its_sessions_come_into_being_together a_task_that_cannot_be_created_leaves_nothing two_hundred_sessions_of_one_task_keep_their_order what_is_not_there_is_not_found;
 writing: every_field_of_a_patch_is_kept
                a_patch_clears_what_it_is_told_to
                a_stale_version_is_a_conflict_and_leaves_nothing
                a_stale_fence_is_refused_and_leaves_nothing
                both_guards_are_checked
                only_decisions_count_as_versions
                a_refused_write_does_not_disturb_the_others
                too_many_events_are_refused
                many_writers_on_two_handles_leave_no_gap
                an_ended_session_has_no_owner_and_no_recent_events;
}

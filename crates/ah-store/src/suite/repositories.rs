//! Cases of [`Repositories`](crate::Repositories).

use ah_rest_api_contract::{PageRequest, Repository, RepositoryId, SessionQuery, SessionStatus};

use super::{StoreHarness, sample};
use crate::{Guard, SessionWrite, Store};

/// Launches a task on `source` at `at(seconds)`. Returns the id for the repository if it is new.
async fn launch_on(store: &dyn Store, source: &str, name: &str, seconds: i64) -> RepositoryId {
    let mut task = sample::task(2, sample::at(seconds));
    task.repository_name = Some(name.to_owned());
    for (_, launch) in &mut task.sessions {
        launch.source = Some(source.to_owned());
    }
    let id = task.repository_id;
    store.create_task(task).await.unwrap();
    id
}

/// A repository is identified by its address without credentials. The list shows no credentials,
/// and the address of the last task is stored with them.
pub async fn a_repository_is_known_by_its_address(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let other = launch_on(&*store, "/srv/other", "other", 2).await;
    let url = "https://host.example/team/thing.git";
    let id = launch_on(
        &*store,
        "https://me:secret@host.example/team/thing.git",
        "thing",
        1,
    )
    .await;
    sample::one_session(&*store).await;
    let page = store
        .list_repositories(&PageRequest::default().into())
        .await
        .unwrap();
    let repository = |id, name: &str, url: &str, seconds| {
        let mut repository = Repository::git(id, name, url);
        repository.last_used_at = Some(sample::at(seconds));
        repository
    };
    let other = repository(other, "other", "/srv/other", 2);
    assert_eq!(page.items, [other.clone(), repository(id, "thing", url, 1)]);

    let again = launch_on(
        &*store,
        "https://you:token@host.example/team/thing.git",
        "x",
        3,
    )
    .await;
    let thing = repository(id, "thing", url, 3);
    let page = store
        .list_repositories(&PageRequest::default().into())
        .await
        .unwrap();
    assert_eq!(page.items, [thing.clone(), other]);
    assert_eq!(page.total, 2);
    let (known, source) = store.repository(id).await.unwrap();
    assert_eq!(known, thing);
    assert_eq!(source, "https://you:token@host.example/team/thing.git");
    assert!(store.repository(again).await.is_err());
    let one = PageRequest::new(2, 1).unwrap();
    let page = store.list_repositories(&one.into()).await.unwrap();
    assert_eq!((page.items.len(), page.total, page.next_page), (1, 2, None));
}

/// The default branch belongs to the address, with or without credentials.
pub async fn the_default_branch_of_a_repository_is_remembered(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = launch_on(&*store, "https://me:secret@host.example/thing", "thing", 1).await;
    let address = "https://host.example/thing";
    store.set_default_branch(address, "main").await.unwrap();
    let (known, _) = store.repository(id).await.unwrap();
    assert_eq!(known.default_branch.as_deref(), Some("main"));
    let address = "https://x:y@host.example/thing";
    store.set_default_branch(address, "trunk").await.unwrap();
    // Another use of the repository does not clear it.
    launch_on(&*store, "https://host.example/thing", "thing", 2).await;
    let (known, _) = store.repository(id).await.unwrap();
    assert_eq!(known.default_branch.as_deref(), Some("trunk"));
}

/// The login in the address of a repository is erased with the end of its session, and from the
/// repository with the end of the last session that has it.
pub async fn an_end_erases_the_login_of_the_repository(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let with_login = "https://me:secret@host.example/team/thing.git";
    let address = "https://host.example/team/thing.git";
    let id = launch_on(&*store, with_login, "thing", 1).await;
    let sessions = store.list_sessions(&SessionQuery::default()).await.unwrap();
    for (place, session) in sessions.items.iter().enumerate() {
        let (_, source) = store.repository(id).await.unwrap();
        assert_eq!(source, with_login, "{place} sessions have ended");
        let mut write = SessionWrite::new(session.id, Guard::default(), sample::at(2));
        write.patch.status = Some(SessionStatus::Completed);
        store.write(write).await.unwrap();
        let ended = store.session(session.id).await.unwrap();
        assert_eq!(ended.launch.source.as_deref(), Some(address));
    }
    let (_, source) = store.repository(id).await.unwrap();
    assert_eq!(source, address);
}

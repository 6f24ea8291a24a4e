//! Cases of [`Tasks`](crate::Tasks).

use ah_rest_api_contract::{
    EventPayload, EventSeq, PageRequest, Receipt, RepositoryId, SessionEvent, SessionId,
    SessionQuery, SessionStatus, StatusChange, TaskId,
};

use super::{StoreHarness, sample};
use crate::{SessionRecord, StoreError};

/// A task is created with its sessions as given, each with its first event.
pub async fn task_and_sessions_are_created_atomically(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let new = sample::task(3, sample::at(5));
    store.create_task(new.clone()).await.unwrap();

    assert_eq!(store.task(new.task.id).await.unwrap(), new.task);
    for (session, launch) in new.sessions {
        let mut expected = session.clone();
        expected.last_seq = EventSeq::new(1);
        assert_eq!(
            store.session(session.id).await.unwrap(),
            SessionRecord::new(expected, launch)
        );
        let events = store
            .events_after(session.id, EventSeq::START, 10)
            .await
            .unwrap();
        let events: Vec<SessionEvent> = events
            .iter()
            .map(|row| serde_json::from_str(&row.json).unwrap())
            .collect();
        assert_eq!(
            events,
            [SessionEvent::new(
                EventSeq::new(1),
                session.created_at,
                session.id,
                EventPayload::Status(StatusChange::new(SessionStatus::Queued))
            )]
        );
    }
}

/// If one session of a task cannot be created, the task and its other sessions do not exist.
pub async fn failed_creation_of_a_task_has_no_effect(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let taken = sample::one_session(&*store).await;
    let mut new = sample::task(2, sample::at(1));
    new.sessions[1].0.id = taken;
    let first = new.sessions[0].0.id;
    new.repository_name = Some("name".to_owned());
    for (_, launch) in &mut new.sessions {
        launch.source = Some("/somewhere".to_owned());
    }

    assert!(store.create_task(new.clone()).await.is_err());
    assert!(matches!(
        store.task(new.task.id).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.session(first).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.repository(new.repository_id).await,
        Err(StoreError::NotFound { .. })
    ));
    let all = store.list_sessions(&SessionQuery::default()).await.unwrap();
    assert_eq!(all.total, 1);
    assert_eq!(
        store.session(taken).await.unwrap().session.last_seq.get(),
        1
    );
}

/// Tasks that are created at the same time succeed or fail each for itself: one has the id of an
/// existing session, and two have the same receipt.
pub async fn tasks_created_at_once_fail_alone(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let taken = sample::one_session(&*store).await;
    let mut tasks: Vec<_> = (0..20).map(|_| sample::task(2, sample::at(1))).collect();
    tasks[7].sessions[1].0.id = taken;
    for index in [3, 11] {
        tasks[index].receipt = Some(Receipt {
            key: "the same".to_owned(),
            fingerprint: "a".to_owned(),
            bytes: b"201\n{}".to_vec(),
            expires_at: sample::at(100),
        });
    }
    let created = tasks.iter().map(|task| store.create_task(task.clone()));
    let created = futures::future::join_all(created).await;
    for (index, (task, result)) in tasks.iter().zip(&created).enumerate() {
        let failed = matches!(result, Err(StoreError::AlreadyDone(_)));
        match index {
            7 => assert!(result.is_err() && !failed, "{result:?}"),
            3 | 11 => assert!(result.is_ok() || failed, "{result:?}"),
            _ => assert!(result.is_ok(), "{result:?}"),
        }
        let found = store.task(task.task.id).await;
        match result {
            Ok(()) => assert_eq!(found.unwrap(), task.task),
            Err(_) => assert!(matches!(found, Err(StoreError::NotFound { .. }))),
        }
    }
    assert_ne!(created[3].is_ok(), created[11].is_ok());
    let all = store.list_sessions(&SessionQuery::default()).await.unwrap();
    assert_eq!(all.total, 1 + 18 * 2);
    assert!(all.items.iter().all(|session| session.last_seq.get() == 1));
}

/// The sessions of a task are listed in the order of its request.
pub async fn two_hundred_sessions_of_one_task_keep_their_order(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut new = sample::task(200, sample::at(0));
    // The order of the request is not that of the ids.
    new.sessions.reverse();
    new.task.session_ids.reverse();
    store.create_task(new.clone()).await.unwrap();
    assert_eq!(
        store.task(new.task.id).await.unwrap().session_ids,
        new.task.session_ids
    );
}

/// A read of an unknown row fails as not found, with its id.
pub async fn missing_items_are_not_found(harness: &dyn StoreHarness) {
    fn check<T: std::fmt::Debug>(result: Result<T, StoreError>, noun: &str, id: &str) {
        match result {
            Err(StoreError::NotFound { what, id: named }) => {
                assert_eq!((what, named.as_str()), (noun, id));
            }
            other => panic!("a {noun} that is not there came to {other:?}"),
        }
    }
    let store = harness.open().await;
    let session = SessionId::from_ulid(sample::ulid());
    let text = session.to_string();
    check(store.session(session).await, "session", &text);
    let after = store.events_after(session, EventSeq::START, 1).await;
    check(after, "session", &text);
    let history = store.list_events(session, &Default::default()).await;
    check(history, "session", &text);
    let page = PageRequest::default();
    check(store.list_prompts(session, page).await, "session", &text);
    check(
        store.list_permissions(session, page).await,
        "session",
        &text,
    );
    let write = crate::SessionWrite::new(session, Default::default(), sample::at(0));
    check(store.write(write).await, "session", &text);
    let task = TaskId::from_ulid(sample::ulid());
    check(store.task(task).await, "task", &task.to_string());
    let draft = ah_rest_api_contract::DraftId::from_ulid(sample::ulid());
    check(store.draft(draft).await, "draft", &draft.to_string());
    check(store.delete_draft(draft).await, "draft", &draft.to_string());
    let repository = RepositoryId::from_ulid(sample::ulid());
    let text = repository.to_string();
    check(store.repository(repository).await, "repository", &text);
    let set = store.set_default_branch("/nowhere", "main").await;
    check(set, "repository", "/nowhere");
}

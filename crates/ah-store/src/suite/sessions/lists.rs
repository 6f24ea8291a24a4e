//! Lists and counts of sessions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use ah_rest_api_contract::{
    AgentType, Page, PageRequest, Project, Session, SessionId, SessionQuery, SessionStatus,
};

use crate::suite::{StoreHarness, sample};
use crate::{Guard, SessionWrite, Store, StoreError};

async fn set(store: &dyn Store, id: SessionId, status: Option<SessionStatus>, hidden: bool) {
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(50));
    write.patch.status = status;
    write.patch.hidden = Some(hidden);
    store.write(write).await.unwrap();
}

/// Returns the sessions that `query` matches, in order, over all its pages.
async fn ids(store: &dyn Store, query: &SessionQuery) -> Vec<SessionId> {
    let mut found = Vec::new();
    let mut next = Some(1);
    let mut totals = Vec::new();
    while let Some(page) = next {
        let mut query = query.clone();
        query.page = PageRequest::new(page, 2).unwrap();
        let page = store.list_sessions(&query).await.unwrap();
        assert!(page.items.len() <= 2);
        found.extend(page.items.iter().map(|session| session.id));
        totals.push(page.total);
        next = page.next_page;
    }
    assert!(totals.iter().all(|total| *total == found.len() as u64));
    found
}

/// Lists are newest first, and each entry equals the session read alone.
pub async fn sessions_are_listed_newest_first(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut expected: Vec<(i64, SessionId)> = Vec::new();
    for created_at in [3, 1, 2, 5, 4] {
        let task = sample::task(1, sample::at(created_at));
        expected.push((-created_at, task.task.session_ids[0]));
        store.create_task(task).await.unwrap();
    }
    expected.sort();
    let expected: Vec<SessionId> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids(&*store, &SessionQuery::default()).await, expected);
    let listed = store.list_sessions(&SessionQuery::default()).await.unwrap();
    let mut alone: Vec<Session> = Vec::new();
    for id in expected {
        alone.push(store.session(id).await.unwrap().session);
    }
    assert_eq!(listed.items, alone);
    let past = SessionQuery {
        page: PageRequest::new(100, 200).unwrap(),
        ..SessionQuery::default()
    };
    let past = store.list_sessions(&past).await.unwrap();
    assert_eq!((past.items.len(), past.total), (0, 5));
}

/// Every session counts in its status, hidden or not.
pub async fn sessions_are_counted_by_status(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    assert_eq!(store.count_sessions().await.unwrap(), BTreeMap::new());
    let mut ids = Vec::new();
    for created_at in 0..4 {
        let task = sample::task(1, sample::at(created_at));
        ids.push(task.task.session_ids[0]);
        store.create_task(task).await.unwrap();
    }
    set(&*store, ids[0], Some(SessionStatus::Running), false).await;
    set(&*store, ids[1], Some(SessionStatus::Cancelled), true).await;
    let expected = [
        (SessionStatus::Queued, 2),
        (SessionStatus::Running, 1),
        (SessionStatus::Cancelled, 1),
    ];
    assert_eq!(
        store.count_sessions().await.unwrap(),
        BTreeMap::from(expected)
    );
}

/// Each filter selects its matches, and filters combine by conjunction.
pub async fn sessions_are_filtered(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut all: Vec<Session> = Vec::new();
    for index in 0..12 {
        let mut task = sample::task(1, sample::at(-index));
        let session = &mut task.sessions[0].0;
        let index = usize::try_from(index).unwrap();
        session.agent.agent_type = AgentType::new(["a", "b"][index % 2]);
        session.project_id = [None, Some("p".to_owned()), Some("q".to_owned())][index % 3].clone();
        session.tenant_id = [None, Some("t".to_owned())][index / 3 % 2].clone();
        let id = session.id;
        store.create_task(task).await.unwrap();
        let status = [SessionStatus::Queued, SessionStatus::Running][index / 6];
        set(&*store, id, Some(status), false).await;
        all.push(store.session(id).await.unwrap().session);
    }
    let some = |text: &str| Some(text.to_owned());
    for statuses in [
        vec![],
        vec![SessionStatus::Running],
        vec![SessionStatus::Running, SessionStatus::Queued],
        vec![SessionStatus::Paused],
    ] {
        for agent in [None, Some(AgentType::new("a")), Some(AgentType::new("c"))] {
            for project_id in [None, some("p"), some("x")] {
                for tenant_id in [None, some("t")] {
                    for task_id in [None, Some(all[4].task_id)] {
                        let query = SessionQuery {
                            statuses: statuses.clone(),
                            agent: agent.clone(),
                            project_id: project_id.clone(),
                            tenant_id: tenant_id.clone(),
                            task_id,
                            ..SessionQuery::default()
                        };
                        let expected: Vec<SessionId> = all
                            .iter()
                            .filter(|session| is_wanted(session, &query))
                            .map(|session| session.id)
                            .collect();
                        assert_eq!(ids(&*store, &query).await, expected, "{query:?}");
                    }
                }
            }
        }
    }
}

/// A session is found by its labels, of which it must have all.
pub async fn sessions_are_found_by_their_labels(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let labels = |pairs: &[(&str, &str)]| {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect::<BTreeMap<_, _>>()
    };
    let given = [
        labels(&[]),
        labels(&[("team", "core")]),
        labels(&[("team", "core"), ("try", "1, \\2")]),
        labels(&[("try", "core"), ("team", "")]),
    ];
    let mut all = Vec::new();
    for (index, labels) in (0..).zip(&given) {
        // Two sessions each, because the labels are those of the task.
        let mut task = sample::task(2, sample::at(-index));
        for (session, _) in &mut task.sessions {
            session.labels.clone_from(labels);
        }
        let mut newest_first = task.task.session_ids.clone();
        newest_first.reverse();
        all.push(newest_first);
        store.create_task(task).await.unwrap();
    }
    let cases = [
        (labels(&[]), vec![0, 1, 2, 3]),
        (labels(&[("team", "core")]), vec![1, 2]),
        (labels(&[("try", "1, \\2")]), vec![2]),
        (labels(&[("try", "1, \\2"), ("team", "core")]), vec![2]),
        (labels(&[("try", "core"), ("team", "core")]), vec![]),
        (labels(&[("team", "")]), vec![3]),
        (labels(&[("core", "team")]), vec![]),
    ];
    for (labels, expected) in cases {
        let expected: Vec<SessionId> = expected.iter().flat_map(|it| all[*it].clone()).collect();
        let query = SessionQuery {
            labels,
            ..SessionQuery::default()
        };
        assert_eq!(ids(&*store, &query).await, expected, "{query:?}");
    }
}

fn is_wanted(session: &Session, query: &SessionQuery) -> bool {
    fn fits<T: PartialEq>(wanted: Option<&T>, value: Option<&T>) -> bool {
        wanted.is_none() || wanted == value
    }
    (query.statuses.is_empty() || query.statuses.contains(&session.status))
        && fits(query.agent.as_ref(), Some(&session.agent.agent_type))
        && fits(query.project_id.as_ref(), session.project_id.as_ref())
        && fits(query.tenant_id.as_ref(), session.tenant_id.as_ref())
        && fits(query.task_id.as_ref(), Some(&session.task_id))
}

/// Cancelled sessions are listed on request, and hidden ones only with the archive.
pub async fn cancelled_and_hidden_sessions_are_left_out(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut all = Vec::new();
    let cases = [
        (SessionStatus::Running, false),
        (SessionStatus::Completed, true),
        (SessionStatus::Cancelled, false),
        (SessionStatus::Cancelled, true),
    ];
    for (index, (status, hidden)) in cases.into_iter().enumerate() {
        let task = sample::task(1, sample::at(-(index as i64)));
        let id = task.task.session_ids[0];
        store.create_task(task).await.unwrap();
        set(&*store, id, Some(status), hidden).await;
        all.push(id);
    }
    let query = |statuses: &[SessionStatus], include_archived| SessionQuery {
        statuses: statuses.to_vec(),
        include_archived,
        ..SessionQuery::default()
    };
    let both = [SessionStatus::Cancelled, SessionStatus::Completed];
    let cases = [
        (query(&[], false), vec![0]),
        (query(&[], true), vec![0, 1, 2, 3]),
        (query(&[SessionStatus::Cancelled], false), vec![2, 3]),
        (query(&[SessionStatus::Completed], false), vec![]),
        (query(&both, false), vec![2, 3]),
        (query(&both, true), vec![1, 2, 3]),
    ];
    for (query, expected) in cases {
        let expected: Vec<SessionId> = expected
            .into_iter()
            .map(|index: usize| all[index])
            .collect();
        assert_eq!(ids(&*store, &query).await, expected, "{query:?}");
    }
}

/// Encoded sessions and pages equal the typed ones at every moment, also on a handle that does not
/// write.
pub async fn encoded_sessions_equal_typed_ones(harness: &dyn StoreHarness) {
    let (store, reader) = (harness.open().await, harness.open().await);
    let list = SessionQuery::default();
    let filtered = SessionQuery {
        statuses: vec![SessionStatus::Running],
        ..SessionQuery::default()
    };
    let assert_equal = async |ids: &[SessionId]| {
        for store in [&*store, &*reader] {
            for id in ids {
                let typed = store.session(*id).await.unwrap().session;
                let encoded = store.encoded_session(*id).await.unwrap();
                let expected = serde_json::to_string(&typed).unwrap();
                assert_eq!(String::from_utf8_lossy(encoded.as_ref()), expected);
            }
            for query in [&list, &filtered] {
                let typed = store.list_sessions(query).await.unwrap();
                let encoded = store.encoded_sessions(query).await.unwrap();
                let expected = serde_json::to_string(&typed).unwrap();
                assert_eq!(String::from_utf8_lossy(encoded.json.as_ref()), expected);
                assert_eq!(encoded.total, typed.total);
            }
        }
    };
    assert_equal(&[]).await;
    let mut ids = sample::sessions(&*store, 2).await;
    assert_equal(&ids).await;
    // What is read twice may be kept.
    assert_equal(&ids).await;
    let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(2));
    write.patch.status = Some(SessionStatus::Running);
    write.patch.started_at = Some(sample::at(2));
    write.events = vec![sample::event(2, sample::thought("\u{1F980} \"quoted\""))];
    store.write(write).await.unwrap();
    assert_equal(&ids).await;
    let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(3));
    write.events = vec![sample::event(3, sample::thought("more"))];
    reader.write(write).await.unwrap();
    assert_equal(&ids).await;
    set(&*store, ids[0], Some(SessionStatus::Completed), false).await;
    set(&*reader, ids[1], Some(SessionStatus::Cancelled), true).await;
    assert_equal(&ids).await;
    ids.extend(sample::sessions(&*reader, 1).await);
    assert_equal(&ids).await;
    let missing = SessionId::from_ulid(sample::ulid());
    let error = store.encoded_session(missing).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
}

/// A write is seen by every read that begins after it, whatever other readers do meanwhile.
pub async fn encoded_sessions_are_never_older_than_a_write(harness: &dyn StoreHarness) {
    const WRITES: i64 = 50;
    let (store, other) = (harness.open().await, harness.open().await);
    let id = sample::one_session(&*store).await;
    let is_done = AtomicBool::new(false);
    let read = async || {
        while !is_done.load(Ordering::Relaxed) {
            store.encoded_session(id).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let write = async || {
        for second in 1..=WRITES {
            let writer = if second % 2 == 0 { &store } else { &other };
            let mut write = SessionWrite::new(id, Guard::default(), sample::at(second));
            write.events = vec![sample::event(second, sample::thought("on"))];
            let last = writer.write(write).await.unwrap().last_seq;
            let session = store.encoded_session(id).await.unwrap();
            let session: Session = serde_json::from_slice(session.as_ref()).unwrap();
            assert_eq!(session.last_seq, last);
            let page = store.encoded_sessions(&SessionQuery::default()).await;
            let page: Page<Session> = serde_json::from_slice(page.unwrap().json.as_ref()).unwrap();
            assert_eq!(page.items, [session]);
        }
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(read(), read(), write());
}

/// Projects are those of sessions, the last used first.
pub async fn projects_are_those_of_sessions(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let none = store.list_projects(PageRequest::default()).await.unwrap();
    assert_eq!((none.total, none.items), (0, Vec::new()));
    for (at, project) in [(1, Some("b")), (2, Some("a")), (3, None), (4, Some("b"))] {
        let mut task = sample::task(1, sample::at(at));
        for (session, _) in &mut task.sessions {
            session.project_id = project.map(str::to_owned);
        }
        store.create_task(task).await.unwrap();
    }
    let page = store.list_projects(PageRequest::default()).await.unwrap();
    let expected = [
        Project::new("b", sample::at(4)),
        Project::new("a", sample::at(2)),
    ];
    assert_eq!((page.total, page.items), (2, expected.to_vec()));
    let second = PageRequest::new(2, 1).unwrap();
    let page = store.list_projects(second).await.unwrap();
    assert_eq!((page.total, page.next_page), (2, None));
    assert_eq!(page.items, expected[1..]);
}

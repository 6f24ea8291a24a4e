//! Cases of [`Queue`](crate::Queue).

use ah_rest_api_contract::{
    DeliveryMode, Page, PageRequest, Permission, PermissionAnswer, PermissionId, PermissionOption,
    PermissionOptionKind, PermissionOutcome, PermissionRequested, PermissionResolved,
    PermissionState, Prompt, PromptContent, PromptId, PromptState, SessionId,
};
use serde_json::Map;

use super::{StoreHarness, sample};
use crate::{
    Guard, Pending, PermissionRecord, PermissionWrite, PromptWrite, SessionWrite, Store,
    StoreError, Written,
};

fn prompt(text: &str) -> Prompt {
    Prompt::new(
        PromptId::from_ulid(sample::ulid()),
        PromptContent::from(text),
        "someone",
        sample::at(2),
    )
    .with_delivery(DeliveryMode::Steer)
}

async fn write_prompts(
    store: &dyn Store,
    session: SessionId,
    prompts: Vec<PromptWrite>,
) -> Result<Written, StoreError> {
    let mut write = SessionWrite::new(session, Guard::default(), sample::at(3));
    write.events = vec![sample::event(3, sample::thought("prompted"))];
    write.prompts = prompts;
    store.write(write).await
}

/// Prompts are listed in their order of creation with their states. A change of queued prompts, or
/// of sent ones, does not affect the others.
pub async fn prompts_are_queued_in_order(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let mut prompts: Vec<Prompt> = ["a", "b", "c", "d"].into_iter().map(prompt).collect();
    // The order of the queue is not that of the ids.
    prompts.reverse();
    let enqueue = prompts.iter().cloned().map(PromptWrite::Enqueue).collect();
    write_prompts(&*store, ids[0], enqueue).await.unwrap();
    let elsewhere = prompt("elsewhere");
    let enqueue = vec![PromptWrite::Enqueue(elsewhere.clone())];
    write_prompts(&*store, ids[1], enqueue).await.unwrap();
    assert_eq!(sample::prompts(&*store, ids[0]).await, prompts);

    let late = prompt("late");
    let writes = vec![
        PromptWrite::Set(prompts[0].id, PromptState::Delivered),
        PromptWrite::Set(prompts[1].id, PromptState::Sent),
        PromptWrite::SetQueued(PromptState::Withdrawn),
        PromptWrite::SetSent(PromptState::Undelivered),
        PromptWrite::Enqueue(late.clone()),
        PromptWrite::Set(late.id, PromptState::Withdrawn),
    ];
    write_prompts(&*store, ids[0], writes).await.unwrap();
    prompts.push(late);
    let states = [
        PromptState::Delivered,
        PromptState::Undelivered,
        PromptState::Withdrawn,
        PromptState::Withdrawn,
        PromptState::Withdrawn,
    ];
    for (prompt, state) in prompts.iter_mut().zip(states) {
        prompt.state = state;
    }
    assert_eq!(sample::prompts(&*store, ids[0]).await, prompts);
    assert_eq!(sample::prompts(&*store, ids[1]).await, [elsewhere]);
}

/// A page has its items only, and rows that are added later do not move the others.
pub async fn prompts_and_permissions_are_paged(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let page = |number| PageRequest::new(number, 2).unwrap();
    let prompts: Vec<Prompt> = ["a", "b", "c", "d"].into_iter().map(prompt).collect();
    let requests: Vec<Permission> = (0..4).map(|_| permission()).collect();
    let add = async |place: usize| {
        let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(3));
        write.prompts = vec![PromptWrite::Enqueue(prompts[place].clone())];
        write.permissions = vec![PermissionWrite::Open(requests[place].clone())];
        store.write(write).await.unwrap();
    };
    for place in 0..3 {
        add(place).await;
    }
    let first = store.list_prompts(ids[0], page(1)).await.unwrap();
    assert_eq!(first, Page::new(prompts[..2].to_vec(), 3, page(1)));
    let listed = async |number| {
        let listed = store.list_permissions(ids[0], page(number)).await;
        listed.unwrap().map(|record| record.permission)
    };
    assert_eq!(
        listed(1).await,
        Page::new(requests[..2].to_vec(), 3, page(1))
    );
    add(3).await;
    let second = store.list_prompts(ids[0], page(2)).await.unwrap();
    assert_eq!(second, Page::new(prompts[2..].to_vec(), 4, page(2)));
    assert_eq!(
        listed(2).await,
        Page::new(requests[2..].to_vec(), 4, page(2))
    );
    assert_eq!(listed(3).await, Page::new(Vec::new(), 4, page(3)));
    let elsewhere = store.list_prompts(ids[1], page(1)).await.unwrap();
    assert_eq!(elsewhere, Page::new(Vec::new(), 0, page(1)));
}

/// A write that changes an unknown prompt, or enqueues a known one, is refused as a whole.
pub async fn unknown_prompt_is_not_found(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let (known, elsewhere) = (prompt("known"), prompt("elsewhere"));
    for (id, prompt) in ids.iter().zip([&known, &elsewhere]) {
        let enqueue = vec![PromptWrite::Enqueue(prompt.clone())];
        write_prompts(&*store, *id, enqueue).await.unwrap();
    }
    let before = store.session(ids[0]).await.unwrap();
    for unknown in [PromptId::from_ulid(sample::ulid()), elsewhere.id] {
        let writes = vec![
            PromptWrite::Enqueue(prompt("new")),
            PromptWrite::Set(known.id, PromptState::Delivered),
            PromptWrite::Set(unknown, PromptState::Delivered),
        ];
        let refused = write_prompts(&*store, ids[0], writes).await;
        let Err(StoreError::NotFound { what, id }) = refused else {
            panic!("an unknown prompt came to {refused:?}");
        };
        assert_eq!((what, id), ("prompt", unknown.to_string()));
    }
    let again = vec![PromptWrite::Enqueue(known.clone())];
    let refused = write_prompts(&*store, ids[0], again).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(store.session(ids[0]).await.unwrap(), before);
    assert_eq!(sample::prompts(&*store, ids[0]).await, [known]);
}

fn permission() -> Permission {
    Permission::new(
        PermissionRequested::new(
            PermissionId::from_ulid(sample::ulid()),
            "shell",
            Map::from_iter([("command".to_owned(), "ls".into())]),
            vec![PermissionOption::new(
                "yes",
                "Yes",
                PermissionOptionKind::AllowOnce,
            )],
            sample::at(60),
        ),
        sample::at(2),
    )
}

fn answer(request_id: PermissionId, by: &str) -> PermissionWrite {
    PermissionWrite::Answer {
        request_id,
        answer: PermissionAnswer::Select("yes".to_owned()),
        by: by.to_owned(),
    }
}

fn resolved(request_id: PermissionId) -> PermissionResolved {
    PermissionResolved::new(request_id, PermissionOutcome::Selected, "someone")
        .with_option_id("yes".to_owned())
}

async fn write_permission(
    store: &dyn Store,
    session: SessionId,
    permission: PermissionWrite,
) -> Result<Written, StoreError> {
    let mut write = SessionWrite::new(session, Guard::default(), sample::at(3));
    write.events = vec![sample::event(3, sample::thought("asked"))];
    write.permissions = vec![permission];
    store.write(write).await
}

/// A permission request is pending, then answered, then resolved.
pub async fn permission_request_goes_through_its_states(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let (first, second) = (permission(), permission());
    // The order of creation is not that of the ids.
    for permission in [&second, &first] {
        let open = PermissionWrite::Open(permission.clone());
        write_permission(&*store, id, open).await.unwrap();
    }
    let waiting = |permission: &Permission| PermissionRecord {
        permission: permission.clone(),
        answer: None,
    };
    let expected = [waiting(&second), waiting(&first)];
    assert_eq!(sample::permissions(&*store, id).await, expected);

    let request_id = first.request.request_id;
    let write = answer(request_id, "me");
    write_permission(&*store, id, write).await.unwrap();
    let mut answered = waiting(&first);
    answered.permission.state = PermissionState::Answered;
    let yes = PermissionAnswer::Select("yes".to_owned());
    answered.answer = Some((yes, "me".to_owned()));
    let expected = [waiting(&second), answered.clone()];
    assert_eq!(sample::permissions(&*store, id).await, expected);

    let settled = PermissionWrite::Resolve(resolved(request_id));
    write_permission(&*store, id, settled).await.unwrap();
    answered.permission.state = PermissionState::Resolved;
    answered.permission.resolution = Some(resolved(request_id));
    answered.answer = None;
    let expected = [waiting(&second), answered.clone()];
    assert_eq!(sample::permissions(&*store, id).await, expected);

    // Resolving it again has no effect; the first outcome stays.
    let mut other = resolved(request_id);
    other.outcome = PermissionOutcome::Expired;
    let again = PermissionWrite::Resolve(other);
    write_permission(&*store, id, again).await.unwrap();
    let expected = [waiting(&second), answered];
    assert_eq!(sample::permissions(&*store, id).await, expected);
}

/// An answer to an answered, resolved or unknown request is refused as a whole.
pub async fn a_permission_request_is_answered_once(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let permission = permission();
    let request_id = permission.request.request_id;
    let refused = write_permission(&*store, id, answer(request_id, "me")).await;
    assert!(
        matches!(refused, Err(StoreError::NotFound { .. })),
        "{refused:?}"
    );
    let settled = PermissionWrite::Resolve(resolved(request_id));
    let refused = write_permission(&*store, id, settled.clone()).await;
    assert!(
        matches!(refused, Err(StoreError::NotFound { .. })),
        "{refused:?}"
    );

    let open = PermissionWrite::Open(permission);
    write_permission(&*store, id, open.clone()).await.unwrap();
    let refused = write_permission(&*store, id, open).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    let first = answer(request_id, "me");
    write_permission(&*store, id, first).await.unwrap();
    let refused = write_permission(&*store, id, answer(request_id, "you")).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    write_permission(&*store, id, settled).await.unwrap();
    let refused = write_permission(&*store, id, answer(request_id, "you")).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    super::log::assert_gapless(&*store, id, 4).await;
}

/// Only queued prompts and unresolved permission requests are pending, and withdrawn prompts that a
/// recorder may still hold.
pub async fn only_unresolved_items_are_pending(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    assert_eq!(store.pending(ids[0]).await.unwrap(), Pending::default());
    let queued = |text: &str| prompt(text).with_delivery(DeliveryMode::Queue);
    let prompts: Vec<Prompt> = ["gone", "said", "taken back", "waits"].map(queued).into();
    let mut writes: Vec<_> = prompts.iter().cloned().map(PromptWrite::Enqueue).collect();
    writes.extend([
        PromptWrite::Set(prompts[0].id, PromptState::Withdrawn),
        PromptWrite::Set(prompts[1].id, PromptState::Delivered),
        PromptWrite::Set(prompts[2].id, PromptState::Withdrawn),
    ]);
    write_prompts(&*store, ids[0], writes).await.unwrap();
    let permissions = [permission(), permission(), permission()];
    let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(3));
    let open = permissions.iter().cloned().map(PermissionWrite::Open);
    write.permissions = open.collect();
    let [settled, answered, open] = permissions.map(|it| it.request.request_id);
    write.permissions.push(answer(answered, "me"));
    let resolution = PermissionWrite::Resolve(resolved(settled));
    write.permissions.push(resolution);
    store.write(write).await.unwrap();

    let pending = store.pending(ids[0]).await.unwrap();
    let left: Vec<_> = pending.prompts.iter().map(|it| (it.id, it.state)).collect();
    assert_eq!(
        left,
        [
            (prompts[2].id, PromptState::Withdrawn),
            (prompts[3].id, PromptState::Queued)
        ]
    );
    let all = sample::permissions(&*store, ids[0]).await;
    assert_eq!(pending.permissions, all[1..]);
    let left = all[1..].iter().map(|it| it.permission.request.request_id);
    assert_eq!(left.collect::<Vec<_>>(), [answered, open]);
    assert_eq!(store.pending(ids[1]).await.unwrap(), Pending::default());
}

/// A prompt and a permission request are found by id in their session, in any state.
pub async fn prompts_and_permissions_are_found_by_id_in_their_session(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let known = prompt("known");
    let writes = vec![
        PromptWrite::Enqueue(known.clone()),
        PromptWrite::Set(known.id, PromptState::Withdrawn),
    ];
    write_prompts(&*store, ids[0], writes).await.unwrap();
    let request = permission();
    let request_id = request.request.request_id;
    let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(3));
    write.permissions = vec![
        PermissionWrite::Open(request),
        PermissionWrite::Resolve(resolved(request_id)),
    ];
    store.write(write).await.unwrap();

    let found = store.prompt(ids[0], known.id).await.unwrap().unwrap();
    assert_eq!((found.id, found.state), (known.id, PromptState::Withdrawn));
    let found = store.permission(ids[0], request_id).await.unwrap().unwrap();
    assert_eq!(found.permission.state, PermissionState::Resolved);
    for (session, prompt, request) in [
        (ids[1], known.id, request_id),
        (
            ids[0],
            PromptId::from_ulid(sample::ulid()),
            PermissionId::from_ulid(sample::ulid()),
        ),
    ] {
        assert_eq!(store.prompt(session, prompt).await.unwrap(), None);
        assert_eq!(store.permission(session, request).await.unwrap(), None);
    }
}

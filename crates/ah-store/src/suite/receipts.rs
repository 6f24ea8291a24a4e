//! Cases of [`Receipts`](crate::Receipts).

use std::sync::Arc;

use ah_rest_api_contract::{
    Draft, DraftContent, DraftId, EventSeq, Prompt, PromptContent, PromptId, Receipt, SessionId,
    SessionQuery, SessionStatus,
};

use super::{StoreHarness, sample, soon};
use crate::{
    Fence, Guard, NewTask, PromptWrite, SessionVersion, SessionWrite, Store, StoreError, Written,
};

/// Returns a receipt with the body `body` that expires at `at(100)`.
fn receipt(key: &str, body: &str) -> Receipt {
    Receipt {
        key: format!("someone\nPOST\n/api/v1/tasks\n{key}"),
        fingerprint: format!("of {body}"),
        bytes: format!("201\n{body}").into_bytes(),
        expires_at: sample::at(100),
    }
}

/// Returns a decision on version 0 that changes a bit of everything.
fn decision(session: SessionId, receipt: Option<Receipt>) -> SessionWrite {
    let guard = Guard {
        fence: Some(Fence(0)),
        version: Some(SessionVersion(0)),
        ..Guard::default()
    };
    let mut write = SessionWrite::new(session, guard, sample::at(2));
    write.events = vec![sample::event(2, sample::thought("hm"))];
    write.patch.status = Some(SessionStatus::Stopped);
    write.prompts = vec![PromptWrite::Enqueue(Prompt::new(
        PromptId::from_ulid(sample::ulid()),
        PromptContent::from("Go on."),
        "someone",
        sample::at(2),
    ))];
    write.receipt = receipt;
    write
}

fn draft(receipt_at: i64) -> Draft {
    Draft::new(
        DraftId::from_ulid(sample::ulid()),
        DraftContent::default(),
        sample::at(receipt_at),
        sample::at(receipt_at),
    )
}

fn task(receipt: Receipt) -> NewTask {
    let mut task = sample::task(2, sample::at(2));
    task.receipt = Some(receipt);
    task
}

#[track_caller]
fn assert_already<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &Receipt) {
    match result {
        Err(StoreError::AlreadyDone(earlier)) => assert_eq!(*earlier, *expected),
        other => panic!("a request that was carried out before came to {other:?}"),
    }
}

async fn stored(store: &dyn Store, receipt: &Receipt) -> Option<Receipt> {
    store.receipt(&receipt.key, sample::at(2)).await.unwrap()
}

/// A receipt is stored together with its work, unchanged.
pub async fn a_receipt_is_stored_with_its_work(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let written = receipt("write", "{\"text\":\"\\\" \u{0} ü 🦀\"}");
    let created = receipt("create", &"long ".repeat(20_000));
    let saved = Receipt {
        bytes: (0..=u8::MAX).collect(),
        ..receipt("draft", "")
    };
    let refused = Receipt {
        bytes: Vec::new(),
        ..receipt("refused", "")
    };
    for expected in [&written, &created, &saved, &refused] {
        assert_eq!(stored(&*store, expected).await, None);
    }
    let done = store.write(decision(id, Some(written.clone()))).await;
    done.unwrap();
    store.create_task(task(created.clone())).await.unwrap();
    let done = store.save_draft(&draft(2), Some(saved.clone())).await;
    done.unwrap();
    let done = store.save_receipt(refused.clone(), sample::at(2)).await;
    done.unwrap();
    for expected in [written, created, saved, refused] {
        assert_eq!(stored(&*store, &expected).await, Some(expected));
    }
}

/// If the work is refused, its receipt is not stored and the key can be used again.
pub async fn a_receipt_is_not_stored_without_its_work(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let receipt = receipt("key", "done");
    let mut stale = decision(id, Some(receipt.clone()));
    stale.guard.version = Some(SessionVersion(7));
    let refused = store.write(stale).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(stored(&*store, &receipt).await, None);

    let mut taken = task(receipt.clone());
    taken.sessions[1].0.id = id;
    assert!(store.create_task(taken).await.is_err());
    assert_eq!(stored(&*store, &receipt).await, None);

    store
        .write(decision(id, Some(receipt.clone())))
        .await
        .unwrap();
    assert_eq!(stored(&*store, &receipt).await, Some(receipt));
}

/// A second request with the same key gets the first receipt from every verb and has no effect.
pub async fn a_request_with_a_receipt_is_not_done_again(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let first = receipt("key", "first");
    store
        .write(decision(ids[0], Some(first.clone())))
        .await
        .unwrap();
    let before = [
        store.session(ids[0]).await.unwrap(),
        store.session(ids[1]).await.unwrap(),
    ];
    let prompts = sample::prompts(&*store, ids[0]).await;
    let end = store.log_end().await.unwrap();

    let second = receipt("key", "second");
    // This also holds for requests that would be refused: a stale version, or no session.
    let unknown = SessionId::from_ulid(sample::ulid());
    for session in [ids[0], ids[1], unknown] {
        let done = store.write(decision(session, Some(second.clone()))).await;
        assert_already(done, &first);
    }
    let task = task(second.clone());
    assert_already(store.create_task(task.clone()).await, &first);
    let draft = draft(2);
    let saved = store.save_draft(&draft, Some(second.clone())).await;
    assert_already(saved, &first);
    let saved = store.save_receipt(second, sample::at(2)).await;
    assert_already(saved, &first);

    assert_eq!(stored(&*store, &first).await, Some(first));
    for (id, before) in ids.iter().zip(before) {
        assert_eq!(store.session(*id).await.unwrap(), before);
    }
    assert_eq!(sample::prompts(&*store, ids[0]).await, prompts);
    assert_eq!(store.log_end().await.unwrap(), end);
    assert!(store.task(task.task.id).await.is_err());
    assert!(store.draft(draft.id).await.is_err());
    let listed = store.list_sessions(&SessionQuery::default()).await;
    assert_eq!(listed.unwrap().total, 2);
    // The logs of the sessions continue without a gap.
    let write = SessionWrite::new(ids[1], Guard::default(), sample::at(3));
    store.write(write).await.unwrap();
    super::log::assert_gapless(&*store, ids[1], 1).await;
}

/// Twenty racing writers share one key on two handles. One does its work, and the others get its
/// receipt. Covers writes, creations, and both at once.
pub async fn one_of_concurrent_writers_does_the_work(harness: &dyn StoreHarness) {
    const WRITERS: usize = 20;
    let handles = [harness.open().await, harness.open().await];
    let id = sample::one_session(&*handles[0]).await;
    for round in 0..6 {
        let before = handles[0].session(id).await.unwrap().session.last_seq;
        let mut racers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = Arc::clone(&handles[writer % 2]);
            let receipt = receipt(&round.to_string(), &writer.to_string());
            racers.spawn(async move {
                // Rounds of writes, of creations, and of both.
                let done = if (round + writer * (round % 3 / 2)) % 2 == 0 {
                    let mut write = decision(id, Some(receipt.clone()));
                    write.guard = Guard::default();
                    store.write(write).await.map(|_| ())
                } else {
                    store.create_task(task(receipt.clone())).await
                };
                (receipt, done)
            });
        }
        let results = soon("the race", racers.join_all()).await;
        let (winners, losers): (Vec<_>, Vec<_>) =
            results.into_iter().partition(|(_, done)| done.is_ok());
        assert_eq!((winners.len(), losers.len()), (1, WRITERS - 1));
        let (winner, _) = &winners[0];
        for (_, done) in losers {
            assert_already(done, winner);
        }
        for store in &handles {
            assert_eq!(stored(&**store, winner).await, Some(winner.clone()));
        }
        let head = handles[0].session(id).await.unwrap().session.last_seq;
        let listed = handles[0].list_sessions(&SessionQuery::default()).await;
        let created = (listed.unwrap().total - 1) / 2;
        let prompts = sample::prompts(&*handles[0], id).await.len() as u64;
        // One event and one prompt each, and the event of the creation.
        assert_eq!(head.get(), 1 + prompts);
        assert_eq!(prompts + created, round as u64 + 1);
        assert!(head.get() - before.get() <= 1);
    }
}

/// Concurrent equal requests on one handle may share a transaction, and one is carried out. A
/// refused request does not use up the key of the next one.
pub async fn concurrent_equal_requests_are_executed_once(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let receipt = |body| Some(receipt("key", body));
    let mut stale = decision(id, receipt("stale"));
    stale.guard.fence = Some(Fence(9));
    let (stale, first, second) = tokio::join!(
        store.write(stale),
        store.write(decision(id, receipt("first"))),
        store.write(decision(id, receipt("second"))),
    );
    assert!(matches!(stale, Err(StoreError::Fenced { .. })), "{stale:?}");
    let written = Written {
        version: SessionVersion(1),
        last_seq: EventSeq::new(2),
        session: None,
    };
    assert_eq!(first.unwrap(), written);
    assert_already(second, &receipt("first").unwrap());
}

/// The receipt of a write that returns its session contains the session, also for equal requests
/// that share its transaction.
pub async fn a_receipt_contains_the_returned_session(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let begun = receipt("key", "");
    let write = || {
        let mut write = decision(id, Some(begun.clone()));
        write.returns_session = true;
        store.write(write)
    };
    let (first, second) = tokio::join!(write(), write());
    let session = first.unwrap().session.unwrap();
    assert_eq!(*session, store.session(id).await.unwrap().session);
    let mut whole = begun.clone();
    serde_json::to_writer(&mut whole.bytes, &session).unwrap();
    assert_already(second, &whole);
    assert_already(write().await, &whole);
    assert_eq!(stored(&*store, &begun).await, Some(whole));
}

/// A receipt survives reopening the store.
pub async fn a_receipt_survives_reopening(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let receipt = receipt("key", "done");
    store
        .write(decision(id, Some(receipt.clone())))
        .await
        .unwrap();
    store.close().await;
    let store = harness.open().await;
    assert_eq!(stored(&*store, &receipt).await.as_ref(), Some(&receipt));
    assert_already(store.create_task(task(receipt.clone())).await, &receipt);
}

/// A receipt is absent from its expiry on, and the same request is carried out again.
pub async fn an_expired_receipt_is_replaced(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let old = receipt("key", "old");
    store
        .write(decision(ids[0], Some(old.clone())))
        .await
        .unwrap();
    let before = store.receipt(&old.key, sample::at(99)).await.unwrap();
    assert_eq!(before, Some(old.clone()));
    assert_eq!(
        store.receipt(&old.key, sample::at(100)).await.unwrap(),
        None
    );

    let new = |body, expires_at| Receipt {
        expires_at: sample::at(expires_at),
        ..receipt("key", body)
    };
    let mut early = decision(ids[1], Some(new("early", 200)));
    early.now = sample::at(99);
    assert_already(store.write(early).await, &old);
    let mut late = decision(ids[1], Some(new("written", 200)));
    late.now = sample::at(100);
    store.write(late).await.unwrap();

    let mut task = task(new("created", 300));
    task.task.created_at = sample::at(200);
    store.create_task(task).await.unwrap();
    let saved = store.save_draft(&draft(300), Some(new("saved", 400))).await;
    saved.unwrap();
    let kept = store.save_receipt(new("kept", 500), sample::at(400)).await;
    kept.unwrap();
    let last = store.receipt(&old.key, sample::at(400)).await.unwrap();
    assert_eq!(last, Some(new("kept", 500)));
}

/// A sweep deletes exactly the expired receipts and returns their number.
pub async fn a_sweep_takes_expired_receipts(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let receipts: Vec<Receipt> = (0..6)
        .map(|index| Receipt {
            expires_at: sample::at(10 + index),
            ..receipt(&index.to_string(), "")
        })
        .collect();
    for receipt in &receipts {
        let kept = store.save_receipt(receipt.clone(), sample::at(0)).await;
        kept.unwrap();
    }
    assert_eq!(store.sweep_receipts(sample::at(9)).await.unwrap(), 0);
    assert_eq!(store.sweep_receipts(sample::at(12)).await.unwrap(), 3);
    for (index, receipt) in receipts.into_iter().enumerate() {
        // The time of this read is before any expiry.
        let found = store.receipt(&receipt.key, sample::at(0)).await.unwrap();
        assert_eq!(found, (index > 2).then_some(receipt));
    }
    assert_eq!(store.sweep_receipts(sample::at(12)).await.unwrap(), 0);
    assert_eq!(store.sweep_receipts(sample::at(99)).await.unwrap(), 3);
}

//! The channels that announce new events.

use ah_rest_api_contract::{EventSeq, SessionId};
use tokio::sync::watch;

use crate::suite::{StoreHarness, sample, soon};
use crate::{Claim, Guard, Head, SessionVersion, SessionWrite, Store};

pub(in crate::suite) async fn until(
    receiver: &mut watch::Receiver<Head>,
    last_seq: u64,
    version: u64,
) {
    let head = Head {
        last_seq: EventSeq::new(last_seq),
        version: SessionVersion(version),
    };
    let waited = soon("the head", receiver.wait_for(|known| *known == head)).await;
    assert!(waited.is_ok(), "the store let go of its reader");
}

pub(in crate::suite) async fn tell(store: &dyn Store, id: SessionId) {
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(1));
    write.events = vec![sample::event(1, sample::thought("hm"))];
    store.write(write).await.unwrap();
}

/// A new subscriber sees the head of the session without a write.
pub async fn subscriber_receives_the_head_of_a_session(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    tell(&*store, ids[1]).await;
    let mut first = store.watch_session(ids[1]);
    until(&mut first, 2, 0).await;
    // A later subscriber of the same session, and one of another.
    let mut second = store.watch_session(ids[1]);
    let mut other = store.watch_session(ids[0]);
    until(&mut second, 2, 0).await;
    until(&mut other, 1, 0).await;
    // A subscriber that starts after all others have ended.
    drop((first, second, other));
    tell(&*store, ids[1]).await;
    let mut again = store.watch_session(ids[1]);
    until(&mut again, 3, 0).await;
}

/// The head of a session has moved before the verb that changes it returns.
pub async fn subscriber_is_notified_by_its_own_process(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let mut receiver = store.watch_session(id);
    until(&mut receiver, 1, 0).await;
    for seq in 2..5 {
        tell(&*store, id).await;
        assert_eq!(receiver.borrow_and_update().last_seq, EventSeq::new(seq));
    }
    let lease = sample::lease("a", sample::at(100));
    let claim = Claim::NextQueued { slots: 1 };
    store.claim(claim, &lease, sample::at(2)).await.unwrap();
    let head = *receiver.borrow_and_update();
    assert_eq!(
        (head.last_seq, head.version),
        (EventSeq::new(5), SessionVersion(1))
    );
}

/// A write of another handle moves the head of every watched session.
pub async fn subscriber_is_notified_by_another_handle(harness: &dyn StoreHarness) {
    let (store, other) = (harness.open().await, harness.open().await);
    let ids = sample::sessions(&*store, 3).await;
    let mut receivers: Vec<_> = ids.iter().map(|id| store.watch_session(*id)).collect();
    for seq in 2..5 {
        for (id, receiver) in ids.iter().zip(&mut receivers) {
            tell(&*other, *id).await;
            until(receiver, seq, 0).await;
        }
    }
}

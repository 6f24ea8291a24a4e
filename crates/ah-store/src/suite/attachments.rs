//! Cases of [`Attachments`](crate::Attachments).

use ah_lifecycle::AttachmentPart;
use ah_rest_api_contract::{AttachmentContent, AttachmentHash, SessionId, SessionStatus};

use super::{StoreHarness, sample};
use crate::{Guard, SessionWrite, StoreError};

fn part(offset: u64, data: &[u8], size: u64) -> AttachmentPart {
    AttachmentPart {
        hash: AttachmentHash::from_digest([7; 32]),
        mime_type: "image/png".to_owned(),
        size,
        offset,
        data: data.to_vec(),
    }
}

/// An attachment is found once all of its parts are written, in any number of writes, and only in
/// its session. A part that is written again changes nothing.
pub async fn an_attachment_is_complete_or_not_found(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let other = sample::one_session(&*store).await;
    let hash = AttachmentHash::from_digest([7; 32]);
    let keep = async |parts: Vec<AttachmentPart>| {
        let mut write = SessionWrite::new(id, Guard::default(), sample::at(1));
        write.attachments = parts;
        store.write(write).await.unwrap();
    };
    keep(vec![part(0, b"abc", 5)]).await;
    let early = store.attachment(id, hash).await;
    assert!(
        matches!(
            early,
            Err(StoreError::NotFound {
                what: "attachment",
                ..
            })
        ),
        "{early:?}"
    );
    keep(vec![part(3, b"de", 5), part(0, b"abc", 5)]).await;
    keep(vec![part(3, b"de", 5)]).await;
    let whole = AttachmentContent::new("image/png", b"abcde".to_vec());
    assert_eq!(store.attachment(id, hash).await.unwrap(), whole);
    let reopened = harness.open().await;
    assert_eq!(reopened.attachment(id, hash).await.unwrap(), whole);
    let elsewhere = store.attachment(other, hash).await;
    assert!(
        matches!(
            elsewhere,
            Err(StoreError::NotFound {
                what: "attachment",
                ..
            })
        ),
        "{elsewhere:?}"
    );
    let unknown = store
        .attachment(SessionId::from_ulid(sample::ulid()), hash)
        .await;
    assert!(
        matches!(
            unknown,
            Err(StoreError::NotFound {
                what: "session",
                ..
            })
        ),
        "{unknown:?}"
    );
}

/// The attachments of a session are erased when it is cancelled, and when it is hidden. Those of
/// other sessions stay.
pub async fn attachments_are_erased_with_their_session(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let hash = AttachmentHash::from_digest([7; 32]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = sample::one_session(&*store).await;
        let mut write = SessionWrite::new(id, Guard::default(), sample::at(1));
        write.attachments = vec![part(0, b"abc", 3)];
        store.write(write).await.unwrap();
        ids.push(id);
    }
    let mut cancelled = SessionWrite::new(ids[0], Guard::default(), sample::at(2));
    cancelled.patch.status = Some(SessionStatus::Cancelled);
    store.write(cancelled).await.unwrap();
    let mut hidden = SessionWrite::new(ids[1], Guard::default(), sample::at(2));
    hidden.patch.hidden = Some(true);
    store.write(hidden).await.unwrap();
    for id in &ids[..2] {
        let gone = store.attachment(*id, hash).await;
        assert!(
            matches!(
                gone,
                Err(StoreError::NotFound {
                    what: "attachment",
                    ..
                })
            ),
            "{gone:?}"
        );
    }
    assert_eq!(store.attachment(ids[2], hash).await.unwrap().bytes, b"abc");
}

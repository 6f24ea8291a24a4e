//! Cases of [`Drafts`](crate::Drafts).

use ah_rest_api_contract::{
    AgentSelection, Draft, DraftContent, DraftId, PageRequest, PromptContent,
};

use super::{StoreHarness, sample};
use crate::StoreError;

/// A draft is stored as saved last, listed by that time, and not found once deleted.
pub async fn drafts_are_created_updated_and_deleted(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut drafts: Vec<Draft> = (0..3)
        .map(|index| {
            Draft::new(
                DraftId::from_ulid(sample::ulid()),
                DraftContent::default(),
                sample::at(index),
                sample::at(index),
            )
        })
        .collect();
    for draft in &drafts {
        store.save_draft(draft, None).await.unwrap();
    }
    drafts[0].content = DraftContent {
        prompt: Some(PromptContent::from("Do it.")),
        agents: Some(vec![AgentSelection::new("scenario")]),
        ..DraftContent::default()
    };
    drafts[0].updated_at = sample::at(9);
    store.save_draft(&drafts[0], None).await.unwrap();
    assert_eq!(store.draft(drafts[0].id).await.unwrap(), drafts[0]);

    let first = PageRequest::new(1, 2).unwrap();
    let page = store.list_drafts(first).await.unwrap();
    assert_eq!(page.items, [drafts[0].clone(), drafts[2].clone()]);
    assert_eq!((page.total, page.next_page), (3, Some(2)));
    let second = PageRequest::new(2, 2).unwrap();
    let page = store.list_drafts(second).await.unwrap();
    assert_eq!(page.items, [drafts[1].clone()]);
    assert_eq!((page.total, page.next_page), (3, None));

    store.delete_draft(drafts[0].id).await.unwrap();
    let gone = store.draft(drafts[0].id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    assert_eq!(store.list_drafts(first).await.unwrap().total, 2);
}

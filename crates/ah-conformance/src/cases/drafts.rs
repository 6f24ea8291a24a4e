//! Drafts of tasks.

use std::time::Duration;

use ah_rest_api_contract::{
    AgentSelection, DraftContent, DraftId, DraftUpdate, ErrorKind, PAGE_BYTES_MAX, PER_PAGE_MAX,
    PageRequest, RepoConfig,
};
use serde_json::json;

use crate::World;
use crate::world::refused;

async fn saved(world: &World) -> Vec<DraftId> {
    let page = world.manager().list_drafts(PageRequest::largest()).await;
    let drafts = page.expect("drafts are listed").items;
    drafts.iter().map(|draft| draft.id).collect()
}

fn prompt(text: &str) -> DraftContent {
    DraftContent {
        prompt: Some(text.into()),
        ..DraftContent::default()
    }
}

/// A draft is saved, changed field by field, and deleted once.
pub async fn draft_is_created_updated_and_deleted(world: &World) {
    let manager = world.manager();
    let save = |id, content| manager.save_draft_task(DraftUpdate { id, content });
    let draft = save(None, prompt("one")).await.expect("it is saved");
    assert_eq!(draft.content, prompt("one"));
    world.advance(Duration::from_millis(5)).await;
    let repo = DraftContent {
        repo: Some(RepoConfig::none()),
        agents: Some(vec![AgentSelection::new("scenario")]),
        ..DraftContent::default()
    };
    let changed = save(Some(draft.id), repo.clone())
        .await
        .expect("it is changed");
    assert_eq!(changed.id, draft.id);
    assert_eq!(changed.content, prompt("one").merged(repo));
    assert_eq!(changed.created_at, draft.created_at);
    assert!(changed.updated_at >= draft.updated_at);
    let tasks = manager
        .get_initial_tasks()
        .await
        .expect("drafts are listed");
    let read = manager.get_draft(draft.id).await;
    assert_eq!(read.expect("it is there"), changed);
    assert_eq!(tasks.drafts.items, [changed]);
    manager
        .delete_draft_task(draft.id)
        .await
        .expect("it is there");
    assert_eq!(saved(world).await, []);
    refused(
        manager.delete_draft_task(draft.id).await,
        ErrorKind::NotFound,
    );
    refused(manager.get_draft(draft.id).await, ErrorKind::NotFound);
    refused(
        save(Some(draft.id), prompt("two")).await,
        ErrorKind::NotFound,
    );
}

/// A draft keeps every field of a task as it was given, also one that no task could have.
pub async fn draft_keeps_every_field_of_a_task(world: &World) {
    let content = json!({
        "prompt": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        "repo": {"mode": "upload"},
        "agents": [{"type": "", "version": "latest", "count": 0}],
        "runtime": {
            "type": "devcontainer",
            "devcontainerPath": ".devcontainer",
            "resources": {"cpu": 2, "memoryMiB": 4096},
        },
        "workspace": {"snapshotPreference": ["zfs", "copy"], "executionHostId": "elsewhere"},
        "tenantId": "t",
        "projectId": "p",
        "labels": {"a": "1"},
        "priority": "high",
        "interactive": true,
        "timeoutMs": 5,
        "idleTimeoutMs": 6,
        "permissions": {"default": "deny", "rules": [], "onTimeout": "deny", "timeoutMs": 1000},
        "env": {"A": "1"},
        "delivery": {"mode": "pr", "targetBranch": "main"},
        "webhooks": [{"event": "session.completed", "url": "https://example.com"}],
    });
    let content: DraftContent = serde_json::from_value(content).expect("a draft");
    let manager = world.manager();
    let update = DraftUpdate {
        id: None,
        content: content.clone(),
    };
    let draft = manager.save_draft_task(update).await.expect("it is saved");
    assert_eq!(draft.content, content);
    let read = manager.get_draft(draft.id).await.expect("it is there");
    assert_eq!(read.content, content);
    let shown = serde_json::to_value(&read).expect("JSON");
    assert_eq!(shown["prompt"], "one\ntwo");
    assert_eq!(shown["promptBlocks"][1]["text"], "two");
}

/// The most recently saved draft is listed first.
pub async fn drafts_are_sorted_by_last_update(world: &World) {
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        world.advance(Duration::from_millis(5)).await;
        let update = DraftUpdate {
            id: None,
            content: prompt(text),
        };
        let draft = world.manager().save_draft_task(update).await;
        ids.insert(0, draft.expect("it is saved").id);
    }
    assert_eq!(saved(world).await, ids);
    world.advance(Duration::from_millis(5)).await;
    let again = DraftUpdate {
        id: Some(ids[2]),
        content: prompt("one more time"),
    };
    let again = world.manager().save_draft_task(again).await;
    again.expect("it is changed");
    assert_eq!(saved(world).await, [ids[2], ids[0], ids[1]]);
}

/// Drafts are listed in pages, and the first page of the initial tasks reports that there are more.
pub async fn drafts_are_paged(world: &World) {
    let count = PER_PAGE_MAX + 1;
    for number in 0..count {
        let update = DraftUpdate {
            id: None,
            content: prompt(&number.to_string()),
        };
        let draft = world.manager().save_draft_task(update).await;
        draft.expect("it is saved");
    }
    let tasks = world.manager().get_initial_tasks().await;
    let first = tasks.expect("drafts are listed").drafts;
    assert_eq!(first.items.len(), PER_PAGE_MAX as usize);
    assert_eq!(first.total, u64::from(count));
    assert_eq!(first.next_page, Some(2));
    let page = PageRequest::new(2, PER_PAGE_MAX).expect("a good page");
    let second = world.manager().list_drafts(page).await;
    let second = second.expect("drafts are listed");
    assert_eq!((second.items.len(), second.next_page), (1, None));
    assert!(!first.items.contains(&second.items[0]));
}

/// A page has a bounded size: every draft is on it, and those beyond the bound are summaries.
pub async fn pages_of_drafts_are_bounded_in_bytes(world: &World) {
    let manager = world.manager();
    let text = format!("Title\n{}", "p".repeat(300 * 1024));
    for _ in 0..12 {
        let content = prompt(&text);
        let saved = manager.save_draft_task(DraftUpdate { id: None, content });
        saved.await.expect("it is saved");
    }
    let page = manager.list_drafts(PageRequest::largest()).await;
    let page = page.expect("drafts are listed");
    assert_eq!(
        (page.items.len(), page.total, page.next_page),
        (12, 12, None)
    );
    let (summaries, whole): (Vec<_>, Vec<_>) =
        page.items.into_iter().partition(|draft| draft.is_summary);
    assert!(whole.len() >= 6 && !summaries.is_empty(), "{}", whole.len());
    let size = serde_json::to_vec(&whole).expect("JSON").len();
    assert!(size <= PAGE_BYTES_MAX + 1024, "{size}");
    for summary in summaries {
        assert_eq!(summary.content, prompt("Title"));
        let draft = manager.get_draft(summary.id).await.expect("it is there");
        assert!(!draft.is_summary && draft.content == prompt(&text));
    }
}

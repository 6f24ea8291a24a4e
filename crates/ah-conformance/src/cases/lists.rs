//! Lists of sessions.

use std::cell::Cell;
use std::collections::BTreeMap;

use ah_rest_api_contract::{
    AgentType, EventPayload, FileQuery, FileStatus, LAST_MESSAGE_CHARS_MAX, PAGE_BYTES_MAX, Page,
    PageRequest, PathPattern, PermissionAnswer, PermissionId, Prompt, PromptRequest, RepoConfig,
    SUMMARY_PROMPT_CHARS_MAX, SessionId, SessionQuery, SessionStatus as S, SessionView,
};
use serde_json::json;

use crate::World;
use crate::script::{ask_to_use, edit, exit, hang, say, think};
use crate::world::PAGES_MAX;

/// Returns the sessions that `query` finds, read in pages of two.
async fn found(world: &World, query: &SessionQuery) -> Vec<SessionId> {
    let mut found = Vec::new();
    let mut total = 0;
    let mut next = Some(1);
    while let Some(page) = next {
        let query = SessionQuery {
            page: PageRequest::new(page, 2).expect("a good page"),
            ..query.clone()
        };
        let page = world.manager().list_sessions(query).await;
        let page = page.expect("sessions are listed");
        assert!(page.items.len() <= 2);
        assert!(page.next_page <= Some(PAGES_MAX), "the list does not end");
        found.extend(page.items.iter().map(|session| session.id));
        total = page.total;
        next = page.next_page;
    }
    assert_eq!(total, found.len() as u64);
    found
}

/// Lists are sorted by age, newest first, and paged. Each item equals the session read by id.
pub async fn sessions_are_listed_newest_first(world: &World) {
    let mut launched = Vec::new();
    for _ in 0..5 {
        world.advance(std::time::Duration::from_millis(5)).await;
        let id = world.launch(json!([think("hm")])).await;
        world.until_status(id, S::Completed).await;
        launched.insert(0, id);
    }
    assert_eq!(found(world, &SessionQuery::default()).await, launched);
    let listed = world.manager().list_sessions(SessionQuery::default()).await;
    for session in listed.expect("sessions are listed").items {
        assert_eq!(session, world.session(session.id).await);
    }
    let past_the_end = SessionQuery {
        page: PageRequest::new(100, 50).expect("a good page"),
        ..SessionQuery::default()
    };
    let past = world.manager().list_sessions(past_the_end).await;
    let past = past.expect("sessions are listed");
    assert_eq!((past.items.len(), past.total, past.next_page), (0, 5, None));
}

/// The summary of a session is the session without its large parts. It has the title and the
/// agent's last message.
pub async fn summaries_have_no_large_parts(world: &World) {
    let said = "long ".repeat(LAST_MESSAGE_CHARS_MAX);
    let timeline = json!([say("first"), say(&said), think("hm"), hang()]);
    let mut task = world.task(&timeline);
    let title = "t".repeat(SUMMARY_PROMPT_CHARS_MAX + 1);
    task.prompt = format!("\n{title}\nand more").into();
    let id = world.launch_task(task).await;
    let full = world
        .until_session(id, |session| !session.recent_events.is_empty())
        .await;
    let last = full.last_message.clone().expect("the agent spoke");
    assert_eq!(last.chars().count(), LAST_MESSAGE_CHARS_MAX);
    assert!(last.starts_with("long long") && last.ends_with("long…"));
    let query = SessionQuery {
        view: SessionView::Summary,
        ..SessionQuery::default()
    };
    let list = world.manager().list_sessions(query).await;
    let list = list.expect("sessions are listed");
    assert_eq!(list.items, [full.clone().viewed_as(SessionView::Summary)]);
    let summary = &list.items[0];
    assert_eq!(summary.prompt.chars().count(), SUMMARY_PROMPT_CHARS_MAX + 1);
    assert!(summary.prompt_blocks.is_empty() && summary.recent_events.is_empty());
}

/// A page has a bounded size: every session is on it, and those beyond the bound are summaries.
pub async fn pages_of_sessions_are_bounded_in_bytes(world: &World) {
    // Twelve prompts, each of them twice in JSON: as a text and as content.
    let mut task = world.task(&json!([hang()]));
    let prompt = format!("Title\n{}", "p".repeat(255 * 1024));
    task.prompt = prompt.clone().into();
    task.agents[0].count = 12;
    let params = task.try_into().expect("the case's task is a good one");
    let launched = world.manager().launch_task(params).await;
    let mut launched = launched.expect("it is launched").session_ids;
    let list = world.manager().list_sessions(SessionQuery::default()).await;
    let list = list.expect("sessions are listed");
    assert_eq!((list.total, list.next_page), (12, None));
    let mut listed: Vec<_> = list.items.iter().map(|session| session.id).collect();
    listed.sort();
    launched.sort();
    assert_eq!(listed, launched);
    let (summaries, whole): (Vec<_>, Vec<_>) = list
        .items
        .into_iter()
        .partition(|session| session.is_summary);
    assert!(whole.len() >= 6 && !summaries.is_empty(), "{}", whole.len());
    let size = serde_json::to_vec(&whole).expect("JSON").len();
    assert!(size <= PAGE_BYTES_MAX + 1024, "{size}");
    for summary in summaries {
        assert_eq!(summary.prompt, "Title");
        let session = world.session(summary.id).await;
        assert!(!session.is_summary && session.prompt == prompt);
    }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Lists can be filtered by the properties of sessions.
pub async fn lists_are_filtered(world: &World) {
    let hanging = world.running(json!([think("hm"), hang()])).await;
    let failed = world.launch(json!([exit(1)])).await;
    world.until_status(failed, S::Failed).await;
    let mut task = world.task(&json!([think("hm")]));
    task.project_id = Some("project".into());
    task.repo = RepoConfig::git("https://example.com/one.git");
    task.labels = labels(&[("team", "core"), ("try", "1, \\2")]);
    let completed = world.launch_task(task).await;
    world.until_status(completed, S::Completed).await;
    let cancelled = world.launch(json!([think("hm"), hang()])).await;
    world
        .manager()
        .cancel_session(cancelled)
        .await
        .expect("it runs");
    let all = SessionQuery::default;
    let agent = world.session(hanging).await.agent.agent_type;
    let of_task = world.session(failed).await.task_id;
    let launched = world.session(hanging).await.created_at;
    let repository = world.session(completed).await.repo.url;
    let repository = repository.expect("it is on a repository");
    let cases = [
        (
            SessionQuery {
                statuses: vec![S::Running],
                ..all()
            },
            vec![hanging],
        ),
        (
            SessionQuery {
                statuses: vec![S::Failed, S::Completed],
                ..all()
            },
            vec![failed, completed],
        ),
        (
            SessionQuery {
                statuses: vec![S::Cancelled],
                ..all()
            },
            vec![cancelled],
        ),
        (
            SessionQuery {
                project_id: Some("project".into()),
                ..all()
            },
            vec![completed],
        ),
        (
            SessionQuery {
                project_id: Some("another".into()),
                ..all()
            },
            vec![],
        ),
        (
            SessionQuery {
                labels: labels(&[("team", "core"), ("try", "1, \\2")]),
                ..all()
            },
            vec![completed],
        ),
        (
            SessionQuery {
                labels: labels(&[("team", "core"), ("try", "2")]),
                ..all()
            },
            vec![],
        ),
        (
            SessionQuery {
                task_id: Some(of_task),
                ..all()
            },
            vec![failed],
        ),
        (
            SessionQuery {
                agent: Some(agent),
                ..all()
            },
            vec![hanging, failed, completed],
        ),
        (
            SessionQuery {
                agent: Some(AgentType::new("no-such-agent")),
                ..all()
            },
            vec![],
        ),
        (
            SessionQuery {
                created_before: Some(launched),
                ..all()
            },
            vec![],
        ),
        (
            SessionQuery {
                created_after: Some(launched),
                ..all()
            },
            vec![hanging, failed, completed],
        ),
        (
            SessionQuery {
                repository: Some(repository),
                ..all()
            },
            vec![completed],
        ),
        (
            SessionQuery {
                repository: Some("https://example.com/another.git".into()),
                ..all()
            },
            vec![],
        ),
        (
            SessionQuery {
                include_archived: true,
                ..all()
            },
            vec![hanging, failed, completed, cancelled],
        ),
    ];
    for (query, mut expected) in cases {
        let mut listed = found(world, &query).await;
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected, "{query:?}");
    }
}

/// The initial tasks of a program match the lists.
pub async fn initial_tasks_contain_drafts_and_sessions(world: &World) {
    let empty = world.manager().get_initial_tasks().await;
    let empty = empty.expect("there is nothing");
    assert_eq!((empty.drafts.total, empty.sessions.total), (0, 0));
    let ended = world.launch(json!([think("hm")])).await;
    world.until_status(ended, S::Completed).await;
    world.advance(std::time::Duration::from_millis(5)).await;
    let id = world.running(json!([think("hm"), hang()])).await;
    let hidden = world.launch(json!([think("hm"), hang()])).await;
    world
        .manager()
        .cancel_session(hidden)
        .await
        .expect("it runs");
    let tasks = world.manager().get_initial_tasks().await;
    let tasks = tasks.expect("there is something");
    let listed = tasks.sessions.items.iter();
    let sessions: Vec<SessionId> = listed.map(|session| session.id).collect();
    assert_eq!(sessions, [id, ended]);
    assert_eq!((tasks.sessions.total, tasks.sessions.next_page), (2, None));
}

fn page(number: u32, size: u32) -> PageRequest {
    PageRequest::new(number, size).expect("a good page")
}

async fn prompts(world: &World, id: SessionId, request: PageRequest) -> Page<Prompt> {
    let listed = world.manager().list_prompts(id, request).await;
    listed.expect("the session is known")
}

/// The prompts of a session are sorted by age, oldest first, and paged. A prompt that is added
/// between two pages moves no other.
pub async fn prompts_are_paged_oldest_first(world: &World) {
    let id = world.running(json!([think("hm"), hang()])).await;
    let mut queued = Vec::new();
    let prompt = async |text: &str| {
        let request = PromptRequest::queued(text);
        let receipt = world.manager().prompt_session(id, request).await;
        receipt.expect("the session takes prompts").prompt_id
    };
    for number in 0..5 {
        queued.push(prompt(&number.to_string()).await);
    }
    let first = prompts(world, id, page(1, 2)).await;
    assert_eq!((first.total, first.next_page), (5, Some(2)));
    queued.push(prompt("late").await);
    let mut listed = first.items;
    let second = prompts(world, id, page(2, 2)).await;
    assert_eq!((second.total, second.next_page), (6, Some(3)));
    listed.extend(second.items);
    let third = prompts(world, id, page(3, 2)).await;
    assert_eq!((third.total, third.next_page), (6, None));
    listed.extend(third.items);
    let listed: Vec<_> = listed.iter().map(|prompt| prompt.id).collect();
    assert_eq!(listed, queued);
    let past = prompts(world, id, page(4, 2)).await;
    assert_eq!((past.items.len(), past.total, past.next_page), (0, 6, None));
}

/// Waits for permission request `number` of a session, from 1, and returns its id.
async fn request(world: &World, id: SessionId, number: usize) -> PermissionId {
    let seen = Cell::new(0);
    let log = world
        .until(id, |event| {
            let is_request = matches!(event.payload, EventPayload::PermissionRequest(_));
            seen.set(seen.get() + usize::from(is_request));
            seen.get() == number
        })
        .await;
    match log.last().map(|event| &event.payload) {
        Some(EventPayload::PermissionRequest(request)) => request.request_id,
        other => panic!("the log ends with the request: {other:?}"),
    }
}

/// The permission requests of a session are sorted by age, oldest first, and paged. A request that
/// is added between two pages moves no other.
pub async fn permissions_are_paged_oldest_first(world: &World) {
    let timeline = ["one", "two", "three"].map(ask_to_use);
    let id = world
        .launch(json!([timeline[0], timeline[1], timeline[2], hang()]))
        .await;
    let mut requests = Vec::new();
    for number in 1..=3 {
        requests.push(request(world, id, number as usize).await);
        for (place, expected) in (1..).zip(&requests) {
            let listed = world.manager().list_permissions(id, page(place, 1)).await;
            let listed = listed.expect("the session is known");
            let ids = listed.items.iter().map(|it| it.request.request_id);
            assert_eq!(ids.collect::<Vec<_>>(), [*expected]);
            assert_eq!(listed.total, u64::from(number));
            assert_eq!(listed.next_page, (place < number).then_some(place + 1));
        }
        let allow = PermissionAnswer::Select("allow".into());
        let newest = requests[requests.len() - 1];
        let answered = world.manager().answer_permission(id, newest, allow).await;
        answered.expect("the request waits");
    }
}

/// The changed files of a session are sorted by path and paged.
pub async fn files_are_paged_by_path(world: &World) {
    let timeline = json!([
        edit("b.md", 1, 0),
        edit("c.md", 1, 0),
        edit("a.md", 1, 0),
        think("edited"),
        hang()
    ]);
    let id = world.launch(timeline).await;
    world.until_thought(id, "edited").await;
    let files = async |page| {
        let query = FileQuery {
            page,
            ..FileQuery::default()
        };
        let listed = world.manager().list_session_files(id, query).await;
        listed.expect("it has a workspace")
    };
    let all = files(PageRequest::largest()).await;
    assert!(all.items.is_sorted_by(|a, b| a.path < b.path));
    let mut turned = Vec::new();
    let mut next = Some(1);
    while let Some(number) = next {
        let listed = files(page(number, 2)).await;
        assert!(listed.items.len() <= 2);
        assert!(listed.next_page <= Some(PAGES_MAX), "the list does not end");
        assert_eq!(listed.total, all.total);
        turned.extend(listed.items);
        next = listed.next_page;
    }
    assert_eq!(turned, all.items);
    for (pattern, expected) in all
        .items
        .iter()
        .map(|file| (&*file.path, vec![file.clone()]))
        .chain([("no-such-folder/**", vec![])])
    {
        let query = FileQuery {
            path: PathPattern::parse(pattern),
            ..FileQuery::default()
        };
        let named = world.manager().list_session_files(id, query).await;
        assert_eq!(named.expect("it has a workspace").items, expected);
    }
    let deleted = FileQuery {
        statuses: vec![FileStatus::Deleted],
        ..FileQuery::default()
    };
    let deleted = world.manager().list_session_files(id, deleted).await;
    assert_eq!(deleted.expect("it has a workspace").total, 0);
}

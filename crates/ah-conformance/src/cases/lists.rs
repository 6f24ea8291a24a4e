//! Lists of sessions.

use ah_rest_api_contract::{AgentType, PageRequest, SessionId, SessionQuery, SessionStatus as S};
use serde_json::json;

use crate::World;
use crate::script::{exit, hang, think};
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

/// Lists can be filtered by the properties of sessions.
pub async fn lists_are_filtered(world: &World) {
    let hanging = world.running(json!([think("hm"), hang()])).await;
    let failed = world.launch(json!([exit(1)])).await;
    world.until_status(failed, S::Failed).await;
    let mut task = world.task(&json!([think("hm")]));
    task.project_id = Some("project".into());
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

//! Agents, repositories and branches.

use ah_rest_api_contract::{
    HealthStatus, Installation, PageRequest, RepoConfig, RepositoryQuery, SessionStatus as S,
    WorkspaceQuery, WorkspaceStatus,
};
use serde_json::json;

use crate::World;
use crate::script::{hang, think};

/// The access point has a version, and its checks pass.
pub async fn version_and_health_are_reported(world: &World) {
    let version = world.manager().version().await.expect("it has a version");
    assert!(!version.version.is_empty());
    let health = world.manager().deep_health().await.expect("it is checked");
    assert_eq!(health.status, HealthStatus::Ok, "{health:?}");
    assert!(!health.checks.is_empty());
}

/// Listed agents can be used by tasks.
pub async fn agents_are_listed(world: &World) {
    let agents = world
        .manager()
        .list_agents(PageRequest::largest())
        .await
        .expect("agents are listed");
    assert_eq!(agents.total, agents.items.len() as u64);
    let task = world.task(&json!([think("hm")]));
    let named = &task.agents[0].agent_type;
    let agent = agents.items.iter().find(|agent| agent.agent_type == *named);
    let agent = agent.expect("the agent of the cases is listed");
    assert!(matches!(agent.installation, Installation::Installed { .. }));
    assert!(agent.capabilities.permissions && agent.capabilities.steer);
}

/// The hosts and runtimes that tasks can request are listed.
pub async fn executors_and_runtimes_are_listed(world: &World) {
    let page = PageRequest::largest();
    let executors = world.manager().list_executors(page).await;
    let executors = executors.expect("executors are listed");
    assert_eq!(executors.total, executors.items.len() as u64);
    let runtimes = world.manager().list_runtimes(page).await;
    let runtimes = runtimes.expect("runtimes are listed").items;
    let id = world.launch(json!([think("hm")])).await;
    world.until_status(id, S::Completed).await;
    let session = world.session(id).await;
    let workspace = session.workspace.expect("a completed session has one");
    let mut ids = executors.items.iter().map(|executor| &executor.id);
    assert!(ids.any(|id| *id == workspace.executor_id), "{executors:?}");
    let mut kinds = runtimes.iter().map(|runtime| runtime.runtime_type);
    assert!(
        kinds.any(|kind| kind == session.runtime.runtime_type),
        "{runtimes:?}"
    );
}

/// A project exists once a task names it.
pub async fn projects_of_tasks_are_listed(world: &World) {
    let listed = async || {
        let page = world.manager().list_projects(PageRequest::largest()).await;
        let page = page.expect("projects are listed");
        assert_eq!(page.total, page.items.len() as u64);
        page.items
            .into_iter()
            .map(|project| project.id)
            .collect::<Vec<_>>()
    };
    assert!(listed().await.is_empty());
    for (project, expected) in [
        ("one", &["one"][..]),
        ("two", &["two", "one"]),
        ("one", &["one", "two"]),
    ] {
        world.advance(std::time::Duration::from_millis(5)).await;
        let mut task = world.task(&json!([think("hm")]));
        task.project_id = Some(project.to_owned());
        let id = world.launch_task(task).await;
        world.until_status(id, S::Completed).await;
        assert_eq!(listed().await, expected);
    }
}

/// A workspace is listed as long as its session is not hidden, with the state of the session.
pub async fn workspaces_of_sessions_are_listed(world: &World) {
    let listed = async |statuses: &[WorkspaceStatus]| {
        let query = WorkspaceQuery {
            statuses: statuses.to_vec(),
            page: PageRequest::largest(),
        };
        let page = world.manager().list_workspaces(query).await;
        let page = page.expect("workspaces are listed");
        assert_eq!(page.total, page.items.len() as u64);
        page.items
    };
    assert!(listed(&[]).await.is_empty());
    let ended = world.launch(json!([think("hm")])).await;
    world.until_status(ended, S::Completed).await;
    let running = world.launch(json!([think("hm"), hang()])).await;
    world.until_thought(running, "hm").await;
    let active = listed(&[WorkspaceStatus::Active]).await;
    assert_eq!(active.len(), 1);
    let session = world.session(running).await;
    assert_eq!(
        (active[0].id, active[0].created_at),
        (running, session.created_at)
    );
    assert_eq!(active[0].task_history, [session.task_id]);
    assert_eq!(
        Some(&active[0].path),
        session.workspace.as_ref().map(|it| &it.path)
    );
    let kept = listed(&[WorkspaceStatus::Kept]).await;
    assert_eq!((kept.len(), kept[0].id), (1, ended));
    assert_eq!(listed(&[]).await.len(), 2);
    let cancelled = world.manager().cancel_session(running).await;
    cancelled.expect("it runs");
    assert_eq!(listed(&[]).await, kept);
}

/// A repository is known once a task was launched on it. Its branches are listed, the default one
/// first.
pub async fn repositories_of_tasks_are_listed(world: &World) {
    let none = world
        .manager()
        .list_repositories(PageRequest::largest().into())
        .await;
    assert_eq!(none.expect("there are none").total, 0);
    for (at, name) in ["one", "two", "one"].into_iter().enumerate() {
        world.advance(std::time::Duration::from_millis(5)).await;
        let mut task = world.task(&json!([think("hm")]));
        task.repo = RepoConfig::git(format!("https://example.com/{name}.git"));
        let id = world.launch_task(task).await;
        world.until_status(id, S::Completed).await;
        let known = world
            .manager()
            .list_repositories(PageRequest::largest().into())
            .await;
        let known = known.expect("repositories are listed");
        assert_eq!(known.total, [1, 2, 2][at]);
        assert_eq!(
            known.items[0].display_name, name,
            "the last used comes first"
        );
    }
    let known = world
        .manager()
        .list_repositories(PageRequest::largest().into())
        .await;
    let known = known.expect("repositories are listed").items.remove(0);
    assert_eq!(known.remote_url, "https://example.com/one.git");
    assert!(known.last_used_at.is_some());
    for (project, expected) in [("none", 0), ("mine", 1)] {
        if project == "mine" {
            let mut task = world.task(&json!([think("hm")]));
            task.repo = RepoConfig::git("https://example.com/two.git");
            task.project_id = Some(project.to_owned());
            let id = world.launch_task(task).await;
            world.until_status(id, S::Completed).await;
        }
        let query = RepositoryQuery {
            project_id: Some(project.to_owned()),
            ..RepositoryQuery::default()
        };
        let used = world.manager().list_repositories(query).await;
        let used = used.expect("repositories are listed");
        assert_eq!(
            (used.total, used.items.len()),
            (expected, expected as usize)
        );
        assert!(used.items.iter().all(|it| it.display_name == "two"));
    }
    let read = world.manager().get_repository(known.id).await;
    assert_eq!(read.expect("the repository is known"), known);
    let branches = world.manager().list_branches(known.id).await;
    let branches = branches.expect("the repository is known");
    assert_eq!(branches.repository_id, known.id);
    assert_eq!(branches.total, branches.branches.len() as u64);
    assert!(branches.branches[0].is_default);
    assert!(
        branches.branches[1..]
            .iter()
            .all(|branch| !branch.is_default)
    );
}

/// An implementation describes itself.
pub async fn server_info_describes_the_implementation(world: &World) {
    assert!(!world.manager().description().is_empty());
}

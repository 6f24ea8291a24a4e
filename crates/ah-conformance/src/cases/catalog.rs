//! Agents, repositories and branches.

use ah_rest_api_contract::{
    HealthStatus, Installation, PageRequest, RepoConfig, SessionStatus as S,
};
use serde_json::json;

use crate::World;
use crate::script::think;

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

/// A repository is known once a task was launched on it. Its branches are listed, the default one
/// first.
pub async fn repositories_of_tasks_are_listed(world: &World) {
    let none = world
        .manager()
        .list_repositories(PageRequest::largest())
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
            .list_repositories(PageRequest::largest())
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
        .list_repositories(PageRequest::largest())
        .await;
    let known = known.expect("repositories are listed").items.remove(0);
    assert_eq!(known.remote_url, "https://example.com/one.git");
    assert!(known.last_used_at.is_some());
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

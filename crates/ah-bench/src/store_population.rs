//! Sessions for a store to hold.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    AgentType, CreateTask, EventSeq, PermissionPolicy, PromptContent, RepoConfig, RepoMode,
    RepositoryId, RuntimeConfig, Session, SessionAgent, SessionId, SessionLinks, SessionRepo,
    SessionStatus, Task, TaskId, Timestamp,
};
use ah_store::{Launch, NewTask, Store};
use ulid::Ulid;

/// When everything happens. What time it is does not matter to a store.
pub(crate) const MOMENT: Timestamp = Timestamp::MAX;

/// Creates one task of so many sessions, and names them.
pub(crate) async fn create_sessions(
    store: &dyn Store,
    count: usize,
) -> anyhow::Result<Vec<SessionId>> {
    let task_id = TaskId::from_ulid(Ulid::from_parts(0, 1));
    let request = CreateTask::new("measure", RepoConfig::none(), "scenario");
    let ids: Vec<SessionId> = (1..=count)
        .map(|number| SessionId::from_ulid(Ulid::from_parts(0, number as u128)))
        .collect();
    store
        .create_task(NewTask {
            task: Task {
                id: task_id,
                request: request.clone(),
                session_ids: ids.clone(),
                created_at: MOMENT,
            },
            sessions: ids
                .iter()
                .map(|&id| (session(id, task_id), launch()))
                .collect(),
            repository_id: RepositoryId::from_ulid(Ulid::from_parts(0, 1)),
            repository_name: None,
            reply: None,
        })
        .await?;
    Ok(ids)
}

fn session(id: SessionId, task_id: TaskId) -> Session {
    let prompt: PromptContent = "measure".into();
    Session {
        id,
        tenant_id: None,
        project_id: None,
        task_id,
        status: SessionStatus::Queued,
        activity: None,
        reason: None,
        exit_code: None,
        prompt: prompt.text(),
        prompt_blocks: prompt,
        repo: SessionRepo {
            mode: RepoMode::None,
            url: None,
            branch: None,
            commit: None,
        },
        runtime: RuntimeConfig::default(),
        agent: SessionAgent {
            agent_type: AgentType::new("scenario"),
            version: "1".to_owned(),
            model: None,
            settings: serde_json::Map::new(),
        },
        workspace: None,
        labels: BTreeMap::new(),
        priority: ah_rest_api_contract::Priority::default(),
        interactive: false,
        created_at: MOMENT,
        updated_at: MOMENT,
        started_at: None,
        ended_at: None,
        last_seq: EventSeq::START,
        recent_events: Vec::new(),
        changes: None,
        usage: None,
        parent_session_id: None,
        links: SessionLinks::of(id),
    }
}

fn launch() -> Launch {
    Launch {
        source: None,
        commit: None,
        env: BTreeMap::new(),
        permissions: PermissionPolicy::default(),
        timeout_ms: None,
        idle_timeout_ms: None,
        author: "bench".to_owned(),
    }
}

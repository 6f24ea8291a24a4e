//! Launching tasks.

use std::collections::BTreeSet;

use ah_rest_api_contract::{
    AgentSelection, ContentBlock, CreateTask, ErrorKind, ExecutorId, IdempotencyKey, PageRequest,
    Priority, PromptContent, RepoConfig, RuntimeConfig, RuntimeResources, SessionQuery,
    SessionStatus as S, TaskLaunchParams, WorkDelivery, WorkDeliveryMode, WorkspaceConfig,
};
use futures::future::join_all;
use serde_json::{Value, json};
use ulid::Ulid;

use crate::World;
use crate::script::{hang, say, think};
use crate::world::{refused, refused_for, statuses};

fn params(task: CreateTask) -> TaskLaunchParams {
    TaskLaunchParams::try_from(task).expect("the contract itself has nothing against it")
}

/// A task with one agent creates one session, which matches the task and runs to its end.
pub async fn a_task_launches_one_session(world: &World) {
    let mut task = world.task(&json!([think("hm"), say("done: {{prompt}}")]));
    task.labels.insert("area".into(), "conformance".into());
    task.project_id = Some("project".into());
    let launched = world.manager().launch_task(params(task.clone())).await;
    let launched = launched.expect("the task is launched");
    let id = launched.session_ids[0];
    assert_eq!(launched.session_ids, [id]);
    assert_eq!(launched.status, S::Queued);
    let log = world.whole_log(id).await;
    let expected = [S::Queued, S::Provisioning, S::Running, S::Completed];
    assert_eq!(statuses(&log), expected);
    let session = world.session(id).await;
    assert_eq!(session.task_id, launched.task_id);
    assert_eq!(session.links, launched.links);
    assert_eq!(session.prompt, "do it");
    assert_eq!(session.agent.agent_type, task.agents[0].agent_type);
    assert_eq!(session.labels, task.labels);
    assert_eq!(session.project_id, task.project_id);
    assert_eq!(session.exit_code, Some(0));
    assert_eq!(session.activity, None);
    assert_eq!(session.last_seq, log.last().expect("a log has an end").seq);
    let times = (session.started_at, session.ended_at);
    let (Some(started), Some(ended)) = times else {
        panic!("it has run: {session:?}")
    };
    assert!(session.created_at <= started && started <= ended);
    let task = world.manager().get_task(launched.task_id).await;
    let stored = task.expect("the task is known");
    assert_eq!(stored.session_ids, [id]);
    assert_eq!(stored.request.prompt, session.prompt_blocks);
    assert_eq!(stored.request.labels, session.labels);
    assert_eq!(stored.request.project_id, session.project_id);
}

/// The blocks of a prompt are kept as they are.
pub async fn a_prompt_keeps_its_blocks(world: &World) {
    let blocks = vec![
        ContentBlock::Text {
            text: "like this".to_owned(),
        },
        ContentBlock::ResourceLink {
            uri: "https://example.com/picture.png".to_owned(),
            name: "picture.png".to_owned(),
            mime_type: Some("image/png".to_owned()),
            title: None,
            description: None,
            size: Some(5),
        },
    ];
    let mut task = world.task(&json!([think("hm"), hang()]));
    task.prompt = PromptContent::new(blocks);
    let prompt = task.prompt.clone();
    let id = world.launch_task(task).await;
    let session = world.session(id).await;
    assert_eq!(session.prompt_blocks, prompt);
    let task = world.manager().get_task(session.task_id).await;
    assert_eq!(task.expect("the task is known").request.prompt, prompt);
    let prompts = world
        .manager()
        .list_prompts(id, PageRequest::largest())
        .await;
    let prompts = prompts.expect("the session is known").items;
    assert!(
        prompts.iter().all(|it| it.content == prompt),
        "{prompts:#?}"
    );
}

/// The branch and the commit at which a session starts are those of its task.
pub async fn a_session_starts_at_the_requested_branch_and_commit(world: &World) {
    let branch = Some("topic/conformance".to_owned());
    let commit = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
    let mut task = world.task(&json!([think("hm"), hang()]));
    task.repo = RepoConfig::git("https://example.com/conformance.git");
    task.repo.branch.clone_from(&branch);
    task.repo.commit.clone_from(&commit);
    let session = world.launch_task(task).await;
    let session = world.session(session).await;
    assert_eq!(
        (&session.repo.branch, &session.repo.commit),
        (&branch, &commit)
    );
    let task = world.manager().get_task(session.task_id).await;
    let repo = task.expect("the task is known").request.repo;
    assert_eq!((repo.branch, repo.commit), (branch, commit));
}

/// A task with several agents creates a session for each, times its count, in the order of the
/// request.
pub async fn a_task_launches_many_sessions(world: &World) {
    let mut task = world.task(&json!([think("hm")]));
    let mut another = task.agents[0].clone();
    another.count = 2;
    task.agents.push(another);
    let launched = world.manager().launch_task(params(task)).await;
    let launched = launched.expect("the task is launched");
    let ids: BTreeSet<_> = launched.session_ids.iter().collect();
    assert_eq!(ids.len(), 3);
    for id in &launched.session_ids {
        let log = world.whole_log(*id).await;
        assert_eq!(statuses(&log).last(), Some(&S::Completed));
    }
    let task = world.manager().get_task(launched.task_id).await;
    assert_eq!(
        task.expect("the task is known").session_ids,
        launched.session_ids
    );
}

/// Launches with the same idempotency key launch one task, also if they are concurrent. The key is
/// of one request only.
pub async fn a_task_with_a_key_is_launched_once(world: &World) {
    let manager = world.manager();
    let key = |low| IdempotencyKey::from_ulid(Ulid::from_parts(1, low));
    let task = world.task(&json!([think("hm")]));
    let keyed = |low| params(task.clone()).with_idempotency_key(key(low));
    let launches = (0..4).map(|_| manager.launch_task(keyed(1)));
    let launched = join_all(launches).await;
    let launched: Vec<_> = launched
        .into_iter()
        .map(|it| it.expect("the task is launched"))
        .collect();
    let first = &launched[0];
    assert!(launched.iter().all(|it| it == first), "{launched:#?}");
    world.until_status(first.session_ids[0], S::Completed).await;
    let again = manager.launch_task(keyed(1)).await;
    assert_eq!(&again.expect("the task is returned again"), first);
    let mut other = task.clone();
    other.prompt = "do something else".into();
    let other = params(other).with_idempotency_key(key(1));
    refused(
        manager.launch_task(other).await,
        ErrorKind::IdempotencyMismatch,
    );
    let sessions = manager.list_sessions(SessionQuery::default()).await;
    assert_eq!(sessions.expect("there is one").total, 1);
    for another in [keyed(2), params(task.clone())] {
        let another = manager.launch_task(another).await;
        let another = another.expect("another task is launched");
        assert_ne!(another.task_id, first.task_id);
    }
}

/// Every error in a task is reported by field, and nothing of the task is launched.
pub async fn invalid_task_names_its_fields_and_launches_nothing(world: &World) {
    let good = || world.task(&json!([think("hm")]));
    let mut unknown = good();
    unknown.agents.push(AgentSelection::new("no-such-agent"));
    let mut setting = good();
    let colour = Value::from("red");
    setting.agents[0].settings.insert("colour".into(), colour);
    let mut version = good();
    version.agents[0].version = Some("0.0.0-never".into());
    let mut model = good();
    model.agents[0].model = Some("no-such-model".into());
    let mut variable = good();
    variable.env.insert("LD_PRELOAD".into(), "evil.so".into());
    let cases = [
        (unknown, "agents[1].type"),
        (setting, "agents[0].settings.colour"),
        (version, "agents[0].version"),
        (model, "agents[0].model"),
        (variable, "env.LD_PRELOAD"),
    ];
    for (task, field) in cases {
        refused_for(world.manager().launch_task(params(task)).await, field);
    }
    let sessions = world.manager().list_sessions(SessionQuery::default()).await;
    assert_eq!(sessions.expect("there are none").total, 0);
}

/// The installed version of an agent is meant by an absent version, an empty one and `latest`. The
/// task keeps the words, and the session shows the version that ran.
pub async fn installed_version_has_several_words(world: &World) {
    let mut ran = Vec::new();
    for asked in [None, Some(""), Some("latest")] {
        let mut task = world.task(&json!([think("hm")]));
        task.agents[0].version = asked.map(str::to_owned);
        let id = world.launch_task(task).await;
        world.until_status(id, S::Completed).await;
        let session = world.session(id).await;
        let stored = world.manager().get_task(session.task_id).await;
        let stored = stored.expect("it was launched").request;
        assert_eq!(stored.agents[0].version.as_deref(), asked);
        ran.push(session.agent.version);
    }
    assert!(
        ran.iter()
            .all(|version| *version == ran[0] && version.as_deref() != Some("latest")),
        "{ran:?}"
    );
}

/// Options that ask for what happens anyway are accepted, and kept with the task.
pub async fn options_for_the_default_are_accepted(world: &World) {
    let mut task = world.task(&json!([think("hm")]));
    task.workspace = Some(WorkspaceConfig {
        snapshot_preference: vec!["worktree".to_owned()],
        execution_host_id: Some(ExecutorId::local()),
    });
    task.runtime.resources = Some(RuntimeResources::default());
    task.delivery = Some(WorkDelivery {
        mode: WorkDeliveryMode::Branch,
        target_branch: None,
    });
    let id = world.launch_task(task.clone()).await;
    world.until_status(id, S::Completed).await;
    let session = world.session(id).await;
    assert_eq!(session.runtime, RuntimeConfig::default());
    let stored = world.manager().get_task(session.task_id).await;
    assert_eq!(stored.expect("it was launched").request, task);
}

/// Sessions without a slot are queued, and those with high priority run first.
pub async fn sessions_wait_for_a_slot_by_priority(world: &World) {
    let mut running = Vec::new();
    for _ in 0..world.slots() {
        running.push(world.running(json!([think("hm"), hang()])).await);
    }
    let patient = world.launch(json!([think("hm"), hang()])).await;
    let mut urgent = world.task(&json!([think("hm"), hang()]));
    urgent.priority = Priority::High;
    let urgent = world.launch_task(urgent).await;
    let stop = async |id| {
        let stopped = world.manager().stop_session(id, None).await;
        stopped.expect("a running session can be stopped");
    };
    assert_eq!(world.session(urgent).await.status, S::Queued);
    stop(running[0]).await;
    world.until_status(urgent, S::Running).await;
    assert_eq!(world.session(patient).await.status, S::Queued);
    stop(urgent).await;
    world.until_status(patient, S::Running).await;
}

/// Tasks that are launched concurrently are all launched, each once.
pub async fn concurrent_launches_all_succeed(world: &World) {
    let launches = (0..12).map(|_| world.launch(json!([think("hm")])));
    let ids: BTreeSet<_> = join_all(launches).await.into_iter().collect();
    assert_eq!(ids.len(), 12);
    for id in ids {
        let log = world.whole_log(id).await;
        assert_eq!(statuses(&log).last(), Some(&S::Completed));
    }
}

/// The user name and password of an address are never shown.
pub async fn credentials_are_not_shown(world: &World) {
    let mut task = world.task(&json!([think("hm")]));
    task.repo = RepoConfig::git("https://user:secret@example.com/conformance.git");
    let id = world.launch_task(task).await;
    world.whole_log(id).await;
    let session = world.session(id).await;
    let shown = "https://example.com/conformance.git";
    assert_eq!(session.repo.url.as_deref(), Some(shown));
    let task = world.manager().get_task(session.task_id).await;
    let task = task.expect("the task is known");
    assert_eq!(task.request.repo.url.as_deref(), Some(shown));
}

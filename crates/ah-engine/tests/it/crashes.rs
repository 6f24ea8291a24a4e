//! Engines that die, and engines that take over.

use ah_engine::testing::Behavior;
use ah_lifecycle::{AgentEnd, Request};
use ah_rest_api_contract::{
    EventPayload, PromptRequest, SessionId, SessionStatus as S, TaskManager,
};
use tokio::runtime::Runtime;

use crate::world::{
    PATIENCE, World, a_task, launch, statuses, thoughts, until, until_status, whole_log,
};

/// Runs an engine in its own runtime, calls `act`, and drops both without a shutdown.
fn with_doomed_engine<T: Send + 'static>(
    world: &World,
    act: impl AsyncFnOnce(&dyn TaskManager) -> T,
) -> T {
    let runtime = Runtime::new().unwrap();
    let result = runtime.block_on(async {
        let engine = world.engine().await;
        act(&engine).await
    });
    // Every task is dropped at its current await. The kernel would release a dead process's locks
    // before another engine could run, so this waits for the tasks.
    runtime.shutdown_timeout(PATIENCE);
    result
}

fn saw(text: &'static str) -> impl Fn(&EventPayload) -> bool {
    move |event| matches!(event, EventPayload::Thought(thought) if thought.thought == text)
}

#[test]
fn output_without_an_engine_is_ingested_later() {
    let world = World::new(Behavior::Directed);
    let id: SessionId = with_doomed_engine(&world, async |engine| {
        let id = launch(engine, a_task()).await;
        until_status(engine, id, S::Running).await;
        world.host.thought(id, "seen");
        until(engine, id, saw("seen")).await;
        id
    });
    world.host.thought(id, "unseen");
    with_doomed_engine(&world, async |engine| {
        // Starting waits for the ingestion, so no further wait is needed.
        let log = engine.list_events(id, Default::default()).await.unwrap();
        assert!(saw("unseen")(&log.items[0].payload), "{log:#?}");
    });
    world.host.thought(id, "last");
    world.host.end_turn(id);
    let log = with_doomed_engine(&world, async |engine| whole_log(engine, id).await);
    assert_eq!(
        statuses(&log),
        [S::Queued, S::Provisioning, S::Running, S::Completed]
    );
    assert_eq!(thoughts(&log), ["seen", "unseen", "last"]);
}

#[test]
fn a_recorder_that_began_before_its_workspace_was_written_is_attended_to() {
    for is_over in [false, true] {
        let world = World::new(Behavior::Directed);
        world.host.hold(S::Provisioning);
        let id: SessionId = with_doomed_engine(&world, async |engine| {
            let id = launch(engine, a_task()).await;
            until_status(engine, id, S::Provisioning).await;
            id
        });
        world.host.start_recorder(id);
        world.host.thought(id, "early");
        if is_over {
            world.host.end_turn(id);
            world.host.end(id, AgentEnd::default());
        }
        world.host.release(S::Provisioning);
        let (log, session) = with_doomed_engine(&world, async |engine| {
            if !is_over {
                until(engine, id, saw("early")).await;
                world.host.end_turn(id);
            }
            let log = whole_log(engine, id).await;
            (log, engine.get_session(id).await.unwrap())
        });
        assert_eq!(thoughts(&log), ["early"]);
        let path = session.workspace.expect("the workspace is known").path;
        assert_eq!(path, format!("/workspaces/{id}"));
        assert!(statuses(&log).last().unwrap().is_terminal());
    }
}

#[test]
fn a_queued_prompt_and_a_stop_survive_the_engine_that_took_them() {
    let world = World::new(Behavior::Directed);
    let id: SessionId = with_doomed_engine(&world, async |engine| {
        let id = launch(engine, a_task()).await;
        until_status(engine, id, S::Running).await;
        engine
            .prompt_session(id, PromptRequest::queued("more"))
            .await
            .unwrap();
        id
    });
    world.host.end_turn(id);
    with_doomed_engine(&world, async |engine| {
        let second = |event: &EventPayload| {
            matches!(event, EventPayload::Message(message)
                if message.delivery == Some(ah_rest_api_contract::PromptDelivery::Queued))
        };
        until(engine, id, second).await;
        engine.stop_session(id, None).await.unwrap();
    });
    let log = with_doomed_engine(&world, async |engine| whole_log(engine, id).await);
    assert_eq!(statuses(&log).last(), Some(&S::Stopped));
}

#[test]
fn a_prompt_that_waits_at_shutdown_is_delivered_by_the_recorder() {
    let world = World::new(Behavior::Directed);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let first = world.engine().await;
        let id = launch(&first, a_task()).await;
        until_status(&first, id, S::Running).await;
        let kept = first
            .prompt_session(id, PromptRequest::queued("more"))
            .await
            .unwrap();
        let taken = first
            .prompt_session(id, PromptRequest::queued("less"))
            .await
            .unwrap();
        first.shutdown().await;
        let second = world.engine().await;
        second.withdraw_prompt(id, taken.prompt_id).await.unwrap();
        world
            .host
            .asked(id, |request| matches!(request, Request::Withdraw { .. }))
            .await;
        second.shutdown().await;
        world.host.end_turn(id);
        world.host.thought(id, "on the second turn");
        world.host.end_turn(id);
        let third = world.engine().await;
        let log = whole_log(&third, id).await;
        assert_eq!(thoughts(&log), ["on the second turn"]);
        let prompted: Vec<_> = log
            .iter()
            .filter_map(|event| match &event.payload {
                EventPayload::Message(message) => message.prompt_id,
                _ => None,
            })
            .collect();
        assert!(
            prompted.contains(&kept.prompt_id) && !prompted.contains(&taken.prompt_id),
            "{log:#?}"
        );
        assert_eq!(statuses(&log).last(), Some(&S::Completed));
        third.shutdown().await;
    });
}

#[test]
fn recorder_that_died_without_an_engine_is_detected() {
    let world = World::new(Behavior::Directed);
    let id: SessionId = with_doomed_engine(&world, async |engine| {
        let id = launch(engine, a_task()).await;
        until_status(engine, id, S::Running).await;
        id
    });
    world.host.thought(id, "last words");
    world.host.kill_recorder(id);
    let log = with_doomed_engine(&world, async |engine| whole_log(engine, id).await);
    assert_eq!(thoughts(&log), ["last words"]);
    assert_eq!(statuses(&log).last(), Some(&S::Failed));
}

#[test]
fn next_engine_takes_over_immediately_after_a_clean_shutdown() {
    let world = World::new(Behavior::Directed);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let first = world.engine().await;
        let id = launch(&first, a_task()).await;
        until_status(&first, id, S::Running).await;
        first.shutdown().await;
        let second = world.engine().await;
        world.host.end_turn(id);
        until_status(&second, id, S::Completed).await;
        second.shutdown().await;
    });
}

#[test]
fn repeatedly_killed_engines_lose_and_repeat_nothing() {
    let world = World::new(Behavior::Directed);
    let id: SessionId = with_doomed_engine(&world, async |engine| launch(engine, a_task()).await);
    with_doomed_engine(&world, async |engine| {
        until_status(engine, id, S::Running).await;
    });
    for round in 0..15 {
        for n in 0..20 {
            world.host.thought(id, &format!("{}", round * 20 + n));
        }
        // The engine is killed while it ingests these records.
        with_doomed_engine(&world, async |engine| {
            engine.get_session(id).await.unwrap();
        });
    }
    world.host.end_turn(id);
    let log = with_doomed_engine(&world, async |engine| whole_log(engine, id).await);
    let expected: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    assert_eq!(thoughts(&log), expected);
    assert_eq!(statuses(&log).last(), Some(&S::Completed));
}

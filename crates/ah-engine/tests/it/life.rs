//! Sessions from launch to end.

use std::time::Duration;

use ah_engine::testing::Behavior;
use ah_lifecycle::AgentEnd;
use ah_rest_api_contract::{
    Activity, AgentSelection, AgentState, ErrorKind, EventPayload, Priority, RepoConfig,
    SessionQuery, SessionStatus as S, SupervisorPhase, TaskLaunchParams, TaskManager,
};
use ah_store::suite::sample;

use crate::world::{PATIENCE, World, a_task, launch, statuses, until, until_status, whole_log};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_runs_from_queued_to_completed() {
    let world = World::new(Behavior::EndsTurns);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    let log = whole_log(&engine, id).await;
    assert_eq!(
        statuses(&log),
        [S::Queued, S::Provisioning, S::Running, S::Completed]
    );
    let session = engine.get_session(id).await.unwrap();
    assert_eq!(session.exit_code, Some(0));
    assert_eq!(session.changes.map(|changes| changes.lines_added), Some(2));
    assert_eq!(session.agent.version.as_deref(), Some("1.0"));
    assert!(session.started_at.is_some() && session.ended_at.is_some());
    assert_eq!(session.last_seq.get(), log.len() as u64);
    assert!(session.recent_events.is_empty(), "it is over");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sessions_never_take_more_than_their_slots() {
    let mut world = World::new(Behavior::EndsTurns);
    world.slots = 7;
    let engine = world.engine().await;
    let mut request = a_task();
    request.agents = vec![AgentSelection {
        count: 100,
        ..AgentSelection::new("scenario")
    }];
    let launched = engine
        .launch_task(TaskLaunchParams::try_from(request).unwrap())
        .await
        .unwrap();
    assert_eq!(launched.session_ids.len(), 100);
    for id in &launched.session_ids {
        let log = whole_log(&engine, *id).await;
        assert_eq!(statuses(&log).last(), Some(&S::Completed));
    }
    assert!(world.host.most_alive() <= 7);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn high_priority_goes_first_and_then_age() {
    let mut world = World::new(Behavior::Directed);
    world.slots = 1;
    let engine = world.engine().await;
    let running = launch(&engine, a_task()).await;
    until_status(&engine, running, S::Running).await;
    let first = launch(&engine, a_task()).await;
    let second = launch(&engine, a_task()).await;
    let urgent = launch(&engine, {
        let mut task = a_task();
        task.priority = Priority::High;
        task
    })
    .await;
    for (ends, begins) in [(running, urgent), (urgent, first), (first, second)] {
        world.host.end_turn(ends);
        until_status(&engine, begins, S::Running).await;
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_provisioning_fails_the_session_with_its_reason() {
    let world = World::new(Behavior::EndsTurns);
    world.host.refuse("the disk is full");
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    let log = whole_log(&engine, id).await;
    assert_eq!(statuses(&log), [S::Queued, S::Provisioning, S::Failed]);
    let reason = engine.get_session(id).await.unwrap().reason.unwrap();
    assert_eq!(
        reason,
        "the workspace could not be created: the disk is full"
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_stored_address_fails_the_session() {
    let world = World::new(Behavior::EndsTurns);
    let store = world.store().await;
    let mut task = sample::task(1, sample::at(0));
    let (session, launch) = &mut task.sessions[0];
    let id = session.id;
    launch.source = Some("no address of anything".into());
    store.create_task(task).await.unwrap();
    let engine = world.engine_on(store).await;
    let log = whole_log(&engine, id).await;
    assert_eq!(statuses(&log), [S::Queued, S::Provisioning, S::Failed]);
    let reason = engine.get_session(id).await.unwrap().reason.unwrap();
    let expected = format!(
        "column `launch` of table `sessions` cannot be read for `{id}`: \
         the address of the repository "
    );
    assert!(reason.starts_with(&expected), "{reason}");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_agent_fails_its_session_with_the_recorded_reason() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let cases = [
        (
            Some(AgentEnd {
                exit_code: Some(3),
                ..AgentEnd::default()
            }),
            "exited with code 3",
        ),
        (
            Some(AgentEnd {
                signal: Some(9),
                ..AgentEnd::default()
            }),
            "signal 9",
        ),
        (None, "recorder lost"),
    ];
    for (end, words) in cases {
        let id = launch(&engine, a_task()).await;
        until_status(&engine, id, S::Running).await;
        match end {
            Some(end) => world.host.end(id, end),
            None => world.host.kill_recorder(id),
        }
        let session = until_status(&engine, id, S::Failed).await;
        assert!(
            session.reason.as_ref().unwrap().contains(words),
            "{session:?}"
        );
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_limit_fails_and_idle_limit_stops_a_session() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let mut task = a_task();
    task.timeout_ms = Some(60_000);
    let long = launch(&engine, task).await;
    let mut task = a_task();
    task.interactive = true;
    task.idle_timeout_ms = Some(30_000);
    let idle = launch(&engine, task).await;
    until_status(&engine, long, S::Running).await;
    until_status(&engine, idle, S::Running).await;
    world.host.end_turn(idle);
    world.host.thought(idle, "idle now");
    until(&engine, idle, |event| {
        matches!(event, EventPayload::Thought(_))
    })
    .await;
    world.clock.advance(Duration::from_secs(31));
    let idle = until_status(&engine, idle, S::Stopped).await;
    assert!(
        idle.reason
            .unwrap()
            .contains("the session received no prompt for 30 s")
    );
    world.clock.advance(Duration::from_secs(31));
    let long = until_status(&engine, long, S::Failed).await;
    assert_eq!(
        long.reason.unwrap(),
        "the session exceeded its time limit of 60 s"
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_tasks_are_rejected_before_any_effect() {
    let world = World::new(Behavior::EndsTurns);
    let engine = world.engine().await;
    let mut unknown = a_task();
    unknown.agents.push(AgentSelection::new("no-such-agent"));
    let mut variable = a_task();
    variable.env.insert("LD_PRELOAD".into(), "evil.so".into());
    let mut nowhere = a_task();
    nowhere.repo = RepoConfig::git("/nowhere/at/all");
    let cases = [
        (unknown, ErrorKind::Validation, Some("agents[1].type")),
        (variable, ErrorKind::Validation, Some("env.LD_PRELOAD")),
        (nowhere, ErrorKind::Validation, Some("repo.url")),
    ];
    for (request, kind, field) in cases {
        let params = TaskLaunchParams::try_from(request).unwrap();
        let error = engine.launch_task(params).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        if let Some(field) = field {
            assert!(!error.problem().errors.get(field).is_empty(), "{error:?}");
        }
    }
    let sessions = engine.list_sessions(SessionQuery::default()).await.unwrap();
    assert_eq!(sessions.total, 0);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_variables_are_not_shown_with_the_task() {
    let world = World::new(Behavior::EndsTurns);
    let engine = world.engine().await;
    let mut task = a_task();
    task.env.insert("GREETING".into(), "a secret".into());
    let id = launch(&engine, task).await;
    let session = engine.get_session(id).await.unwrap();
    let task = engine.get_task(session.task_id).await.unwrap();
    assert_eq!(task.request.env["GREETING"], "");
    assert_eq!(task.session_ids, [id]);
    whole_log(&engine, id).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_changes_cannot_be_stored_fails_with_the_reason() {
    let world = World::new(Behavior::EndsTurns);
    world
        .host
        .refuse_to_seal(Some("its objects cannot be read"));
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    let log = whole_log(&engine, id).await;
    assert_eq!(statuses(&log).last(), Some(&S::Failed));
    let session = engine.get_session(id).await.unwrap();
    assert_eq!(session.changes, None);
    assert_eq!(
        session.reason.as_deref(),
        Some("the changes could not be stored: its objects cannot be read")
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_and_stop_interrupt_the_storing_of_changes() {
    for (request, status) in [("cancel", S::Cancelled), ("stop", S::Stopped)] {
        let world = World::new(Behavior::EndsTurns);
        world.host.hold_seals();
        let engine = world.engine().await;
        let id = launch(&engine, a_task()).await;
        world.host.sealing().await;
        match request {
            "cancel" => engine.cancel_session(id).await.unwrap(),
            _ => drop(engine.stop_session(id, None).await.unwrap()),
        }
        let log = whole_log(&engine, id).await;
        assert_eq!(statuses(&log).last(), Some(&status), "{request}");
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storing_of_changes_is_logged_and_continued_by_the_next_engine() {
    let world = World::new(Behavior::EndsTurns);
    world.host.hold_seals();
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until(&engine, id, |payload| {
        let EventPayload::Log(log) = payload else {
            return false;
        };
        log.message.contains("changes are being stored")
    })
    .await;
    // A shutdown does not wait for it.
    engine.shutdown().await;
    world.host.release_seals();
    let engine = world.engine().await;
    let log = whole_log(&engine, id).await;
    assert_eq!(statuses(&log).last(), Some(&S::Completed));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_stores_its_changes_holds_no_slot() {
    let mut world = World::new(Behavior::EndsTurns);
    world.slots = 1;
    world.host.hold_seals();
    let engine = world.engine().await;
    let first = launch(&engine, a_task()).await;
    let second = launch(&engine, a_task()).await;
    // The second one has the only slot while the first one is not at its end.
    until_status(&engine, second, S::Running).await;
    let session = engine.get_session(first).await.unwrap();
    assert_eq!(session.status, S::Running);
    assert_eq!(session.activity, Some(Activity::Storing));
    // It has an owner still, and the next engine takes it over.
    engine.shutdown().await;
    world.host.release_seals();
    let engine = world.engine().await;
    for id in [first, second] {
        let log = whole_log(&engine, id).await;
        assert_eq!(statuses(&log).last(), Some(&S::Completed));
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_does_not_answer_is_killed_within_the_limit() {
    for (request, status, reason) in [
        (
            "stop",
            S::Stopped,
            "stopped by user; its recorder did not answer for 35 s and was killed",
        ),
        (
            "cancel",
            S::Cancelled,
            "cancelled by user; its recorder did not answer for 10 s and was killed",
        ),
        (
            "time limit",
            S::Failed,
            "the session exceeded its time limit of 60 s; its recorder did not answer for 35 s \
             and was killed",
        ),
    ] {
        let world = World::new(Behavior::Directed);
        let engine = world.engine().await;
        let mut task = a_task();
        task.timeout_ms = (request == "time limit").then_some(60_000);
        let id = launch(&engine, task).await;
        until_status(&engine, id, S::Running).await;
        world.host.hold(S::Stopping);
        let end = async {
            match request {
                "stop" => drop(engine.stop_session(id, None).await.unwrap()),
                "cancel" => engine.cancel_session(id).await.unwrap(),
                _ => {}
            }
            whole_log(&engine, id).await
        };
        let time_passes = async {
            loop {
                world.clock.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let log = tokio::select! {
            log = end => log,
            () = time_passes => unreachable!("time passes for ever"),
        };
        let EventPayload::Status(last) = &log.last().unwrap().payload else {
            panic!("{log:#?}");
        };
        assert_eq!(
            (last.status, last.reason.as_deref()),
            (status, Some(reason)),
            "{request}"
        );
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_while_its_changes_are_counted_ends() {
    let world = World::new(Behavior::Directed);
    world.host.slow_counts();
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    world.host.event(id, sample::file_edit("a.txt"));
    let counting = async {
        // A step after the one in which the count was scheduled makes it due.
        loop {
            world.clock.advance(Duration::from_secs(1));
            let wait = tokio::time::timeout(Duration::from_millis(20), world.host.counting());
            if wait.await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, counting).await.unwrap();
    let end = AgentEnd {
        exit_code: Some(0),
        ..AgentEnd::default()
    };
    world.host.end(id, end);
    let ended = whole_log(&engine, id).await;
    assert!(statuses(&ended).last().unwrap().is_terminal());
    // The first count found no change, and only the second is logged.
    let counts: Vec<u64> = ended
        .iter()
        .filter_map(|event| match &event.payload {
            EventPayload::SessionUpdate(update) => Some(update.changes?.files_changed),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [1]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn supervisor_and_recorder_report_their_state() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    let debug = engine.get_session_info(id).await.unwrap().debug.unwrap();
    let supervisor = debug.supervisor.unwrap();
    assert_eq!(supervisor.phase, SupervisorPhase::Attached);
    assert_eq!((supervisor.failures, supervisor.last_error), (0, None));
    assert!(debug.owner.is_some() && debug.fence > 0);
    assert_eq!(debug.recorder.unwrap().agent, AgentState::InTurn);
    world.host.end(id, AgentEnd::default());
    whole_log(&engine, id).await;
    let debug = engine.get_session_info(id).await.unwrap().debug.unwrap();
    assert_eq!((debug.recorder, debug.recorder_error), (None, None));
    engine.shutdown().await;
}

//! The ends of sessions.

use std::time::Duration;

use ah_rest_api_contract::{Activity, EventPayload, SessionStatus as S};
use serde_json::json;

use crate::World;
use crate::script::{crash, exit, fail, hang, think};
use crate::world::statuses;

/// The end of a session reflects the end of its agent.
pub async fn session_status_reflects_the_end_of_its_agent(world: &World) {
    let cases = [
        (json!([think("hm"), exit(3)]), Some(3), "code 3"),
        (
            json!([think("hm"), fail("the model is gone")]),
            Some(0),
            "the model is gone",
        ),
        (json!([think("hm"), crash()]), None, "signal"),
    ];
    for (timeline, exit_code, reason) in cases {
        let id = world.launch(timeline).await;
        let log = world.whole_log(id).await;
        assert_eq!(statuses(&log).last(), Some(&S::Failed));
        let session = world.session(id).await;
        assert_eq!(session.exit_code, exit_code, "{session:?}");
        let shown = session.reason.unwrap_or_default();
        assert!(shown.contains(reason), "{shown}");
        let EventPayload::Status(last) = &log[log.len() - 1].payload else {
            panic!("a log ends with a status: {log:#?}")
        };
        assert_eq!(last.reason.as_deref(), Some(shown.as_str()));
        assert_eq!(last.exit_code, exit_code);
        assert_eq!(last.signal.is_some(), exit_code.is_none());
    }
}

/// An interactive session waits for a prompt after a turn and does not end.
pub async fn an_interactive_session_waits_for_a_prompt(world: &World) {
    let mut task = world.task(&json!([think("hm")]));
    task.interactive = true;
    let id = world.launch_task(task).await;
    let is_idle =
        |session: &ah_rest_api_contract::Session| session.activity == Some(Activity::Idle);
    let session = world.until_session(id, is_idle).await;
    assert_eq!(session.status, S::Running);
    let stopped = world.manager().stop_session(id, None).await;
    stopped.expect("an idle session can be stopped");
    assert_eq!(world.until_status(id, S::Stopped).await.activity, None);
}

/// A session that exceeds the time limit of its task fails with that reason.
pub async fn session_over_its_time_limit_fails(world: &World) {
    let mut task = world.task(&json!([think("hm"), hang()]));
    task.timeout_ms = Some(60_000);
    let id = world.launch_task(task).await;
    world.until_thought(id, "hm").await;
    world.advance(Duration::from_secs(61)).await;
    let session = world.until_status(id, S::Failed).await;
    let reason = session.reason.unwrap_or_default();
    assert!(reason.contains("60 s"), "{reason}");
}

/// An interactive session without a prompt for longer than its task allows is stopped.
pub async fn session_over_its_idle_limit_is_stopped(world: &World) {
    let mut task = world.task(&json!([think("hm")]));
    task.interactive = true;
    task.idle_timeout_ms = Some(30_000);
    let id = world.launch_task(task).await;
    world
        .until_session(id, |session| session.activity == Some(Activity::Idle))
        .await;
    world.advance(Duration::from_secs(31)).await;
    let session = world.until_status(id, S::Stopped).await;
    let reason = session.reason.unwrap_or_default();
    assert!(reason.contains("30 s"), "{reason}");
}

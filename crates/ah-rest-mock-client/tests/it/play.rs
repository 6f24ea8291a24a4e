//! Sessions from launch to end.

use std::time::Duration;

use ah_rest_api_contract::{
    Activity, AgentCapabilities, EphemeralEvent, EventFilter, EventPayload, EventSeq, LogLevel,
    PageRequest, PermissionAnswer, PermissionOutcome, PromptRequest, RepoConfig, RepositorySource,
    SessionStatus as S, StreamItem, TaskManager, Timestamp,
};
use ah_rest_mock_client::{MockTaskManager, ScriptBuilder};
use futures::StreamExt;
use serde_json::json;

use crate::world::{a_task, launch, statuses, until, until_status, whole_log};

#[tokio::test(start_paused = true)]
async fn demo_session_ends_immediately_with_over_fifty_events() {
    let mock = MockTaskManager::new();
    let id = launch(&mock, a_task()).await;
    let log = whole_log(&mock, id).await;
    assert!(log.len() > 50, "{} events", log.len());
    assert_eq!(
        statuses(&log),
        [S::Queued, S::Provisioning, S::Running, S::Completed]
    );
    let session = mock.get_session(id).await.unwrap();
    let took = session.ended_at.unwrap().since(session.started_at.unwrap());
    assert!(
        (Duration::from_secs(200)..Duration::from_secs(300)).contains(&took),
        "{took:?}"
    );
    assert_eq!(
        session.usage.unwrap().model.as_deref(),
        Some("mock-model-1")
    );
    assert_eq!(session.changes.unwrap().files_changed, 6);
    let diff = mock.get_session_diff(id, Default::default()).await.unwrap();
    assert_eq!(diff.files.len(), 6);
    assert_eq!(diff.total_lines_added, session.changes.unwrap().lines_added);
}

#[tokio::test(start_paused = true)]
async fn virtual_time_skips_an_hour() {
    let script = ScriptBuilder::new("hour")
        .after(Duration::from_secs(3600))
        .say("an hour later")
        .build();
    let mock = MockTaskManager::builder().script(script).build();
    let log = whole_log(&mock, launch(&mock, a_task()).await).await;
    assert_eq!(
        log.last().unwrap().ts.since(log[0].ts),
        Duration::from_secs(3600)
    );
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_logs() {
    let mut logs = Vec::new();
    for seed in [7, 7, 8] {
        let mock = MockTaskManager::builder()
            .seed(seed)
            .starting_at(Timestamp::from_unix_millis(0))
            .build();
        let id = launch(&mock, a_task()).await;
        logs.push(whole_log(&mock, id).await);
    }
    assert_eq!(logs[0], logs[1]);
    assert_ne!(logs[0], logs[2]);
}

#[tokio::test(start_paused = true)]
async fn task_settings_select_the_scenario() {
    let mock = MockTaskManager::new();
    let mut task = a_task();
    let scenario = json!({"name": "mine", "timeline": [{"log": "hello {{who}}"}]});
    task.agents[0].settings =
        serde_json::from_value(json!({"scenario": scenario, "defines": {"who": "you"}})).unwrap();
    let log = whole_log(&mock, launch(&mock, task).await).await;
    let is_expected = |event: &EventPayload| matches!(event, EventPayload::Log(log) if log.message == "hello you" && log.level == LogLevel::Info);
    assert!(
        log.iter().any(|event| is_expected(&event.payload)),
        "{log:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn custom_agent_plays_its_script() {
    let script = ScriptBuilder::new("broken").think("hm").exit(3).build();
    let mock = MockTaskManager::builder()
        .agent("breaker", AgentCapabilities::default(), script)
        .build();
    let mut task = a_task();
    task.agents[0] = ah_rest_api_contract::AgentSelection::new("breaker");
    let id = launch(&mock, task).await;
    let log = whole_log(&mock, id).await;
    assert_eq!(statuses(&log).last(), Some(&S::Failed));
    let session = mock.get_session(id).await.unwrap();
    assert_eq!(
        session.reason.as_deref(),
        Some("the agent exited with code 3")
    );
    assert_eq!(session.exit_code, Some(3));
}

#[tokio::test(start_paused = true)]
async fn paused_session_makes_no_progress_until_resumed() {
    let script = ScriptBuilder::new("slow")
        .after(Duration::from_secs(10))
        .say("ten seconds")
        .build();
    let mock = MockTaskManager::builder().script(script).build();
    let id = launch(&mock, a_task()).await;
    until_status(&mock, id, S::Running).await;
    assert_eq!(mock.pause_session(id).await.unwrap().status, S::Pausing);
    until_status(&mock, id, S::Paused).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(mock.get_session(id).await.unwrap().status, S::Paused);
    mock.resume_session(id, Some("and this".into()))
        .await
        .unwrap();
    let log = whole_log(&mock, id).await;
    assert!(log.last().unwrap().ts.since(log[0].ts) >= Duration::from_secs(100));
    assert_eq!(statuses(&log).last(), Some(&S::Completed));
    assert_eq!(
        mock.list_prompts(id, PageRequest::largest())
            .await
            .unwrap()
            .total,
        1
    );
}

#[tokio::test(start_paused = true)]
async fn permission_is_requested_and_the_answer_applies() {
    let script = ScriptBuilder::new("asks")
        .ask("runCmd", "make install")
        .if_granted(|then| then.think("granted"))
        .if_denied(|then| then.think("denied"))
        .build();
    let mock = MockTaskManager::builder().script(script).build();
    let thinks = |text: &'static str| move |event: &EventPayload| matches!(event, EventPayload::Thought(thought) if thought.thought == text);
    for (answer, outcome) in [
        (Some("allow"), "granted"),
        (Some("deny"), "denied"),
        (None, "denied"),
    ] {
        let id = launch(&mock, a_task()).await;
        until(&mock, id, |it| {
            matches!(it, EventPayload::PermissionRequest(_))
        })
        .await;
        let session = mock.get_session(id).await.unwrap();
        assert_eq!(session.activity, Some(Activity::AwaitingPermission));
        let asked = mock
            .list_permissions(id, PageRequest::largest())
            .await
            .unwrap()
            .items
            .remove(0);
        let answer = answer.map_or(PermissionAnswer::Cancel, |option| {
            PermissionAnswer::Select(option.into())
        });
        mock.answer_permission(id, asked.request.request_id, answer)
            .await
            .unwrap();
        until(&mock, id, thinks(outcome)).await;
    }
    // The request stays unanswered.
    let id = launch(&mock, a_task()).await;
    let log = whole_log(&mock, id).await;
    let expired = |event: &EventPayload| {
        matches!(event, EventPayload::PermissionResolved(resolved)
        if resolved.outcome == PermissionOutcome::Expired && resolved.by == "timeout")
    };
    assert!(log.iter().any(|event| expired(&event.payload)), "{log:#?}");
    assert!(log.iter().any(|event| thinks("denied")(&event.payload)));
    assert_eq!(
        log.last().unwrap().ts.since(log[0].ts),
        Duration::from_secs(600)
    );
}

#[tokio::test(start_paused = true)]
async fn ephemeral_events_are_delivered_on_request() {
    let mock = MockTaskManager::new();
    let id = launch(&mock, a_task()).await;
    let filter = EventFilter::default().with_ephemeral();
    let events = mock
        .task_events_stream(id, EventSeq::START, filter)
        .await
        .unwrap();
    let items: Vec<_> = events.map(Result::unwrap).collect().await;
    let progress = items
        .iter()
        .filter(|item| matches!(item, StreamItem::Ephemeral(EphemeralEvent::ToolProgress(_))));
    assert_eq!(progress.count(), 19);
}

#[tokio::test(start_paused = true)]
async fn repository_has_branches_and_a_session_starts_at_one() {
    let source = RepositorySource::parse("https://user:secret@example.com/pool.git").unwrap();
    let mock = MockTaskManager::builder()
        .repository(source, ["main", "next"])
        .build();
    let mut task = a_task();
    task.repo = RepoConfig::git("https://user:secret@example.com/pool.git");
    task.repo.branch = Some("next".into());
    let id = launch(&mock, task.clone()).await;
    whole_log(&mock, id).await;
    let repositories = mock
        .list_repositories(PageRequest::largest().into())
        .await
        .unwrap();
    assert_eq!(repositories.total, 1);
    assert_eq!(
        repositories.items[0].remote_url,
        "https://example.com/pool.git"
    );
    let branches = mock.list_branches(repositories.items[0].id).await.unwrap();
    let next = branches
        .branches
        .iter()
        .find(|it| it.name == "next")
        .unwrap();
    let session = mock.get_session(id).await.unwrap();
    assert_eq!(session.repo.commit.as_ref(), Some(&next.last_commit));
    task.repo.branch = Some("nowhere".into());
    let id = launch(&mock, task).await;
    let log = whole_log(&mock, id).await;
    assert_eq!(statuses(&log), [S::Queued, S::Provisioning, S::Failed]);
}

#[tokio::test(start_paused = true)]
async fn held_sessions_keep_their_status() {
    let mock = MockTaskManager::new();
    mock.hold(S::Stopping);
    let id = launch(&mock, a_task()).await;
    until_status(&mock, id, S::Running).await;
    mock.stop_session(id, None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(mock.get_session(id).await.unwrap().status, S::Stopping);
    mock.release(S::Stopping);
    until_status(&mock, id, S::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn prompts_are_queued_or_steer_the_turn() {
    let script = ScriptBuilder::new("turns")
        .after(Duration::from_secs(1))
        .say("first: {{prompt}}")
        .next_turn()
        .say("second: {{prompt}}")
        .build();
    let mock = MockTaskManager::builder().script(script).build();
    let id = launch(&mock, a_task()).await;
    until_status(&mock, id, S::Running).await;
    let queued = mock
        .prompt_session(id, PromptRequest::queued("later"))
        .await
        .unwrap();
    let mut steer = PromptRequest::queued("now");
    steer.delivery = ah_rest_api_contract::DeliveryMode::Steer;
    mock.prompt_session(id, steer).await.unwrap();
    let log = whole_log(&mock, id).await;
    let messages: Vec<String> = log
        .iter()
        .filter_map(|event| match &event.payload {
            EventPayload::Message(message) => match &message.content[..] {
                [ah_rest_api_contract::ContentBlock::Text { text }] => Some(text.clone()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(
        messages,
        [
            "do it",
            "now",
            "I received “now”. I continue with the current step.",
            "first: do it",
            "later",
            "second: later",
        ]
    );
    let refused = mock
        .withdraw_prompt(id, queued.prompt_id)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ah_rest_api_contract::ErrorKind::Conflict);
}

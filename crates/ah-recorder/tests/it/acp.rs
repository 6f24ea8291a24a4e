//! ACP agents, correct and faulty ones, in a real recorder.

use ah_agents::DriverKind;
use ah_recorder::protocol::{
    EndCause, Fact, JournalEntry, JournalRecord, RecorderFrame, Request, ShutdownManner,
    TurnOutcome,
};
use ah_rest_api_contract::{
    Activity, ContentBlock, EphemeralEvent, EventPayload, MessageRole, PermissionAnswer,
    PermissionOutcome, PromptContent, ToolOutcome,
};
use serde_json::json;

use crate::fixture::{Attended, Session, log_text};
use crate::permissions::{next_request, next_resolution};

pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_ah-acp-agent");

/// Creates a session with the agent, which starts as `beginning` says.
pub(crate) fn session(beginning: &str, prompt: &str) -> Session {
    let mut session = Session::new(prompt);
    session.spec.agent.driver = DriverKind::Acp;
    session.spec.agent.argv = vec![AGENT.to_owned(), beginning.to_owned()];
    session
}

pub(crate) fn event(record: &JournalRecord) -> Option<&EventPayload> {
    match &record.entry {
        JournalEntry::Event(event) => Some(event),
        JournalEntry::Fact(_) | JournalEntry::Attachment(_) => None,
    }
}

pub(crate) fn events(seen: &[JournalRecord]) -> Vec<&EventPayload> {
    seen.iter().filter_map(event).collect()
}

/// Returns the messages of the agent.
pub(crate) fn messages(seen: &[JournalRecord]) -> Vec<String> {
    let text = |event: &&EventPayload| match event {
        EventPayload::Message(message) if message.role == MessageRole::Assistant => {
            Some(PromptContent::new(message.content.clone()).text())
        }
        _ => None,
    };
    events(seen).iter().filter_map(text).collect()
}

pub(crate) fn errors(seen: &[JournalRecord]) -> Vec<&str> {
    seen.iter()
        .filter_map(event)
        .filter_map(|event| match event {
            EventPayload::Error(error) => Some(error.message.as_str()),
            _ => None,
        })
        .collect()
}

pub(crate) fn outcome(record: &JournalRecord) -> Option<&TurnOutcome> {
    match &record.entry {
        JournalEntry::Fact(Fact::TurnEnded { outcome, .. }) => Some(outcome),
        _ => None,
    }
}

pub(crate) async fn next_outcome(attended: &mut Attended) -> TurnOutcome {
    let record = attended.until(|record| outcome(record).is_some()).await;
    outcome(&record).unwrap().clone()
}

pub(crate) fn failed(reason: &str) -> TurnOutcome {
    TurnOutcome::Failed {
        reason: reason.to_owned(),
    }
}

/// Plays the prompt to the end of its turn, and ends the agent.
pub(crate) async fn played(prompt: &str) -> (TurnOutcome, Vec<JournalRecord>) {
    let session = session("", prompt);
    let mut attended = session.begin().await;
    let outcome = next_outcome(&mut attended).await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!((end.exit_code, end.reason), (Some(0), None));
    (outcome, attended.seen)
}

#[tokio::test]
async fn chunks_are_streamed_and_recorded_as_one_message() {
    let session = session("", "think hm\nsay a\nsay b\nhang");
    let mut attended = session.begin().await;
    let mut shown = String::new();
    while shown != "hm|a|b|" {
        if let Some(RecorderFrame::Ephemeral { event }) = attended.frame().await {
            shown += match &event {
                EphemeralEvent::ThoughtDelta(piece) => &piece.delta,
                EphemeralEvent::MessageDelta(piece) => &piece.delta,
                _ => unreachable!(),
            };
            shown.push('|');
        }
    }
    attended.send(Request::Interrupt).await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Interrupted);
    // The messages of another session are not included.
    assert_eq!(messages(&attended.seen), ["ab"]);
    let ready = |record: &JournalRecord| {
        record.entry
            == JournalEntry::Fact(Fact::AgentReady {
                version: Some("7".to_owned()),
                agent_session_id: Some("session-1".to_owned()),
            })
    };
    assert!(attended.seen.iter().any(ready), "{:#?}", attended.seen);
}

#[tokio::test]
async fn prompts_are_delivered_in_order() {
    let session = session("", "say a\nhang");
    let mut attended = session.begin().await;
    attended.prompt("say b").await;
    attended.prompt("say c").await;
    attended.send(Request::Interrupt).await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Interrupted);
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    assert_eq!(messages(&attended.seen), ["a", "b", "c"]);
}

#[tokio::test]
async fn permission_is_requested_for_an_unannounced_tool() {
    let session = session("", "leave a.txt\nleave b.txt\nleave c.txt");
    let mut attended = session.begin().await;
    for (option, expected) in [("yes", "a.txt: \"yes\""), ("no", "b.txt: \"no\"")] {
        let request_id = next_request(&mut attended).await;
        let (answer, by) = (
            PermissionAnswer::Select(option.to_owned()),
            "ann".to_owned(),
        );
        attended
            .send(Request::Answer {
                request_id,
                answer,
                by,
            })
            .await;
        next_resolution(&mut attended).await;
        attended
            .until(|record| messages(std::slice::from_ref(record)) == [expected])
            .await;
    }
    next_request(&mut attended).await;
    attended.send(Request::Interrupt).await;
    let resolved = next_resolution(&mut attended).await;
    assert_eq!(resolved.outcome, PermissionOutcome::Cancelled);
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Interrupted);
    // The result of the first call, which was allowed, is not awaited for long.
    attended
        .until(|record| {
            record.entry
                == JournalEntry::Fact(Fact::Activity {
                    activity: Activity::Idle,
                })
        })
        .await;
    let tools = |wanted: fn(&EventPayload) -> bool| {
        let events = events(&attended.seen);
        events.into_iter().filter(|event| wanted(event)).count()
    };
    assert_eq!(tools(|event| matches!(event, EventPayload::ToolUse(_))), 3);
    assert_eq!(
        tools(|event| matches!(event, EventPayload::ToolResult(_))),
        3
    );
    // An option of an unknown kind is shown.
    for event in events(&attended.seen) {
        if let EventPayload::PermissionRequest(request) = event {
            assert_eq!(request.options.len(), 3);
        }
    }
}

#[tokio::test]
async fn error_fails_the_turn_but_not_the_session() {
    let session = session("", "say a\nfail the model is away");
    let mut attended = session.begin().await;
    assert_eq!(
        next_outcome(&mut attended).await,
        failed("the model is away")
    );
    attended.prompt("stop refusal").await;
    assert_eq!(
        next_outcome(&mut attended).await,
        failed("the agent refused to continue")
    );
    attended.prompt("stop cancelled").await;
    assert_eq!(
        next_outcome(&mut attended).await,
        failed("the agent cancelled its own turn")
    );
    attended.prompt("say fine").await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    assert_eq!(messages(&attended.seen), ["a", "fine"]);
    assert_eq!(errors(&attended.seen).len(), 3);
}

#[tokio::test]
async fn invalid_lines_are_reported_up_to_a_limit() {
    let session = session("junk", "junk 1000\nsay done");
    let mut attended = session.begin().await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    assert_eq!(messages(&attended.seen), ["done"]);
    let logs: Vec<&str> = attended.seen.iter().filter_map(log_text).collect();
    assert_eq!(logs.len(), 100, "{logs:#?}");
    assert_eq!(
        logs[0],
        "the agent printed a line that is not an ACP message: Welcome!"
    );
    assert!(
        logs[99].ends_with("further ones are not logged"),
        "{logs:#?}"
    );
}

#[tokio::test]
async fn unfinished_message_of_a_crashed_agent_is_recorded() {
    let session = session("", "say I was about to\nabort");
    let mut attended = session.begin().await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.signal, Some(6));
    let reason = end.reason.unwrap();
    assert!(reason.contains("in the middle of a turn"), "{reason}");
    assert_eq!(messages(&attended.seen), ["I was about to"]);
}

#[tokio::test]
async fn agent_that_does_not_become_ready_is_ended() {
    let mut session = session("silent", "say never");
    session.spec.ready_ms = 300;
    session.spec.stop_grace_ms = 50;
    let mut attended = session.begin().await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.cause, Some(EndCause::NotReady));
    assert_eq!(
        end.reason.as_deref(),
        Some(
            "the agent did not become ready within 0.3 s; its last output: waiting for the network"
        )
    );
    assert_eq!(
        errors(&attended.seen),
        ["the agent did not become ready within 0.3 s"]
    );
}

#[tokio::test]
async fn agent_that_exits_before_ready_has_a_reason() {
    let session = session("gone", "say never");
    session.begin().await.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.exit_code, Some(3));
    let reason = end.reason.unwrap();
    assert!(reason.contains("no such configuration"), "{reason}");
}

#[tokio::test]
async fn session_that_cannot_be_opened_is_not_started() {
    for (beginning, why) in [
        (
            "closed",
            "the agent is not logged in: Authentication required; it offers: Log in",
        ),
        (
            "old",
            "the agent uses version 0 of ACP, but only version 1 is supported",
        ),
    ] {
        let session = session(beginning, "say never");
        session.begin().await.until_closed().await;
        let end = session.assert_over().await;
        assert_eq!(end.cause, Some(EndCause::NotReady));
        assert_eq!(end.reason.as_deref(), Some(why));
    }
}

#[tokio::test]
async fn mode_and_model_are_selected_before_the_first_prompt() {
    let mut session = session("", "say done");
    session.spec.agent.model = Some("Large".to_owned());
    session.spec.agent.settings = json!({"mode": "plan"}).as_object().unwrap().clone();
    let mut attended = session.begin().await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    let logs: Vec<&str> = attended.seen.iter().filter_map(log_text).collect();
    assert_eq!(logs, ["the model was chosen", "the mode was chosen"]);
}

#[tokio::test]
async fn unavailable_choices_are_rejected() {
    let mut session = session("", "say never");
    session.spec.agent.settings = json!({"mode": "wild"}).as_object().unwrap().clone();
    session.begin().await.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(
        end.reason.as_deref(),
        Some("the agent has no mode `wild`; it offers `ask`, `plan`")
    );
}

#[tokio::test]
async fn unsupported_prompt_is_rejected_with_a_reason() {
    let mut session = session("", "");
    session.spec.prompt = PromptContent::new(vec![ContentBlock::Image {
        uri: None,
        data: Some("aGk=".to_owned()),
        mime_type: Some("image/png".to_owned()),
    }]);
    let mut attended = session.begin().await;
    assert_eq!(
        next_outcome(&mut attended).await,
        failed("the prompt was not sent to the agent: the agent does not accept images")
    );
    attended.prompt("say fine").await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
}

#[tokio::test]
async fn unsupported_requests_of_the_agent_are_rejected() {
    let (outcome, seen) = played("request fs/read_text_file\nrequest terminal/create").await;
    assert_eq!(outcome, TurnOutcome::Completed);
    assert_eq!(
        messages(&seen),
        ["fs/read_text_file: -32601", "terminal/create: -32601"]
    );
}

#[tokio::test]
async fn large_output_is_shortened_and_a_huge_one_omitted() {
    let (outcome, seen) = played("output 1000000\nsay done").await;
    assert_eq!(outcome, TurnOutcome::Completed);
    let results = |seen: &[JournalRecord]| {
        let result = |event: &&EventPayload| match event {
            EventPayload::ToolResult(result) => Some((
                result.tool_output.len(),
                result.tool_output.contains("bytes left out"),
                result.status,
                result.exit_code,
            )),
            _ => None,
        };
        events(seen).iter().filter_map(result).collect::<Vec<_>>()
    };
    let [(bytes, says_so, status, exit_code)] = results(&seen)[..] else {
        panic!("{seen:#?}");
    };
    assert!(bytes <= 64 * 1024 && says_so, "{bytes}");
    assert_eq!((status, exit_code), (ToolOutcome::Completed, Some(0)));

    let (outcome, seen) = played("output 100000000\nsay done").await;
    assert_eq!(
        (outcome, messages(&seen)),
        (TurnOutcome::Completed, vec!["done".to_owned()])
    );
    assert_eq!(errors(&seen), [""; 0]);
    let is_cut = |record: &JournalRecord| {
        log_text(record).is_some_and(|text| text.contains("of them were left out"))
    };
    assert!(seen.iter().any(is_cut), "{seen:#?}");
    let [(_, _, status, exit_code)] = results(&seen)[..] else {
        panic!("{seen:#?}");
    };
    assert_eq!((status, exit_code), (ToolOutcome::Completed, Some(0)));
}

#[tokio::test]
async fn unresponsive_agent_is_killed() {
    let mut session = session("", "say a\ndeaf");
    session.spec.stop_grace_ms = 50;
    let mut attended = session.begin().await;
    while !matches!(
        attended.frame().await,
        Some(RecorderFrame::Ephemeral { .. })
    ) {}
    attended.shutdown(ShutdownManner::Stop).await;
    attended.until_closed().await;
    session.assert_over().await;
    assert_eq!(messages(&attended.seen), ["a"]);
}

#[tokio::test]
async fn agent_that_ignores_the_end_of_input_has_not_failed() {
    let mut session = session("stays", "say done");
    session.spec.stop_grace_ms = 50;
    let mut attended = session.begin().await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(
        (end.signal, end.cause, end.reason),
        (Some(2), Some(EndCause::Finished), None)
    );
}

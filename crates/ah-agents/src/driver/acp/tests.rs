//! The driver with recorded sessions of real agents.

mod faults;
mod replay;

use ah_rest_api_contract::{EventPayload, PlanPriority, PlanStatus, PromptId};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use ah_lifecycle::TurnOutcome;
use replay::Replay;

/// The parts of a recorded session, in order.
const SESSION: [&str; 6] = [
    "edit",
    "followup-modify",
    "failing-command",
    "cancel-command",
    "cancel-stream",
    "error-401",
];

fn session(agent: &'static str) -> String {
    Replay::of(agent, &SESSION).played().transcript
}

fn refusal(agent: &'static str) -> String {
    Replay::of_second_session(agent, "permission-reject")
        .played()
        .transcript
}

macro_rules! recorded {
    ($($name:ident => $agent:literal),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn session() {
                insta::assert_snapshot!(concat!($agent, "-session"), super::session($agent));
            }

            #[test]
            fn refusal() {
                insta::assert_snapshot!(concat!($agent, "-refusal"), super::refusal($agent));
            }
        }
    )+};
}

recorded! {
    opencode => "opencode",
    copilot => "copilot",
    gemini => "gemini",
    claude => "claude-agent-acp",
    codex => "codex-acp",
    zed_codex => "zed-codex-acp",
    kimi => "kimi-code",
    qwen => "qwen",
    vibe => "mistral-vibe",
    openhands => "openhands",
}

#[test]
fn rejected_session_is_not_started() {
    let played = Replay::of("claude-agent-acp", &["session-new-fails-as-root"]).played();
    assert_eq!(
        played.unready.as_deref(),
        Some("the agent failed to open a session: Claude Code process exited with code 1")
    );
}

/// Returns a driver in its first turn, with an agent of this name and the session `s`.
fn on_a_turn(name: &str) -> AcpDriver {
    let mut driver = AcpDriver::new(&replay::spec("hi".into()));
    let mut to_agent = Vec::new();
    driver.begin(&mut to_agent);
    feed(
        &mut driver,
        &json!({"id": 1, "result": {"protocolVersion": 1,
        "agentInfo": {"name": name}}}),
    );
    // Updates before the session is open belong to the history of another one.
    assert_eq!(feed(&mut driver, &words("agent_message_chunk", "old")), []);
    feed(&mut driver, &json!({"id": 2, "result": {"sessionId": "s"}}));
    driver
        .prompt(prompt_id(), &"hi".into(), &mut to_agent)
        .unwrap();
    driver
}

fn prompt_id() -> PromptId {
    PromptId::from_ulid(ulid::Ulid::nil())
}

fn feed(driver: &mut AcpDriver, message: &Value) -> Vec<AgentOutput> {
    let mut output = Vec::new();
    driver.line(message.to_string().as_bytes(), &mut output, &mut Vec::new());
    output
}

fn words(kind: &str, text: &str) -> Value {
    update(&json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}}))
}

fn update(update: &Value) -> Value {
    json!({"method": "session/update", "params": {"sessionId": "s", "update": update}})
}

fn outcome(output: &[AgentOutput]) -> Option<&TurnOutcome> {
    output.iter().find_map(|said| match said {
        AgentOutput::TurnEnded(outcome) => Some(outcome),
        _ => None,
    })
}

#[test]
fn codex_turn_error_fails_the_turn_with_its_reason() {
    let status = |status: &str| {
        let meta = json!({"codex": {"threadStatus": {"type": status}}});
        update(&json!({"sessionUpdate": "session_info_update", "_meta": meta}))
    };
    let failed = |reason: &str| TurnOutcome::Failed {
        reason: reason.to_owned(),
    };
    let reason = words("agent_message_chunk", "stream disconnected\n\n");
    for (messages, expected) in [
        (
            vec![status("systemError"), reason.clone()],
            failed("stream disconnected"),
        ),
        (
            vec![status("systemError")],
            failed("the agent could not continue and gave no reason"),
        ),
        (vec![status("active"), reason], TurnOutcome::Completed),
    ] {
        let mut driver = on_a_turn("codex-acp");
        for message in &messages {
            feed(&mut driver, message);
        }
        let said = feed(
            &mut driver,
            &json!({"id": 3, "result": {"stopReason": "end_turn"}}),
        );
        assert_eq!(outcome(&said), Some(&expected), "{messages:?}");
    }
}

#[test]
fn error_message_is_recognized_by_position_and_text() {
    let tool = json!({"sessionUpdate": "tool_call", "toolCallId": "1", "status": "completed"});
    let error = || words("agent_message_chunk", "Error: no model");
    for (agent, messages, is_error) in [
        ("Copilot", vec![error()], true),
        (
            "Copilot",
            vec![words("agent_message_chunk", "Hm. "), error()],
            true,
        ),
        (
            "Copilot",
            vec![error(), words("agent_message_chunk", "Fixed.")],
            false,
        ),
        ("Copilot", vec![error(), update(&tool)], false),
        ("mine", vec![error()], false),
    ] {
        let mut driver = on_a_turn(agent);
        for message in &messages {
            feed(&mut driver, message);
        }
        let end = feed(
            &mut driver,
            &json!({"id": 3, "result": {"stopReason": "end_turn"}}),
        );
        let expected = if is_error {
            TurnOutcome::Failed {
                reason: "Error: no model".to_owned(),
            }
        } else {
            TurnOutcome::Completed
        };
        assert_eq!(outcome(&end), Some(&expected), "{agent}: {messages:?}");
    }
}

#[test]
fn updates_of_other_sessions_are_ignored() {
    let mut driver = on_a_turn("mine");
    let mut other = words("agent_message_chunk", "hello from a helper");
    other["params"]["sessionId"] = json!("s2");
    assert_eq!(feed(&mut driver, &other), []);
    assert_eq!(feed(&mut driver, &words("user_message_chunk", "hi")), []);
    assert_eq!(
        feed(&mut driver, &words("agent_message_chunk", "hello")).len(),
        1
    );
}

#[test]
fn unknown_update_is_reported_once() {
    let mut driver = on_a_turn("mine");
    let unknown = || update(&json!({"sessionUpdate": "mood", "mood": "good"}));
    assert_eq!(feed(&mut driver, &unknown()).len(), 1);
    assert_eq!(feed(&mut driver, &unknown()), []);
}

#[test]
fn plan_with_invalid_entries_is_parsed_partially() {
    let mut driver = on_a_turn("mine");
    let output = feed(
        &mut driver,
        &update(&json!({"sessionUpdate": "plan", "entries": [
            {"content": "a", "status": "completed", "priority": "high"},
            {"content": "b", "status": "dreamt of"},
            {"status": "pending"},
        ]})),
    );
    let [AgentOutput::Event(EventPayload::Plan(plan))] = &output[..] else {
        panic!("{output:?}");
    };
    let entries: Vec<_> = plan
        .entries
        .iter()
        .map(|entry| (entry.content.as_str(), entry.status, entry.priority))
        .collect();
    assert_eq!(
        entries,
        [
            ("a", PlanStatus::Completed, PlanPriority::High),
            ("b", PlanStatus::Pending, PlanPriority::Medium),
        ]
    );
}

#[test]
fn response_without_a_request_is_ignored() {
    let mut driver = on_a_turn("mine");
    let output = feed(
        &mut driver,
        &json!({"id": 99, "result": {"stopReason": "end_turn"}}),
    );
    assert!(
        matches!(&output[..], [AgentOutput::Malformed(_)]),
        "{output:?}"
    );
    let output = feed(
        &mut driver,
        &json!({"id": 3, "result": {"stopReason": "end_turn"}}),
    );
    assert_eq!(outcome(&output), Some(&TurnOutcome::Completed));
}

#[test]
fn error_in_a_cancelled_turn_is_an_interruption() {
    let mut driver = on_a_turn("mine");
    let mut to_agent = Vec::new();
    driver.interrupt(&mut to_agent);
    let cancel: Value = serde_json::from_slice(&to_agent).unwrap();
    assert_eq!(cancel["method"], "session/cancel");
    let error = json!({"id": 3, "error": {"code": 1, "message": "aborted"}});
    assert_eq!(
        outcome(&feed(&mut driver, &error)),
        Some(&TurnOutcome::Interrupted)
    );
}

proptest! {
    /// Arbitrary output in any order does no harm, and a turn ends at most once.
    #[test]
    fn no_message_panics(messages in prop::collection::vec(any_message(), 0..30)) {
        let mut driver = on_a_turn("OpenCode");
        let ends = messages
            .into_iter()
            .flat_map(|message| feed(&mut driver, &message))
            .filter(|said| matches!(said, AgentOutput::TurnEnded(_)))
            .count();
        prop_assert!(ends <= 1);
    }
}

/// JSON with the names and words of the protocol in likely and unlikely places.
fn any_message() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 16] = [
        "id",
        "method",
        "params",
        "result",
        "error",
        "update",
        "sessionUpdate",
        "content",
        "toolCallId",
        "status",
        "options",
        "toolCall",
        "usage",
        "sessionId",
        "_meta",
        "rawOutput",
    ];
    const WORDS: [&str; 10] = [
        "session/update",
        "session/request_permission",
        "tool_call",
        "tool_call_update",
        "plan",
        "usage_update",
        "completed",
        "agent_message_chunk",
        "s",
        "diff",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..5_i64).prop_map(Value::from),
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(prop::sample::select(&NAMES[..]), inner, 0..8).prop_map(
                |fields| {
                    let fields = fields.into_iter();
                    Value::Object(
                        fields
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    )
                }
            ),
        ]
    })
}

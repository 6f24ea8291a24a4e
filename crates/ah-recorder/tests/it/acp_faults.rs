//! ACP agents that do not behave as the protocol says, in a real recorder.

use ah_recorder::protocol::{
    EndCause, Fact, JournalEntry, JournalRecord, Request, ShutdownManner, TurnOutcome,
};
use ah_rest_api_contract::{Activity, EventPayload, ToolOutcome};
use serde_json::{Value, json};

use crate::acp::{events, failed, messages, next_outcome, played, session};
use crate::fixture::{Attended, Session};
use crate::permissions::next_resolution;

/// Creates a session with the agent and this policy.
fn session_with(policy: &Value, prompt: &str) -> Session {
    let mut session = session("", prompt);
    session.spec.permissions = serde_json::from_value(policy.clone()).unwrap();
    session
}

fn is_activity(record: &JournalRecord, expected: Activity) -> bool {
    record.entry == JournalEntry::Fact(Fact::Activity { activity: expected })
}

async fn until_message(attended: &mut Attended, text: &str) {
    attended
        .until(|record| messages(std::slice::from_ref(record)) == [text])
        .await;
}

#[tokio::test]
async fn a_request_is_judged_by_its_own_words() {
    let announced = json!({"sessionUpdate": "tool_call", "toolCallId": "call_0", "kind": "read",
        "title": "README", "status": "in_progress", "rawInput": {"path": "README.md"}});
    let asked = json!({"toolCallId": "call_0", "kind": "execute", "title": "rm -rf x",
        "rawInput": {"command": "rm -rf x"}});
    let policy = json!({"default": "deny", "rules": [{"tool": "read", "action": "allow"}]});
    let session = session_with(&policy, &format!("update {announced}\nask {asked}"));
    let mut attended = session.begin().await;
    let resolved = next_resolution(&mut attended).await;
    assert_eq!(
        (resolved.option_id.as_deref(), resolved.by.as_str()),
        (Some("no"), "policy")
    );
    until_message(&mut attended, "\"call_0\": \"no\"").await;
    let shown = events(&attended.seen)
        .into_iter()
        .find_map(|event| match event {
            EventPayload::PermissionRequest(it) => {
                Some((it.tool_name.clone(), it.tool_args.clone()))
            }
            _ => None,
        });
    let (name, args) = shown.unwrap();
    assert_eq!(
        (name.as_str(), Value::Object(args)),
        ("execute", json!({"command": "rm -rf x"}))
    );
}

#[tokio::test]
async fn a_reused_id_is_another_call() {
    let run = |command: &str| {
        format!(
            "update {}",
            json!({"sessionUpdate": "tool_call", "toolCallId": "call_0", "kind": "execute",
                "title": command, "rawInput": {"command": command}, "status": "completed"})
        )
    };
    let asked = json!({"toolCallId": "call_0", "kind": "execute", "rawInput": {"command": "make"}});
    let prompt = format!("{}\n{}\nask {asked}", run("echo one"), run("echo two"));
    let session = session_with(&json!("allow"), &prompt);
    let mut attended = session.begin().await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    assert_eq!(messages(&attended.seen), ["\"call_0\": \"yes\""]);
    let ids: Vec<&str> = events(&attended.seen)
        .into_iter()
        .filter_map(|event| match event {
            EventPayload::ToolUse(it) => Some(it.tool_execution_id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["call-1", "call-2", "call-3"]);
}

#[tokio::test]
async fn a_request_between_turns_leaves_the_agent_idle_again() {
    let asked = json!({"toolCallId": "bg", "kind": "execute", "title": "make test"});
    let session = session_with(&json!("allow"), &format!("respond\nask {asked}\ndeaf"));
    let mut attended = session.begin().await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    until_message(&mut attended, "\"bg\": \"yes\"").await;
    attended
        .until(|record| is_activity(record, Activity::Idle))
        .await;
    attended.prompt("say hello").await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    assert_eq!(messages(&attended.seen).last().unwrap(), "hello");
}

#[tokio::test]
async fn words_between_turns_are_recorded_without_a_further_event() {
    let session = session("", "respond\nwait 100\nsay the tests are green\ndeaf");
    let mut attended = session.begin().await;
    until_message(&mut attended, "the tests are green").await;
    assert_eq!(next_outcomes(&attended), 1);
}

fn next_outcomes(attended: &Attended) -> usize {
    let ended = |record: &&JournalRecord| {
        matches!(record.entry, JournalEntry::Fact(Fact::TurnEnded { .. }))
    };
    attended.seen.iter().filter(ended).count()
}

#[tokio::test]
async fn an_agent_that_works_between_turns_does_not_reach_the_idle_limit() {
    let run = |status: &str| {
        format!(
            "update {}",
            json!({"sessionUpdate": "tool_call_update", "toolCallId": "bg", "kind": "execute",
                "title": "make", "status": status})
        )
    };
    let prompt = format!(
        "respond\n{}\nwait 3000\n{}\ndeaf",
        run("in_progress"),
        run("completed")
    );
    let mut session = session("", &prompt);
    session.spec.idle_ms = Some(1000);
    session.spec.stop_grace_ms = 50;
    let mut attended = session.begin().await;
    attended
        .until(|record| match &record.entry {
            JournalEntry::Event(EventPayload::ToolResult(it)) => {
                it.status == ToolOutcome::Completed
            }
            _ => false,
        })
        .await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.cause, Some(EndCause::Idle), "then it is idle");
}

#[tokio::test]
async fn a_result_after_the_end_of_the_turn_is_recorded() {
    let report = |kind: &str, status: &str| {
        format!(
            "update {}",
            json!({"sessionUpdate": kind, "toolCallId": "t", "kind": "execute",
                "rawInput": {"command": "make test"}, "status": status,
                "content": [{"type": "content", "content":
                    {"type": "text", "text": "412 passed"}}]})
        )
    };
    let prompt = format!(
        "{}\nrespond\nwait 50\n{}\nsay All tests pass.\ndeaf",
        report("tool_call", "in_progress"),
        report("tool_call_update", "completed")
    );
    let session = session("", &prompt);
    let mut attended = session.begin().await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    let results: Vec<_> = events(&attended.seen)
        .into_iter()
        .filter_map(|event| match event {
            EventPayload::ToolResult(it) => Some((it.status, it.tool_output.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(results, [(ToolOutcome::Completed, "412 passed")]);
    assert_eq!(messages(&attended.seen), ["All tests pass."]);
}

#[tokio::test]
async fn lines_that_are_not_strict_json_are_read() {
    let asked = |fields: &str| format!(r#"ask {{"toolCallId":"t","kind":"edit",{fields}}}"#);
    let diff = r#""content":[{"type":"diff","path":"/x","oldText":"@","newText":"@"}]"#;
    let session = session_with(&json!("allow"), &asked(diff));
    let mut attended = session.begin().await;
    assert_eq!(next_outcome(&mut attended).await, TurnOutcome::Completed);
    assert_eq!(messages(&attended.seen), ["\"t\": \"yes\""]);

    let answer = r#"{"jsonrpc":"2.0","id":3,"#;
    for (end, expected) in [
        (
            r#""error":"rate limited"}"#.to_owned(),
            failed("rate limited"),
        ),
        (
            r#""result":{"stopReason":"end_turn","n":Infinity,"t":"\ud83d"}}"#.to_owned(),
            TurnOutcome::Completed,
        ),
    ] {
        let (outcome, _) = played(&format!("print {answer}{end}\ndeaf")).await;
        assert_eq!(outcome, expected);
    }
}

#[tokio::test]
async fn an_agent_that_ignores_its_interruption_is_ended() {
    let call = json!({"sessionUpdate": "tool_call", "toolCallId": "call_0", "kind": "read",
        "title": "README", "status": "in_progress", "rawInput": {"path": "README.md"}});
    let mut session = session("", &format!("update {call}\ndeaf"));
    session.spec.stop_grace_ms = 200;
    let mut attended = session.begin().await;
    // The agent has its prompt.
    attended
        .until(|record| matches!(record.entry, JournalEntry::Event(EventPayload::ToolUse(_))))
        .await;
    attended.send(Request::Interrupt).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(end.cause, Some(EndCause::InterruptIgnored));
    assert_eq!(
        end.reason.as_deref(),
        Some("the agent did not end its turn after it was interrupted")
    );
}

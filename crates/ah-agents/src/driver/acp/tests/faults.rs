//! Agents that do not behave as the protocol says, in the conversation of a recorder.

mod instances;

use std::time::{Duration, Instant};

use ah_lifecycle::turns::{Effects, Identifiers, Moment};
use ah_rest_api_contract::{
    Activity, EventPayload, MessageRole, PermissionAnswer, PermissionId, PermissionOutcome,
    PermissionResolved, Timestamp, UNKNOWN_MEDIA_TYPE,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::replay;
use crate::driver::{self, DrivenConversation};
use ah_lifecycle::{Fact, JournalEntry, JournalRecord, TurnOutcome};

/// A session whose first turn has begun. The agent's requests are answered by a policy.
struct Talk {
    conversation: DrivenConversation,
    now: Instant,
    records: Vec<JournalRecord>,
    /// The messages to the agent.
    written: Vec<Value>,
}

impl Talk {
    fn new(policy: &Value) -> Self {
        Self::with_agent("mine", policy)
    }

    fn with_agent(name: &str, policy: &Value) -> Self {
        let mut spec = replay::spec("hi".into());
        spec.permissions = serde_json::from_value(policy.clone()).unwrap();
        let mut talk = Self {
            conversation: driver::conversation(&spec, Identifiers::seeded(0)),
            now: Instant::now(),
            records: Vec::new(),
            written: Vec::new(),
        };
        talk.act(|it, _, effects| it.begin(effects));
        talk.say(&json!({"id": 1, "result": {"protocolVersion": 1, "agentInfo": {"name": name}}}));
        talk.say(&json!({"id": 2, "result": {"sessionId": "s"}}));
        talk
    }

    fn act(&mut self, act: impl FnOnce(&mut DrivenConversation, Moment, &mut Effects)) {
        let at = Moment {
            wall: Timestamp::from_unix_millis(0),
            tick: self.now,
        };
        let mut effects = Effects::default();
        act(&mut self.conversation, at, &mut effects);
        self.records.extend(effects.records);
        let written = String::from_utf8(effects.to_agent).unwrap();
        let messages = written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        self.written.extend(messages);
    }

    fn line(&mut self, line: &[u8]) {
        self.act(|it, at, effects| driver::on_line(it, line, at, effects));
    }

    fn say(&mut self, message: &Value) {
        self.line(message.to_string().as_bytes());
    }

    fn update(&mut self, update: &Value) {
        self.say(&super::update(update));
    }

    fn ask(&mut self, id: &Value, tool_call: &Value) {
        self.ask_with(
            id,
            tool_call,
            &json!([option("yes", "allow_once"), option("no", "reject_once")]),
        );
    }

    fn ask_with(&mut self, id: &Value, tool_call: &Value, options: &Value) {
        self.say(
            &json!({"jsonrpc": "2.0", "id": id, "method": "session/request_permission",
            "params": {"sessionId": "s", "toolCall": tool_call, "options": options}}),
        );
    }

    fn end_turn(&mut self) {
        self.say(&json!({"jsonrpc": "2.0", "id": 3, "result": {"stopReason": "end_turn"}}));
    }

    /// Lets time pass, deadline by deadline.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self
            .conversation
            .next_deadline()
            .filter(|due| *due <= until)
        {
            self.now = self.now.max(due);
            self.act(DrivenConversation::on_time);
            assert_ne!(self.conversation.next_deadline(), Some(due), "it is done");
        }
        self.now = until;
    }

    fn events(&self) -> impl Iterator<Item = &EventPayload> {
        self.records
            .iter()
            .filter_map(|record| match &record.entry {
                JournalEntry::Event(event) => Some(event),
                JournalEntry::Fact(_) | JournalEntry::Attachment(_) => None,
            })
    }

    fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.records
            .iter()
            .filter_map(|record| match &record.entry {
                JournalEntry::Event(_) | JournalEntry::Attachment(_) => None,
                JournalEntry::Fact(fact) => Some(fact),
            })
    }

    fn outcomes(&self) -> Vec<&TurnOutcome> {
        self.facts()
            .filter_map(|fact| match fact {
                Fact::TurnEnded { outcome, .. } => Some(outcome),
                _ => None,
            })
            .collect()
    }

    /// Returns the last activity that was recorded between turns.
    fn recorded_activity(&self) -> Option<Activity> {
        let activity = |fact: &Fact| match fact {
            Fact::Activity { activity } => Some(*activity),
            _ => None,
        };
        self.facts().filter_map(activity).last()
    }

    fn activity(&self) -> Activity {
        self.conversation.work().activity()
    }

    /// Returns each request with its resolution.
    fn requests(&self) -> Vec<(String, Value, Option<&PermissionResolved>)> {
        let resolved = |id: PermissionId| {
            self.events().find_map(|event| match event {
                EventPayload::PermissionResolved(it) if it.request_id == id => Some(it),
                _ => None,
            })
        };
        let request = |event: &EventPayload| match event {
            EventPayload::PermissionRequest(it) => Some((
                it.tool_name.clone(),
                Value::Object(it.tool_args.clone()),
                resolved(it.request_id),
            )),
            _ => None,
        };
        self.events().filter_map(request).collect()
    }

    fn messages(&self) -> Vec<String> {
        let text = |event: &EventPayload| match event {
            EventPayload::Message(it) if it.author.is_none() => {
                Some(ah_rest_api_contract::PromptContent::new(it.content.clone()).text())
            }
            _ => None,
        };
        self.events().filter_map(text).collect()
    }

    fn tools(&self) -> (usize, usize) {
        let count = |is: fn(&EventPayload) -> bool| self.events().filter(|it| is(it)).count();
        (
            count(|it| matches!(it, EventPayload::ToolUse(_))),
            count(|it| matches!(it, EventPayload::ToolResult(_))),
        )
    }
}

fn option(id: &str, kind: &str) -> Value {
    json!({"optionId": id, "name": id, "kind": kind})
}

/// Denies everything but the tool `read`.
fn only_read() -> Value {
    json!({"default": "deny", "rules": [{"tool": "[rR]ead*", "action": "allow"}]})
}

#[test]
fn a_request_is_judged_by_its_own_words() {
    let read = json!({"sessionUpdate": "tool_call", "toolCallId": "call_0", "title": "README",
        "kind": "read", "status": "in_progress", "rawInput": {"path": "README.md"}});
    let asked = |fields: Value| {
        let mut asked = json!({"toolCallId": "call_0"});
        let fields = fields.as_object().unwrap().clone();
        asked.as_object_mut().unwrap().extend(fields);
        asked
    };
    let no_secrets = json!({"default": "allow",
        "rules": [{"path": "secrets/**", "action": "deny"}]});
    let only_src = json!({"default": "deny",
        "rules": [{"tool": "read", "path": "src/**", "action": "allow"}]});
    for (policy, announced, asked, expected) in [
        // The request is for the announced call.
        (only_read(), Some(&read), asked(json!({})), "yes"),
        (
            only_read(),
            Some(&read),
            asked(json!({"kind": "read", "rawInput": {"path": "README.md"}})),
            "yes",
        ),
        // Another kind, another name, another input.
        (
            only_read(),
            Some(&read),
            asked(json!({"kind": "execute", "title": "rm -rf x",
                "rawInput": {"command": "rm -rf x"}})),
            "no",
        ),
        (
            only_read(),
            Some(&read),
            asked(json!({"rawInput": {"command": "rm -rf x"}})),
            "no",
        ),
        (
            only_read(),
            Some(&read),
            asked(json!({"_meta": {"toolName": "bash"}})),
            "no",
        ),
        (
            only_read(),
            Some(&read),
            asked(json!({"kind": "other"})),
            "no",
        ),
        // A name that contradicts the kind, without an announcement.
        (
            only_read(),
            None,
            asked(json!({"name": "read", "kind": "execute"})),
            "no",
        ),
        (
            only_read(),
            None,
            asked(json!({"_meta": {"claudeCode": {"toolName": "ReadFile"}}, "kind": "edit"})),
            "no",
        ),
        (
            only_read(),
            None,
            asked(json!({"kind": "read", "rawInput": {"command": ["rm", "-rf", "x"]}})),
            "no",
        ),
        // Paths count wherever the request or the announcement names them.
        (
            only_src.clone(),
            None,
            asked(json!({"kind": "read", "rawInput": {"path": "src/a"}})),
            "yes",
        ),
        (
            only_src.clone(),
            None,
            asked(json!({"kind": "read", "rawInput": {"path": "src/a"},
                "locations": [{"path": "/etc/passwd"}]})),
            "no",
        ),
        (
            only_src,
            Some(&read),
            asked(json!({"kind": "read", "rawInput": {"file": "src/a"}})),
            "no",
        ),
        (
            no_secrets,
            None,
            asked(json!({"kind": "edit", "rawInput": {"path": "a"},
                "content": [{"type": "diff", "path": "secrets/key", "newText": "x"}]})),
            "no",
        ),
    ] {
        let mut talk = Talk::new(&policy);
        if let Some(announced) = announced {
            talk.update(announced);
        }
        talk.ask(&json!("q"), &asked);
        let [(name, args, resolved)] = &talk.requests()[..] else {
            panic!("one request: {asked}");
        };
        let option = resolved.and_then(|it| it.option_id.as_deref());
        assert_eq!(option, Some(expected), "{asked}: {name} {args}");
        if let Some(input) = asked.get("rawInput") {
            for (name, value) in input.as_object().unwrap() {
                assert_eq!(&args[name], value, "it is shown: {asked}");
            }
            assert_eq!(args.get("path"), input.get("path"), "nothing is blended in");
        }
    }
}

#[test]
fn a_request_for_several_calls_needs_the_permission_for_each() {
    for (policy, expected) in [
        (json!("allow"), "accept"),
        (
            json!({"default": "allow", "rules": [{"tool": "terminal", "action": "deny"}]}),
            "reject",
        ),
        (
            json!({"default": "deny", "rules": [{"tool": "editor", "action": "allow"}]}),
            "reject",
        ),
    ] {
        let mut talk = Talk::with_agent("OpenHands CLI ACP Agent", &policy);
        for (id, title) in [("1", "editor: a"), ("2", "terminal: b")] {
            talk.update(
                &json!({"sessionUpdate": "tool_call", "toolCallId": id, "title": title,
                "status": "in_progress", "rawInput": {"text": title}}),
            );
        }
        talk.ask_with(
            &json!(0),
            &json!({"toolCallId": "confirm", "title": "Confirm", "kind": "other"}),
            &json!([
                option("accept", "allow_once"),
                option("reject", "reject_once"),
                option("risk_based", "allow_once"),
            ]),
        );
        let requests = talk.requests();
        let option = requests[0].2.and_then(|it| it.option_id.as_deref());
        assert_eq!(option, Some(expected), "{policy}");
    }
}

#[test]
fn every_call_and_every_request_counts_however_ids_are_reused() {
    let mut talk = Talk::new(&json!("ask"));
    let run = |command: &str| {
        json!({"sessionUpdate": "tool_call", "toolCallId": "call_0", "title": command,
            "kind": "execute", "status": "completed", "rawInput": {"command": command}})
    };
    for command in ["echo one", "echo two", "rm -rf build"] {
        talk.update(&run(command));
    }
    assert_eq!(talk.tools(), (3, 3));
    // Two requests with one id wait at the same time, and each is answered.
    for command in ["make", "make test"] {
        talk.ask(
            &json!(0),
            &json!({"toolCallId": "call_0", "kind": "execute", "rawInput": {"command": command}}),
        );
    }
    assert_eq!(talk.tools().0, 5);
    let ids: Vec<PermissionId> = talk
        .events()
        .filter_map(|event| match event {
            EventPayload::PermissionRequest(it) => Some(it.request_id),
            _ => None,
        })
        .collect();
    let before = talk.written.len();
    for (id, option) in ids.iter().zip(["no", "yes"]) {
        let answer = PermissionAnswer::Select(option.to_owned());
        talk.act(|it, at, effects| it.answer(*id, &answer, "ann", at, effects));
    }
    let answers: Vec<_> = talk.written[before..]
        .iter()
        .map(|it| (&it["id"], it["result"]["outcome"]["optionId"].as_str()))
        .collect();
    assert_eq!(answers, [(&json!(0), Some("no")), (&json!(0), Some("yes"))]);
}

#[test]
fn a_message_id_that_is_used_again_is_another_message() {
    let mut talk = Talk::new(&json!("ask"));
    let say = |text: &str| {
        json!({"sessionUpdate": "agent_message_chunk", "messageId": "m",
            "content": {"type": "text", "text": text}})
    };
    talk.update(&say("a"));
    talk.update(&say("b"));
    talk.end_turn();
    talk.update(&say("c"));
    talk.wait(Duration::from_secs(2));
    assert_eq!(talk.messages(), ["ab", "c"]);
}

#[test]
fn work_between_turns_is_work_until_it_is_over() {
    let mut talk = Talk::new(&json!({"default": "ask", "timeoutMs": 60_000}));
    talk.end_turn();
    assert_eq!(talk.activity(), Activity::Idle);
    let idle_since = talk.conversation.idle_since();
    // A request is pending, and then settled.
    talk.ask(
        &json!("q"),
        &json!({"toolCallId": "bg", "kind": "execute", "title": "make"}),
    );
    assert_eq!(talk.activity(), Activity::AwaitingPermission);
    assert_eq!(talk.conversation.idle_since(), None);
    talk.wait(Duration::from_secs(61));
    assert_eq!(
        talk.requests()[0].2.unwrap().outcome,
        PermissionOutcome::Expired
    );
    talk.wait(Duration::from_secs(2));
    assert_eq!(talk.activity(), Activity::Idle);
    assert_eq!(talk.recorded_activity(), Some(Activity::Idle));
    assert!(talk.conversation.idle_since() > idle_since);
    // A tool runs for longer than any output takes.
    let run = |status: &str| {
        json!({"sessionUpdate": "tool_call", "toolCallId": "bg2", "kind": "execute",
            "rawInput": {"command": "make"}, "status": status})
    };
    talk.update(&run("in_progress"));
    talk.wait(Duration::from_secs(600));
    assert_eq!(talk.activity(), Activity::Working);
    assert_eq!(talk.recorded_activity(), Some(Activity::Working));
    let mut over = run("completed");
    over["sessionUpdate"] = json!("tool_call_update");
    talk.update(&over);
    assert_eq!(talk.recorded_activity(), Some(Activity::Idle));
    // One that is never heard of again is given up.
    talk.update(&json!({"sessionUpdate": "tool_call", "toolCallId": "lost",
        "status": "in_progress", "kind": "execute", "title": "lost"}));
    talk.wait(Duration::from_secs(3600));
    assert_eq!(talk.activity(), Activity::Idle);
    assert_eq!(talk.tools(), (3, 3));
    assert_eq!(talk.conversation.next_deadline(), None);
}

#[test]
fn an_interruption_ends_the_work_between_turns() {
    let mut talk = Talk::new(&json!("ask"));
    talk.end_turn();
    talk.update(&json!({"sessionUpdate": "tool_call", "toolCallId": "bg",
        "status": "in_progress", "kind": "execute", "title": "make"}));
    talk.ask(
        &json!("q"),
        &json!({"toolCallId": "other", "kind": "edit", "title": "a"}),
    );
    talk.act(|it, at, effects| it.interrupt(at, effects));
    assert_eq!(talk.recorded_activity(), Some(Activity::Idle));
    let methods: Vec<_> = talk
        .written
        .iter()
        .filter_map(|it| it["method"].as_str())
        .collect();
    assert_eq!(methods.last(), Some(&"session/cancel"));
    assert_eq!(
        talk.written.last().unwrap()["id"],
        "q",
        "the request is answered"
    );
}

#[test]
fn words_between_turns_are_recorded_after_a_moment() {
    let mut talk = Talk::new(&json!("ask"));
    talk.end_turn();
    talk.update(&json!({"sessionUpdate": "agent_message_chunk",
        "content": {"type": "text", "text": "the tests are green"}}));
    assert_eq!(talk.messages(), [""; 0]);
    talk.wait(Duration::from_secs(1));
    assert_eq!(talk.messages(), ["the tests are green"]);
}

#[test]
fn results_after_the_end_of_the_turn_are_recorded() {
    let begin = json!({"sessionUpdate": "tool_call", "toolCallId": "t", "kind": "execute",
        "status": "in_progress", "rawInput": {"command": "make test"}});
    let end = json!({"sessionUpdate": "tool_call_update", "toolCallId": "t",
        "status": "completed", "content": [{"type": "content",
            "content": {"type": "text", "text": "412 passed"}}]});
    for (delay, results) in [(50, vec!["412 passed"]), (5000, vec!["", "412 passed"])] {
        let mut talk = Talk::new(&json!("ask"));
        talk.update(&begin);
        talk.end_turn();
        assert_eq!(talk.recorded_activity(), Some(Activity::Working));
        talk.wait(Duration::from_millis(delay));
        talk.update(&end);
        assert_eq!(talk.recorded_activity(), Some(Activity::Idle));
        let seen: Vec<_> = talk
            .events()
            .filter_map(|event| match event {
                EventPayload::ToolResult(it) => Some(it.tool_output.as_str()),
                _ => None,
            })
            .collect();
        let expected: Vec<_> = results
            .into_iter()
            .map(|text| match text {
                "" => "[the turn ended before the tool]",
                text => text,
            })
            .collect();
        assert_eq!(seen, expected, "after {delay} ms");
    }
}

#[test]
fn no_policy_answers_a_question() {
    let tool = json!({"toolCallId": "t", "kind": "edit", "title": "a"});
    let (yes, no) = (option("yes", "allow_once"), option("no", "reject_once"));
    for (tool_call, options, is_question) in [
        (tool.clone(), json!([yes, no]), false),
        (
            tool.clone(),
            json!([
                yes,
                no,
                option("a", "allow_always"),
                option("b", "allow_always")
            ]),
            false,
        ),
        (
            tool.clone(),
            json!([yes, no, option("odd", "allow_on_sundays")]),
            false,
        ),
        (
            tool.clone(),
            json!([
                option("red", "allow_once"),
                option("blue", "allow_once"),
                no
            ]),
            true,
        ),
        (
            tool.clone(),
            json!([yes, no, option("never", "reject_once")]),
            true,
        ),
        (
            tool.clone(),
            json!([option("red", "colour"), option("blue", "colour")]),
            true,
        ),
        (tool.clone(), json!([yes, option("blue", "colour")]), true),
        (tool, json!([{"optionId": "red", "name": "Red"}]), true),
        (json!(null), json!([yes, no]), true),
        (json!({"title": "Which one?"}), json!([yes, no]), true),
        (json!({"toolCallId": "unknown"}), json!([yes, no]), true),
    ] {
        for policy in ["allow", "deny"] {
            let policy = json!({"default": policy, "onTimeout": "allow", "timeoutMs": 1000});
            let mut talk = Talk::new(&policy);
            talk.ask_with(&json!(1), &tool_call, &options);
            let [(_, _, resolved)] = talk.requests()[..] else {
                panic!("{options}");
            };
            assert_eq!(resolved.is_none(), is_question, "{tool_call} {options}");
            talk.wait(Duration::from_secs(2));
            let requests = talk.requests();
            let resolved = requests[0].2.unwrap();
            assert_eq!(
                resolved.option_id.is_none(),
                is_question,
                "{tool_call} {options}"
            );
            let shown = talk.events().find_map(|event| match event {
                EventPayload::PermissionRequest(it) => Some(it.options.len()),
                _ => None,
            });
            assert_eq!(shown, options.as_array().map(Vec::len), "all are shown");
        }
    }
}

#[test]
fn an_answer_ends_the_turn_however_it_is_written() {
    let cut = "the agent's answer could not be read: ";
    for (line, expected) in [
        (
            r#"{"jsonrpc":"2.0","id":"3","result":{"stopReason":"end_turn"}}"#,
            Ok(()),
        ),
        (
            r#"{"jsonrpc":"2.0","id":3.0,"result":{"stopReason":"end_turn"}}"#,
            Ok(()),
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"error":{"message":"parse error"}}"#,
            Err("parse error"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"error":"rate limited"}"#,
            Err("rate limited"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":3}"#,
            Err("the agent answered with neither a result nor an error"),
        ),
        (
            "\u{1b}]0;done\u{7}{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"stopReason\":\"end_turn\"}}",
            Ok(()),
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","n":Infinity,"t":"\ud83d"}}"#,
            Ok(()),
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_tu"#,
            Err(cut),
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":@}}"#,
            Err(cut),
        ),
        ("{\"jsonrpc\":\"2.0\",\"id\":3,", Err(cut)),
    ] {
        let mut talk = Talk::new(&json!("ask"));
        talk.line(line.as_bytes());
        talk.wait(Duration::from_secs(2));
        match (talk.outcomes().as_slice(), expected) {
            ([TurnOutcome::Completed], Ok(())) => {}
            ([TurnOutcome::Failed { reason }], Err(words)) => {
                assert!(reason.starts_with(words), "{reason}");
            }
            (outcomes, _) => panic!("{line}: {outcomes:?}"),
        }
    }
}

#[test]
fn a_request_is_answered_however_it_is_written() {
    let request = |fields: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":"q","method":"session/request_permission","params":{{
            "sessionId":"s","toolCall":{{"toolCallId":"t","kind":"execute",{fields}}},
            "options":[{{"optionId":"yes","name":"Yes","kind":"allow_once"}}]}}}}"#
        )
        .replace('\n', "")
    };
    let deep = format!("{}1{}", "{\"a\":".repeat(140), "}".repeat(140));
    for (line, granted) in [
        (request(r#""rawInput":{"command":"echo \ud83d"}"#), true),
        (request(r#""rawInput":{"n":Infinity}"#), true),
        (request(r#""rawInput":{"n":1e400}"#), true),
        (request(&format!(r#""rawInput":{deep}"#)), true),
        (request(r#""title":"a	b""#), true),
        (request(r#""rawInput":{"command":@}"#), false),
    ] {
        let mut talk = Talk::new(&json!("allow"));
        talk.line(line.as_bytes());
        let answer = talk.written.last().unwrap();
        assert_eq!(answer["id"], "q", "{line}");
        let option = answer["result"]["outcome"]["optionId"].as_str();
        assert_eq!(option, granted.then_some("yes"), "{line}: {answer}");
        assert_eq!(answer["error"]["code"] == -32700, !granted);
        // What was recorded can be read again.
        for record in &talk.records {
            let text = serde_json::to_string(record).unwrap();
            assert!(
                serde_json::from_str::<JournalRecord>(&text).is_ok(),
                "{text}"
            );
        }
    }
}

#[test]
fn updates_arrive_as_requests_and_without_a_session() {
    let mut talk = Talk::new(&json!("ask"));
    let chunk = json!({"sessionUpdate": "agent_message_chunk",
        "content": {"type": "text", "text": "hi"}});
    talk.say(
        &json!({"jsonrpc": "2.0", "id": 9, "method": "session/update",
        "params": {"sessionId": "s", "update": chunk}}),
    );
    assert_eq!(talk.written.last().unwrap()["id"], 9);
    talk.say(&json!({"jsonrpc": "2.0", "method": "session/update", "params": {"update": chunk}}));
    talk.end_turn();
    assert_eq!(talk.messages(), ["hihi"]);
}

#[test]
fn strays_are_counted_and_not_logged_for_ever() {
    let mut talk = Talk::new(&json!("ask"));
    for number in 0..10_000 {
        talk.say(&json!({"jsonrpc": "2.0", "id": 1000 + number, "result": {}}));
        talk.say(&json!({"jsonrpc": "2.0", "id": number, "method": "fs/read_text_file"}));
    }
    talk.end_turn();
    talk.act(|it, at, effects| it.agent_ended(at, effects));
    assert!(talk.records.len() < 200, "{}", talk.records.len());
    let last = talk.events().filter_map(|event| match event {
        EventPayload::Log(log) => Some(log.message.as_str()),
        _ => None,
    });
    assert!(last.last().unwrap().contains("sent 10000 outputs"));
    assert_eq!(talk.outcomes(), [&TurnOutcome::Completed]);
    let refused = talk
        .written
        .iter()
        .filter(|it| it["error"]["code"] == -32601);
    assert_eq!(refused.count(), 10_000);
}

#[test]
fn an_answer_in_parts_that_never_end_is_a_failure() {
    let mut talk = Talk::new(&json!("ask"));
    talk.line(b"{");
    talk.line(br#"  "jsonrpc": "2.0","#);
    talk.line(br#"  "id": 3,"#);
    talk.line(br#"  "result": {"#);
    assert_eq!(talk.outcomes(), [&TurnOutcome::Completed; 0]);
    talk.wait(Duration::from_secs(2));
    assert!(
        matches!(talk.outcomes()[..], [TurnOutcome::Failed { .. }]),
        "{:?}",
        talk.outcomes()
    );
}

#[test]
fn a_prompt_is_delivered_once_the_agent_reacts_to_it() {
    let lost = |fact: &Fact| matches!(fact, Fact::PromptLost { .. });
    let taken = |fact: &Fact| matches!(fact, Fact::PromptTaken { .. });
    let id = ah_rest_api_contract::PromptId::from_ulid(ulid::Ulid::from_parts(1, 1));
    for reacts in [true, false] {
        let mut talk = Talk::new(&json!("ask"));
        talk.end_turn();
        talk.act(|it, at, effects| {
            it.prompt(id, "more".into(), "ann".to_owned(), false, at, effects);
        });
        assert!(talk.conversation.is_in_turn());
        talk.line(b"a notice is no reaction");
        assert!(!talk.facts().any(taken));
        if reacts {
            talk.update(&json!({"sessionUpdate": "agent_message_chunk",
                "content": {"type": "text", "text": "hm"}}));
            assert!(talk.facts().any(taken));
        }
        talk.act(|it, at, effects| it.agent_ended(at, effects));
        assert_eq!(talk.facts().any(lost), !reacts);
    }
}

/// A change of a recorded line.
#[derive(Clone, Debug)]
enum Mutation {
    None,
    Drop,
    Twice,
    /// Without the line break after it.
    Joined,
    Cut(prop::sample::Index),
    Replaced(prop::sample::Index, u8),
    Inserted(prop::sample::Index, &'static str),
    Prefixed(&'static str),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    let noise = || {
        prop::sample::select(vec![
            "\u{1b}[0m",
            "\u{feff}",
            "\\ud83d",
            "\"",
            "{",
            "}",
            "[",
            ",",
            "\n",
            "\0",
            "1e999",
            "{\"jsonrpc\":\"2.0\",\"id\":3}",
            "\u{1b}]0;t\u{7}",
            "null",
        ])
    };
    prop_oneof![
        6 => Just(Mutation::None),
        1 => Just(Mutation::Drop),
        1 => Just(Mutation::Twice),
        1 => Just(Mutation::Joined),
        1 => index().prop_map(Mutation::Cut),
        2 => (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replaced(at, byte)),
        2 => (index(), noise()).prop_map(|(at, text)| Mutation::Inserted(at, text)),
        1 => noise().prop_map(Mutation::Prefixed),
    ]
}

fn mutated(lines: &[String], mutations: &[Mutation]) -> Vec<u8> {
    let mut output = Vec::new();
    for (line, mutation) in lines.iter().zip(mutations.iter().cycle()) {
        let mut bytes = line.clone().into_bytes();
        let mut end = "\n";
        match mutation {
            Mutation::None => {}
            Mutation::Drop => bytes.clear(),
            Mutation::Twice => bytes = [&bytes[..], b"\n", &bytes[..]].concat(),
            Mutation::Joined => end = "",
            Mutation::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Mutation::Replaced(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Mutation::Inserted(at, text) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, text.bytes());
            }
            Mutation::Prefixed(text) => drop(bytes.splice(0..0, text.bytes())),
        }
        output.extend(bytes);
        output.extend(end.bytes());
    }
    output
}

const AGENTS: [&str; 10] = [
    "opencode",
    "copilot",
    "gemini",
    "claude-agent-acp",
    "codex-acp",
    "zed-codex-acp",
    "kimi-code",
    "qwen",
    "mistral-vibe",
    "openhands",
];

proptest! {
    /// Whatever happens to the lines of a real agent, nothing panics, and nothing stays open: an
    /// answer still ends the turn, and at the end every call has a result and every request an
    /// outcome.
    #[test]
    fn no_damaged_output_leaves_a_session_without_an_end(
        agent in prop::sample::select(&AGENTS[..]),
        piece in prop::sample::select(&super::SESSION[..]),
        policy in prop::sample::select(vec!["ask", "allow", "deny"]),
        mutations in prop::collection::vec(mutation(), 1..40),
    ) {
        let lines = replay::lines_of_agent(agent, piece, "s");
        let mut talk = Talk::with_agent(agent, &json!(policy));
        for line in mutated(&lines, &mutations).split(|byte| *byte == b'\n') {
            talk.line(line);
        }
        talk.wait(Duration::from_secs(5));
        talk.end_turn();
        prop_assert!(!talk.conversation.is_in_turn(), "it can still end");
        talk.wait(Duration::from_secs(24 * 3600));
        prop_assert_eq!(talk.activity(), Activity::Idle);
        talk.act(|it, at, effects| it.agent_ended(at, effects));
        prop_assert_eq!(talk.conversation.next_deadline(), None);
        prop_assert!(talk.requests().iter().all(|(_, _, resolved)| resolved.is_some()));
        let (uses, results) = talk.tools();
        prop_assert!(uses <= results, "{} {}", uses, results);
        for record in &talk.records {
            let text = serde_json::to_string(record).unwrap();
            prop_assert!(serde_json::from_str::<JournalRecord>(&text).is_ok());
        }
    }
}

#[test]
fn binary_content_is_recorded_before_the_event_that_refers_to_it() {
    let mut talk = Talk::new(&json!("allow"));
    let image = json!({"type": "image", "mimeType": "image/png", "data": "iVBORw=="});
    talk.update(&json!({"sessionUpdate": "agent_message_chunk", "content": image}));
    talk.update(
        &json!({"sessionUpdate": "tool_call", "toolCallId": "1", "kind": "fetch",
        "rawInput": {"url": "x"}, "status": "completed",
        "content": [{"type": "content", "content": image},
            {"type": "content", "content": {"type": "audio", "data": "UklGRg=="}}]}),
    );
    talk.end_turn();
    let entries: Vec<&JournalEntry> = talk.records.iter().map(|it| &it.entry).collect();
    let place = |is_it: &dyn Fn(&JournalEntry) -> bool| {
        entries
            .iter()
            .position(|entry| is_it(entry))
            .expect("it is recorded")
    };
    let part_of = |size: u64, kind: &str| {
        place(&|entry| {
            matches!(entry, JournalEntry::Attachment(part)
            if part.size == size && part.mime_type == kind)
        })
    };
    let said = place(&|entry| {
        matches!(entry, JournalEntry::Event(EventPayload::Message(it))
        if it.role == MessageRole::Assistant)
    });
    let used = place(&|entry| matches!(entry, JournalEntry::Event(EventPayload::ToolResult(_))));
    assert!(part_of(4, "image/png") < said, "{entries:#?}");
    assert!(part_of(4, UNKNOWN_MEDIA_TYPE) < used, "{entries:#?}");
    let (
        JournalEntry::Event(EventPayload::Message(message)),
        JournalEntry::Event(EventPayload::ToolResult(result)),
    ) = (entries[said], entries[used])
    else {
        panic!("{entries:#?}");
    };
    assert_eq!(
        message.content[0].attachment(),
        Some(result.attachments[0].hash)
    );
    assert_eq!(
        result.tool_output,
        "[image image/png, 4 bytes]\n[audio, 4 bytes]"
    );
    let parts = entries
        .iter()
        .filter(|it| matches!(it, JournalEntry::Attachment(_)));
    assert_eq!(
        (result.attachments.len(), parts.count()),
        (2, 2),
        "equal content is one attachment"
    );
}

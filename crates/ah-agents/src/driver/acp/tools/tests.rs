use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::super::quirks;
use super::*;

fn tools(agent: &str) -> Tools {
    Tools::new(quirks::of(None, agent), "/w".into(), "/diff".to_owned())
}

/// Returns a short form of each output with its call.
fn in_words(output: &[AgentOutput]) -> Vec<String> {
    let word = |said: &AgentOutput| match said {
        AgentOutput::Event(EventPayload::ToolUse(it)) => format!("use {}", it.tool_name),
        AgentOutput::Event(EventPayload::ToolResult(it)) => {
            format!("{:?} {} {:?}", it.status, it.tool_name, it.tool_output)
        }
        AgentOutput::ToolResult { result, binaries } => {
            let (status, name) = (result.status, &result.tool_name);
            let kept: Vec<&str> = binaries.iter().map(|it| it.data.as_str()).collect();
            format!("{status:?} {name} {:?} {kept:?}", result.tool_output)
        }
        AgentOutput::Event(EventPayload::FileEdit(it)) => format!("edit {}", it.file_path),
        AgentOutput::Event(EventPayload::Diff(_)) => "diff".to_owned(),
        AgentOutput::Ephemeral(EphemeralEvent::ToolProgress(it)) => {
            format!("progress {}", it.last_line)
        }
        AgentOutput::Event(EventPayload::Log(_)) => "log".to_owned(),
        other => panic!("{other:?}"),
    };
    output.iter().map(word).collect()
}

fn text(text: &str) -> Value {
    json!([{"type": "content", "content": {"type": "text", "text": text}}])
}

#[test]
fn a_call_is_announced_once_its_input_is_known() {
    let mut tools = tools("mine");
    let mut output = Vec::new();
    let mut tell = |update: Value| tools.update(&update, &mut output);
    tell(json!({"toolCallId": "1", "title": "t", "status": "pending", "rawInput": {}}));
    tell(json!({"toolCallId": "1", "kind": "read", "rawInput": {"path": "a"}}));
    tell(json!({"toolCallId": "1", "status": "in_progress", "content": text("one\ntwo")}));
    tell(json!({"toolCallId": "1", "status": "completed", "content": text("all")}));
    tell(json!({"toolCallId": "1", "status": "failed", "content": text("too late")}));
    assert_eq!(
        in_words(&output),
        ["use read", "progress two", "Completed read \"all\""]
    );
}

#[test]
fn a_failed_edit_edits_nothing() {
    for (status, expected) in [
        (
            "completed",
            vec!["use edit", "edit a", "diff", "Completed edit \"\""],
        ),
        ("failed", vec!["use edit", "Failed edit \"\""]),
    ] {
        let (mut tools, mut output) = (tools("mine"), Vec::new());
        let diff = json!([{"type": "diff", "path": "/w/a", "newText": "x\n"}]);
        let update = json!({"toolCallId": "1", "kind": "edit", "content": diff});
        tools.update(&update, &mut output);
        tools.update(&json!({"toolCallId": "1", "status": status}), &mut output);
        assert_eq!(in_words(&output), expected);
    }
}

#[test]
fn permission_request_for_all_open_calls_lists_them() {
    let (mut tools, mut output) = (tools("openhands"), Vec::new());
    for (id, path) in [("1", "/w/a"), ("2", "/etc/b")] {
        let update = json!({"toolCallId": id, "title": "editor: x", "status": "in_progress",
            "rawInput": {"path": path}});
        tools.update(&update, &mut output);
        let asked = tools.ask(&json!({"toolCallId": "c", "title": "Confirm"}), &mut output);
        if id == "1" {
            assert_eq!(asked.tool_name, "editor");
            assert_eq!(asked.tool_args["path"], path);
        } else {
            assert_eq!(asked.tool_name, "Confirm");
            assert_eq!(asked.tool_args["calls"][1]["path"], path);
            assert_eq!(asked.calls, ["call-1", "call-2"]);
            assert_eq!(asked.other.names, ["editor", "editor"]);
        }
    }
}

#[test]
fn number_of_open_calls_is_limited() {
    let (mut tools, mut output) = (tools("mine"), Vec::new());
    for id in 0..OPEN_MAX + 10 {
        let update = json!({"toolCallId": id.to_string(), "status": "in_progress"});
        tools.update(&update, &mut output);
    }
    assert_eq!(tools.open.len(), OPEN_MAX);
    let ended = in_words(&output);
    let ended = ended.iter().filter(|it| it.starts_with("Failed")).count();
    assert_eq!(ended, 10);
}

#[test]
fn a_reused_id_begins_another_call() {
    let call = |report: &str, command: &str, status: &str| {
        json!({"sessionUpdate": report, "toolCallId": "call_0", "kind": "execute",
            "title": command, "rawInput": {"command": command}, "status": status,
            "content": text(command)})
    };
    let end = |status: &str| json!({"sessionUpdate": "tool_call_update", "toolCallId": "call_0", "status": status});
    let both = ["use execute", "use execute"];
    for (name, updates) in [
        (
            "one after the other",
            vec![
                call("tool_call", "a", "in_progress"),
                end("completed"),
                end("completed"),
                call("tool_call", "b", "in_progress"),
                end("completed"),
            ],
        ),
        (
            "the same command twice",
            vec![
                call("tool_call", "a", "completed"),
                call("tool_call", "a", "completed"),
            ],
        ),
        (
            "at the same time",
            vec![
                call("tool_call", "a", "in_progress"),
                call("tool_call", "b", "in_progress"),
                end("completed"),
                end("completed"),
            ],
        ),
        (
            "by updates only",
            vec![
                call("tool_call_update", "a", "completed"),
                call("tool_call_update", "b", "completed"),
            ],
        ),
    ] {
        let (mut tools, mut output) = (tools("mine"), Vec::new());
        for update in updates {
            tools.update(&update, &mut output);
        }
        let events = in_words(&output);
        let of = |word: &str| events.iter().filter(|it| it.starts_with(word)).count();
        assert_eq!((of("use"), of("Completed")), (2, 2), "{name}: {events:?}");
        let uses = events.iter().filter(|it| it.starts_with("use"));
        assert!(uses.eq(both.iter()), "{name}");
        let ids: HashSet<String> = output
            .iter()
            .filter_map(|it| match it {
                AgentOutput::Event(EventPayload::ToolUse(it)) => Some(it.tool_execution_id.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(ids.len(), 2, "{name}");
    }
}

#[test]
fn a_late_result_replaces_the_guess() {
    for (late, expected) in [
        (
            json!({"toolCallId": "t", "status": "completed", "content": text("412 passed")}),
            vec!["Completed execute \"412 passed\""],
        ),
        (
            json!({"toolCallId": "t", "status": "cancelled"}),
            vec!["Failed execute \"[cancelled]\""],
        ),
        // Progress is not a result.
        (
            json!({"toolCallId": "t", "content": text("1 passed")}),
            vec![],
        ),
    ] {
        let (mut tools, mut output) = (tools("mine"), Vec::new());
        tools.turn_started();
        let begin = json!({"sessionUpdate": "tool_call", "toolCallId": "t", "kind": "execute",
            "status": "in_progress", "rawInput": {"command": "make test"}});
        tools.update(&begin, &mut output);
        tools.turn_ended(&mut output);
        assert_eq!(in_words(&output), ["use execute"], "the result may arrive");
        tools.settle(Settling::Quiet, &mut output);
        let guess = "Failed execute \"[the turn ended before the tool]\"";
        assert_eq!(in_words(&output), ["use execute", guess]);
        output.clear();
        tools.update(&late, &mut output);
        tools.update(&late, &mut output);
        assert_eq!(in_words(&output), expected);
    }
}

#[test]
fn binary_output_is_referred_to() {
    let (mut tools, mut output) = (tools("mine"), Vec::new());
    let block = |block: Value| json!({"type": "content", "content": block});
    let update = json!({"toolCallId": "1", "status": "completed", "content": [
        block(json!({"type": "text", "text": "a plot:"})),
        block(json!({"type": "image", "mimeType": "image/png", "data": "aGVsbG8="})),
        block(json!({"type": "resource", "resource":
            {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": "aGVsbG8="}})),
        block(json!({"type": "resource", "resource": {"uri": "file:///b", "text": "b's text"}})),
        block(json!({"type": "resource_link", "uri": "https://x.example/c", "name": "c"})),
    ]});
    tools.update(&update, &mut output);
    let [_, result] = &in_words(&output)[..] else {
        panic!("{output:?}");
    };
    assert_eq!(
        result,
        "Completed other \"a plot:\\n[image image/png, 5 bytes]\\n\
         [resource file:///a.pdf application/pdf, 5 bytes]\\nb's text\\n\
         [resource_link https://x.example/c]\" [\"aGVsbG8=\"]"
    );
}

#[test]
fn binary_output_is_found_wherever_agents_put_it() {
    let data = ["QQ==", "Qg==", "Qw==", "RA=="];
    let raw = json!({
        "content": [{"type": "image", "source":
            {"type": "base64", "media_type": "image/png", "data": data[0]}}],
        "attachments": [{"mime": "image/png", "url": format!("data:image/png;base64,{}", data[1])}],
        "contents": [{"uri": "file:///a", "mimeType": "application/pdf", "blob": data[2]}],
        "blob": "0123456789abcdef", "data": "AAAA", "output": "done",
    });
    let (mut tools, mut output) = (tools("mine"), Vec::new());
    let block = json!({"type": "image", "mimeType": "image/png", "data": data[3]});
    // An update that is not the last one has content as well.
    for status in ["in_progress", "completed"] {
        let update = json!({"toolCallId": "1", "status": status, "rawOutput": raw,
            "content": [{"type": "content", "content": block}]});
        tools.update(&update, &mut output);
    }
    let Some(AgentOutput::ToolResult { binaries, .. }) = output.last() else {
        panic!("{output:?}");
    };
    let found: HashSet<&str> = binaries.iter().map(|it| it.data.as_str()).collect();
    let url = format!("data:image/png;base64,{}", data[1]);
    assert_eq!(found, HashSet::from([data[0], &url, data[2], data[3]]));
    assert_eq!(binaries.len(), 4);
}

#[test]
fn binary_output_that_is_held_is_limited() {
    let (mut tools, mut output) = (tools("mine"), Vec::new());
    for id in 0..5 {
        let data = format!("{id}").repeat(HELD_BYTES_MAX / 4);
        let update = json!({"toolCallId": id.to_string(), "status": "in_progress",
            "rawOutput": {"type": "image", "data": data}});
        tools.update(&update, &mut output);
    }
    let held: usize = tools.open.iter().map(AgentCall::held).sum();
    assert_eq!(held, HELD_BYTES_MAX);
    tools.settle(Settling::All, &mut output);
    let last = in_words(&output[output.len() - 1..]);
    assert!(
        last[0].contains("[1 attachments were too large to be kept]"),
        "{last:?}"
    );
}

/// An action of an agent on one of a few calls.
#[derive(Clone, Debug)]
enum Deed {
    Update(Value),
    Ask(usize),
    Cancel,
    EndTurn,
    Settle,
}

fn deed() -> impl Strategy<Value = Deed> {
    let status = prop_oneof![
        Just(json!(null)),
        Just(json!("pending")),
        Just(json!("in_progress")),
        Just(json!("completed")),
        Just(json!("failed")),
        Just(json!(7)),
    ];
    let input = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!({"path": "a"}))
    ];
    let content = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(text("out")),
        Just(json!([{"type": "diff", "path": "a", "newText": "b"}])),
        Just(json!([7, {"type": "diff"}, {"type": "content"}])),
    ];
    let update = (0..4_usize, status, input, content).prop_map(|(id, status, input, content)| {
        Deed::Update(
            json!({"toolCallId": id.to_string(), "title": format!("tool{id}"), "status": status,
                "rawInput": input, "content": content}),
        )
    });
    prop_oneof![
        8 => update,
        1 => (0..4_usize).prop_map(Deed::Ask),
        1 => Just(Deed::Cancel),
        1 => Just(Deed::EndTurn),
        1 => Just(Deed::Settle),
    ]
}

/// The updates of opencode and of claude-agent-acp for an answer of the model with two calls of
/// one id.
#[test]
fn update_of_another_tool_begins_a_call_beside_the_open_one() {
    let opencode = [
        json!({"sessionUpdate": "tool_call", "toolCallId": "0", "kind": "read", "rawInput": {}}),
        json!({"toolCallId": "0", "status": "in_progress", "kind": "read",
            "rawInput": {"filePath": "/w/a"}}),
        json!({"toolCallId": "0", "status": "in_progress", "kind": "execute", "title": "rm a",
            "rawInput": {"command": "rm a"}}),
    ];
    let named = |name: &str, update: Value| {
        let mut update = update;
        update["toolCallId"] = json!("0");
        update["_meta"] = json!({"claudeCode": {"toolName": name}});
        update
    };
    let claude = [
        named(
            "Read",
            json!({"sessionUpdate": "tool_call", "kind": "read", "rawInput": {}}),
        ),
        named(
            "Read",
            json!({"kind": "read", "rawInput": {"file_path": "/w/a"}}),
        ),
        named(
            "Bash",
            json!({"kind": "execute", "title": "Terminal", "rawInput": {}}),
        ),
        named(
            "Bash",
            json!({"kind": "execute", "title": "rm a", "rawInput": {"command": "rm a"}}),
        ),
    ];
    let asked = json!({"toolCallId": "0", "kind": "execute", "title": "rm a",
        "rawInput": {"command": "rm a"}});
    for (agent, updates, read, shell) in [
        ("opencode", &opencode[..], "read", "execute"),
        ("claude-agent-acp", &claude[..], "Read", "Bash"),
    ] {
        let mut tools = tools(agent);
        let mut output = Vec::new();
        for update in updates {
            tools.update(update, &mut output);
        }
        let subject = tools.ask(&asked, &mut output);
        assert_eq!(subject.tool_name, shell);
        assert_eq!(subject.tool_args["command"], "rm a");
        // The result of the read, which the agent reports under the name of its last call.
        let result = json!({"status": "completed", "content": text("content")});
        tools.update(&named(shell, result), &mut output);
        tools.answered(&subject.calls, true);
        tools.turn_ended(&mut output);
        assert_eq!(
            in_words(&output),
            [
                format!("use {read}"),
                format!("use {shell}"),
                format!("Completed {read} \"content\""),
                format!("Failed {shell} \"[permission denied]\""),
            ]
        );
    }
}

#[test]
fn another_command_under_an_open_id_is_another_call() {
    let mut tools = tools("mine");
    let mut output = Vec::new();
    for command in ["l", "ls", "ls -l", "rm a"] {
        let update = json!({"toolCallId": "0", "kind": "execute", "status": "in_progress",
            "rawInput": {"command": command}});
        tools.update(&update, &mut output);
    }
    tools.settle(Settling::All, &mut output);
    let uses = in_words(&output);
    let uses = uses.iter().filter(|word| word.starts_with("use"));
    assert_eq!(uses.count(), 2, "{output:?}");
}

#[test]
fn call_that_waits_for_permission_is_not_given_up() {
    let mut tools = tools("mine");
    let mut output = Vec::new();
    let asked = json!({"toolCallId": "0", "kind": "execute", "rawInput": {"command": "make"}});
    let subject = tools.ask(&asked, &mut output);
    tools.settle(Settling::Quiet, &mut output);
    assert_eq!(in_words(&output), ["use execute"]);
    tools.answered(&subject.calls, false);
    let result = json!({"toolCallId": "0", "status": "completed", "content": text("made")});
    tools.update(&result, &mut output);
    assert_eq!(
        in_words(&output),
        ["use execute", "Completed execute \"made\""]
    );
}

proptest! {
    /// Whatever the order of updates, a call is used once and then has one result with the same
    /// name, and nothing follows.
    #[test]
    fn every_call_begins_once_and_ends_once(
        agent in prop_oneof![Just("mine"), Just("opencode"), Just("kimi"), Just("gemini")],
        deeds in prop::collection::vec(deed(), 0..40),
    ) {
        let mut tools = tools(agent);
        let mut output = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Update(update) => tools.update(&update, &mut output),
                Deed::Ask(id) => {
                    let asked = json!({"toolCallId": id.to_string()});
                    let subject = tools.ask(&asked, &mut output);
                    tools.answered(&subject.calls, true);
                }
                Deed::Cancel => tools.cancelled(),
                Deed::EndTurn => tools.turn_ended(&mut output),
                Deed::Settle => tools.settle(Settling::Quiet, &mut output),
            }
        }
        tools.settle(Settling::All, &mut output);
        let mut begun: HashMap<String, String> = HashMap::new();
        let mut ended: HashMap<String, String> = HashMap::new();
        let mut guessed: HashSet<String> = HashSet::new();
        for said in output {
            match said {
                AgentOutput::Event(EventPayload::ToolUse(it)) => {
                    let before = begun.insert(it.tool_execution_id, it.tool_name);
                    prop_assert_eq!(before, None);
                }
                AgentOutput::Event(EventPayload::ToolResult(it)) => {
                    prop_assert_eq!(begun.get(&it.tool_execution_id), Some(&it.tool_name));
                    let is_guess = it.tool_output.ends_with("[the turn ended before the tool]")
                        || it.tool_output.ends_with("[permission denied]");
                    let before = ended.insert(it.tool_execution_id.clone(), it.tool_name);
                    // Only a guess is replaced, and only by a report.
                    let replaces = guessed.remove(&it.tool_execution_id);
                    prop_assert_eq!(before.is_some(), replaces);
                    prop_assert!(!(replaces && is_guess));
                    if is_guess {
                        guessed.insert(it.tool_execution_id);
                    }
                }
                AgentOutput::Event(EventPayload::Diff(it)) => {
                    prop_assert!(begun.contains_key(&it.tool_execution_id));
                    let is_open = !ended.contains_key(&it.tool_execution_id);
                    prop_assert!(is_open || guessed.contains(&it.tool_execution_id));
                }
                AgentOutput::Ephemeral(EphemeralEvent::ToolProgress(it)) => {
                    prop_assert!(begun.contains_key(&it.tool_execution_id));
                    prop_assert!(!ended.contains_key(&it.tool_execution_id));
                }
                _ => {}
            }
        }
        prop_assert_eq!(begun, ended);
    }
}

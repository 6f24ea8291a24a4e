use std::collections::HashMap;

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
        AgentOutput::Event(EventPayload::FileEdit(it)) => format!("edit {}", it.file_path),
        AgentOutput::Event(EventPayload::Diff(_)) => "diff".to_owned(),
        AgentOutput::Ephemeral(EphemeralEvent::ToolProgress(it)) => {
            format!("progress {}", it.last_line)
        }
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
fn leave_for_all_that_is_open_names_all_of_it() {
    let (mut tools, mut output) = (tools("openhands"), Vec::new());
    for (id, path) in [("1", "/w/a"), ("2", "/etc/b")] {
        let update = json!({"toolCallId": id, "title": "editor: x", "status": "in_progress",
            "rawInput": {"path": path}});
        tools.update(&update, &mut output);
        let asked = tools.ask(&json!({"toolCallId": "c", "title": "Confirm"}), &mut output);
        let asked = asked.unwrap();
        if id == "1" {
            assert_eq!(asked.tool_name, "editor");
            assert_eq!(asked.tool_args["path"], path);
        } else {
            assert_eq!(asked.tool_name, "Confirm");
            assert_eq!(asked.tool_args["calls"][1]["path"], path);
            assert_eq!(asked.calls, ["1", "2"]);
        }
    }
}

#[test]
fn no_more_calls_are_open_than_there_is_room_for() {
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

/// An action of an agent on one of a few calls.
#[derive(Clone, Debug)]
enum Deed {
    Update(Value),
    Ask(usize),
    Cancel,
    EndTurn,
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
    ]
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
                    if let Some(subject) = tools.ask(&asked, &mut output) {
                        tools.refuse(&subject.calls);
                    }
                }
                Deed::Cancel => tools.cancelled(),
                Deed::EndTurn => tools.turn_ended(&mut output),
            }
        }
        tools.turn_ended(&mut output);
        let mut begun: HashMap<String, String> = HashMap::new();
        let mut ended: HashMap<String, String> = HashMap::new();
        for said in output {
            match said {
                AgentOutput::Event(EventPayload::ToolUse(it)) => {
                    let before = begun.insert(it.tool_execution_id, it.tool_name);
                    prop_assert_eq!(before, None);
                }
                AgentOutput::Event(EventPayload::ToolResult(it)) => {
                    prop_assert_eq!(begun.get(&it.tool_execution_id), Some(&it.tool_name));
                    let before = ended.insert(it.tool_execution_id, it.tool_name);
                    prop_assert_eq!(before, None);
                }
                AgentOutput::Event(EventPayload::Diff(it)) => {
                    prop_assert!(begun.contains_key(&it.tool_execution_id));
                    prop_assert!(!ended.contains_key(&it.tool_execution_id));
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

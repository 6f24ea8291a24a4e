use serde_json::json;

use super::*;
use crate::{Scenario, builtin};

fn performance(timeline: &serde_json::Value) -> Performance {
    let scenario = Scenario::from_value(json!({"name": "test", "timeline": timeline})).unwrap();
    of(&scenario)
}

fn of(scenario: &Scenario) -> Performance {
    let defines = Defines::default();
    let script = scenario.resolve(&defines).unwrap();
    Performance::new(Arc::new(script), defines, Ulid(1))
}

/// A turn to its end, or to where it is stuck, as words.
fn turn(performance: &mut Performance, prompt: &str) -> Vec<String> {
    performance.begin(&PromptContent::from(prompt));
    rest(performance)
}

fn rest(performance: &mut Performance) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        let cue = performance.next_cue();
        let is_last = !matches!(
            cue,
            Cue::Wait(_) | Cue::Event(_) | Cue::Ephemeral(_) | Cue::Ask(_)
        );
        words.push(match cue {
            Cue::Wait(delay) => format!("{} ms", delay.as_millis()),
            Cue::Event(event) => match event {
                EventPayload::Thought(thought) => format!("thinks {}", thought.thought),
                EventPayload::Message(message) => format!("says {}", text(&message.content)),
                EventPayload::FileEdit(edit) => format!(
                    "edits {} +{} -{}",
                    edit.file_path, edit.lines_added, edit.lines_removed
                ),
                EventPayload::ToolResult(result) => format!(
                    "{} {:?} {:?} {}",
                    result.tool_name, result.status, result.exit_code, result.tool_output
                ),
                EventPayload::Log(log) => log.message,
                other => other.event_type().to_string(),
            },
            Cue::Ephemeral(event) => event.name().to_owned(),
            Cue::Ask(ask) => format!("asks for {}", ask.tool_name),
            other => format!("{other:?}"),
        });
        if is_last {
            return words;
        }
    }
}

fn text(content: &[ContentBlock]) -> &str {
    match content {
        [ContentBlock::Text { text }] => text,
        other => panic!("one text: {other:?}"),
    }
}

#[test]
fn a_turn_says_what_the_script_says_in_its_time() {
    let mut performance = performance(&json!([
        {"llmResponse": [
            {"think": [[0, "hm"], [300, "{{prompt}}"]]},
            {"assistant": [[0, "a"], [50, "b"]]},
        ]},
        {"agentEdits": {"path": "a.md", "linesAdded": 3, "linesRemoved": 1}},
    ]));
    let said = [
        "thinks hm",
        "300 ms",
        "thinks go",
        "message_delta",
        "50 ms",
        "message_delta",
        "says ab",
        "edits a.md +3 -1",
        "TurnCompleted",
    ];
    assert_eq!(turn(&mut performance, "go"), said);
    let over = "says The scenario `test` has ended; there is no more to play.";
    assert_eq!(turn(&mut performance, "more"), [over, "TurnCompleted"]);
}

#[test]
fn tools_come_out_as_the_script_tells() {
    let mut performance = performance(&json!([
        {"agentToolUse": {
            "toolName": "runCmd", "args": {"cmd": "make"}, "result": "no rule", "status": "error",
            "progress": [[200, "making"]],
        }},
        {"agentToolUse": {"toolName": "writeFile", "args": {"path": "a", "content": "1\n2\n"}}},
    ]));
    let said = [
        "tool_use",
        "200 ms",
        "tool_progress",
        "runCmd Failed Some(1) no rule",
        "tool_use",
        "edits a +2 -0",
        "writeFile Completed None ",
        "TurnCompleted",
    ];
    assert_eq!(turn(&mut performance, "go"), said);
}

#[test]
fn the_answer_decides_what_is_played() {
    let scenario = Scenario::from_yaml(builtin("permission").unwrap()).unwrap();
    let before = [
        "100 ms",
        "thinks This command changes the workspace, so I ask first.",
        "asks for runCmd",
        "Stuck",
    ];
    let mut granted = of(&scenario);
    assert_eq!(turn(&mut granted, "go"), before);
    granted.answered(Some("allow"));
    let after = rest(&mut granted);
    assert_eq!(after[..2], ["tool_use", "runCmd Completed Some(0) "]);
    let mut denied = of(&scenario);
    turn(&mut denied, "go");
    denied.answered(None);
    let after = rest(&mut denied);
    let skipped = [
        "the scenario did not expect the answer `cancelled`",
        "skipped runCmd: leave was not given",
    ];
    assert_eq!(after[..2], skipped);
}

#[test]
fn a_turn_that_is_given_up_goes_on_where_the_script_waits_for_a_prompt() {
    let mut performance = performance(&json!([
        {"log": "one"}, {"hang": null}, {"log": "never"},
        {"userInputs": [{"input": "and then"}]},
        {"log": "two"}, {"error": "it broke"}, {"log": "never"},
        {"userInputs": [{"input": "and now"}]},
        {"exit": 3},
    ]));
    assert_eq!(turn(&mut performance, "go"), ["one", "Stuck"]);
    assert_eq!(rest(&mut performance), ["Stuck"]);
    performance.give_up_turn();
    let failed = ["two", "error", "TurnFailed(\"it broke\")"];
    assert_eq!(turn(&mut performance, "on"), failed);
    assert_eq!(turn(&mut performance, "on"), ["Exit(3)"]);
}

use ah_rest_api_contract::ContentBlock;
use serde_json::json;

use super::*;
use crate::{Scenario, builtin};

fn agent(timeline: &serde_json::Value) -> ScriptedAgent {
    let scenario = Scenario::from_value(json!({"name": "test", "timeline": timeline})).unwrap();
    of(&scenario)
}

fn of(scenario: &Scenario) -> ScriptedAgent {
    let defines = Defines::default();
    let script = scenario.resolve(&defines).unwrap();
    ScriptedAgent::new(Arc::new(script), defines, "1".into(), Ulid(1))
}

/// Plays a turn to its end, or to where it is blocked, and returns it as words.
fn turn(agent: &mut ScriptedAgent, prompt: &str) -> Vec<String> {
    let id = PromptId::from_ulid(Ulid(7));
    agent
        .prompt(id, &PromptContent::from(prompt), &mut Vec::new())
        .unwrap();
    rest(agent)
}

fn rest(agent: &mut ScriptedAgent) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        let played = agent.play();
        let is_last = matches!(
            played,
            AgentStep::Blocked
                | AgentStep::Exited { .. }
                | AgentStep::Output(AgentOutput::TurnEnded(_))
        );
        words.push(match played {
            AgentStep::Wait(delay) => format!("{} ms", delay.as_millis()),
            AgentStep::Output(output) => in_words(output),
            other => format!("{other:?}"),
        });
        if is_last {
            return words;
        }
    }
}

fn in_words(output: AgentOutput) -> String {
    match output {
        AgentOutput::Event(event) => match event {
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
        AgentOutput::Ephemeral(event) => event.name().to_owned(),
        AgentOutput::PermissionRequest(request) => format!("asks for {}", request.tool_name),
        AgentOutput::TurnEnded(outcome) => format!("{outcome:?}"),
        other => format!("{other:?}"),
    }
}

fn text(content: &[ContentBlock]) -> &str {
    match content {
        [ContentBlock::Text { text }] => text,
        other => panic!("one text: {other:?}"),
    }
}

#[test]
fn turn_plays_the_script_with_its_delays() {
    let mut agent = agent(&json!([
        {"llmResponse": [
            {"think": [[0, "hm"], [300, "{{prompt}}"]]},
            {"assistant": [[0, "a"], [50, "b"]]},
        ]},
        {"agentEdits": {"path": "a.md", "linesAdded": 3, "linesRemoved": 1}},
    ]));
    let expected = [
        "thinks hm",
        "300 ms",
        "thinks go",
        "message_delta",
        "50 ms",
        "message_delta",
        "says ab",
        "edits a.md +3 -1",
        "Completed",
    ];
    assert_eq!(turn(&mut agent, "go"), expected);
    let over = "says The scenario `test` has ended; there is no more to play.";
    assert_eq!(turn(&mut agent, "more"), [over, "Completed"]);
}

#[test]
fn tools_have_the_scripted_results() {
    let mut agent = agent(&json!([
        {"agentToolUse": {
            "toolName": "runCmd", "args": {"cmd": "make"}, "result": "no rule", "status": "error",
            "progress": [[200, "making"]],
        }},
        {"agentToolUse": {"toolName": "writeFile", "args": {"path": "a", "content": "1\n2\n"}}},
    ]));
    let expected = [
        "tool_use",
        "200 ms",
        "tool_progress",
        "runCmd Failed Some(1) no rule",
        "tool_use",
        "edits a +2 -0",
        "writeFile Completed None ",
        "Completed",
    ];
    assert_eq!(turn(&mut agent, "go"), expected);
}

#[test]
fn answer_selects_the_branch_of_the_script() {
    let scenario = Scenario::from_yaml(builtin("permission").unwrap()).unwrap();
    let before = [
        "100 ms",
        "thinks This command changes the workspace, so I ask first.",
        "asks for runCmd",
        "Blocked",
    ];
    let mut granted = of(&scenario);
    assert_eq!(turn(&mut granted, "go"), before);
    granted.answer("ask-1", Some("allow"), &mut Vec::new());
    let after = rest(&mut granted);
    assert_eq!(after[..2], ["tool_use", "runCmd Completed Some(0) "]);
    let mut denied = of(&scenario);
    turn(&mut denied, "go");
    denied.answer("ask-1", None, &mut Vec::new());
    let after = rest(&mut denied);
    let skipped = [
        "the scenario did not expect the answer `cancelled`",
        "skipped runCmd: permission was not granted",
    ];
    assert_eq!(after[..2], skipped);
}

#[test]
fn interrupted_turn_continues_at_the_next_expected_prompt() {
    let mut agent = agent(&json!([
        {"log": "one"}, {"hang": null}, {"log": "never"},
        {"userInputs": [{"input": "and then"}]},
        {"log": "two"}, {"error": "it broke"}, {"log": "never"},
        {"userInputs": [{"input": "and now"}]},
        {"exit": 3},
    ]));
    assert_eq!(turn(&mut agent, "go"), ["one", "Blocked"]);
    assert_eq!(rest(&mut agent), ["Blocked"]);
    agent.interrupt(&mut Vec::new());
    assert_eq!(
        agent.next_reply(),
        Some(AgentOutput::TurnEnded(TurnOutcome::Interrupted))
    );
    let failed = ["two", "error", "Failed { reason: \"it broke\" }"];
    assert_eq!(turn(&mut agent, "on"), failed);
    assert_eq!(
        turn(&mut agent, "on"),
        ["Exited { exit_code: Some(3), signal: None }"]
    );
}

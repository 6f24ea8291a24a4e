use std::time::Duration;

use ah_rest_api_contract::EventPayload;
use serde_json::{Value, json};

use crate::{Condition, Defines, ExpectedAnswer, Scenario, ScenarioError, Script, StepAction};

fn document(timeline: Value) -> Value {
    let mut document = json!({"name": "test"});
    document["timeline"] = timeline;
    document
}

fn script(timeline: Value) -> Script {
    resolved(document(timeline)).unwrap()
}

fn resolved(document: Value) -> Result<Script, ScenarioError> {
    Scenario::from_value(document)?.resolve(&Defines::default())
}

/// Returns the error of a timeline with this single entry.
fn problem(entry: Value) -> String {
    let error = resolved(document(Value::Array(vec![entry]))).unwrap_err();
    error.to_string().replace("scenario is not valid at ", "")
}

fn delays(script: &Script) -> Vec<u128> {
    script
        .steps
        .iter()
        .map(|step| step.delay.as_millis())
        .collect()
}

#[test]
fn every_entry_becomes_a_typed_step() {
    let yaml = r#"
name: everything
unknown: is ignored
initialPrompt: legacy
timeline:
  - userInputs:
      - { relativeTime: 0, input: [{ type: text, text: begin }] }
      - { relativeTime: 5, input: "elsewhere", target: tui }
  - llmResponse:
      - think:
          - { relativeTime: 100, content: first }
          - { relativeTime: 250, content: second }
      - assistant:
          - { relativeTime: 50, content: "a " }
          - { relativeTime: 80, content: { type: resource_link, uri: "file:///x", name: x } }
          - { relativeTime: 90, content: { type: diff, path: x } }
      - error: { errorType: rate_limit, message: slow down, statusCode: 429, retryAfterSeconds: 3 }
      - agentPlan: { entries: [{ content: do, priority: low, status: completed }] }
  - baseTimeDelta: 1000
  - agentToolUse:
      toolName: runCmd
      args: { cmd: ls, n: 3 }
      progress: [{ relativeTime: 20, message: b, expectOutput: x }, [10, a]]
      result: { some: json }
      status: error
      toolCallId: t1
  - agentEdits: { path: a.rs, linesAdded: 2 }
  - agentFileReads: { files: [{ path: a, expectedContent: c }, b] }
  - agentPermissionRequest:
      toolCall: { toolCallId: t2, title: Run it, kind: execute }
      options: [{ id: y, label: "Yes", kind: allow_once }, { id: n, kind: reject_always }]
      granted: false
  - agentToolUse: { toolName: grep, toolCallId: t2, args: { pattern: x } }
  - ifDenied: [log: { level: debug, message: pity }]
  - advanceMs: 10
  - usage: { inputTokens: 1, outputTokens: 2, cachedTokens: 3, costUsd: 0.1, contextUsed: 4, contextSize: 5, model: m }
  - progress: { progress: 100, stage: done }
  - assert: { fs: { exists: [a] }, text: { contains: b }, json: { file: c, pointer: /d, equals: 1 }, git: { commit: { messageContains: e } } }
  - status: cancelled
  - screenshot: shot
  - setMode: { modeId: x }
  - userInputs: next
  - hang
  - crash: null
  - exit: { code: 3 }
  - error: { message: over }
  - complete: null
"#;
    let script = Scenario::from_yaml(yaml)
        .unwrap()
        .resolve(&Defines::default())
        .unwrap();
    insta::assert_debug_snapshot!(script);
}

#[test]
fn equivalent_notations_resolve_equally() {
    let objects = script(json!([
        {"llmResponse": [
            {"think": [{"relativeTime": 100, "content": "a"}, {"relativeTime": 300, "content": "b"}]},
            {"assistant": [{"relativeTime": 0, "content": "c"}]},
        ]},
        {"agentEdits": {"path": "x", "linesAdded": 1, "linesRemoved": 0}},
    ]));
    let pairs = script(json!([{"agentActions": [
        {"think": [[100, "a"], [300, "b"]]},
        {"userActions": [{"llmResponse": {"assistant": "c"}}]},
        {"agentEdits": {"path": "x", "linesAdded": 1}},
    ]}]));
    let lone_pair = script(json!([{"think": [100, "a"]}]));
    let actions = |script: &Script| -> Vec<(Duration, StepAction)> {
        script
            .steps
            .iter()
            .map(|step| (step.delay, step.action.clone()))
            .collect()
    };
    assert_eq!(actions(&objects), actions(&pairs));
    assert_eq!(actions(&objects)[..1], actions(&lone_pair));
}

#[test]
fn absolute_and_relative_times_are_resolved() {
    let script = script(json!([
        {"think": [[100, "a"], [250, "b"], [50, "late"]]},
        {"assistant": [[0, "c"], [200, "d"]]},
        {"baseTimeDelta": 1000},
        {"baseTimeDelta": 500},
        {"agentToolUse": {"toolName": "x", "progress": [[700, "p"]]}},
        {"baseTimeDelta": 600},
        {"userInputs": ["next"]},
        {"baseTimeDelta": 40},
    ]));
    assert_eq!(delays(&script), [100, 150, 0, 0, 550, 500, 0, 0, 0, 40]);
}

#[test]
fn only_a_leading_input_is_the_initial_prompt() {
    let first = script(json!([{"userInputs": ["a", "b"]}, {"log": "x"}, {"userInputs": ["c"]}]));
    assert_eq!(first.initial_prompt.unwrap().text(), "a");
    let awaited: Vec<_> = first
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            StepAction::AwaitPrompt(prompt) => Some(prompt.text()),
            _ => None,
        })
        .collect();
    assert_eq!(awaited, ["b", "c"]);
    let later = script(json!([{"think": ["x"]}, {"userInputs": ["c"]}]));
    assert_eq!(later.initial_prompt, None);
    assert_eq!(later.steps.len(), 2);
    let after_start = script(json!([
        {"initialize": {}}, {"sessionStart": {}}, {"log": "x"}, {"baseTimeDelta": 5},
        {"userInputs": [{"input": "for the TUI", "target": "tui"}]}, {"userInputs": ["c"]},
    ]));
    assert_eq!(after_start.initial_prompt.unwrap().text(), "c");
}

#[test]
fn permission_request_applies_to_the_next_tool_call() {
    let script = script(json!([
        {"agentToolUse": {"toolName": "before", "toolCallId": "t"}},
        {"agentPermissionRequest": {"toolCall": {"toolCallId": "t"}, "granted": true}},
        {"agentToolUse": {"toolName": "other"}},
        {"agentToolUse": {"toolName": "runCmd", "toolCallId": "t", "args": {"cmd": "ls"}}},
        {"agentToolUse": {"toolName": "again", "toolCallId": "t"}},
        {"agentPermissionRequest": {"toolCall": {"title": "an edit"}}},
        {"agentEdits": {"path": "x"}},
        {"ifGranted": [{"log": "yes"}, {"ifDenied": [{"log": "never"}]}]},
    ]));
    let conditions: Vec<_> = script
        .steps
        .iter()
        .map(|step| step.conditions.as_slice())
        .collect();
    let needs = |request| vec![Condition::NeedsPermission { request }];
    let granted = Condition::IfGranted { request: 1 };
    let denied = Condition::IfDenied { request: 1 };
    assert_eq!(
        conditions,
        [
            &[][..],
            &[],
            &[],
            &needs(0),
            &[],
            &[],
            &needs(1),
            &[granted],
            &[granted, denied]
        ]
    );
    let StepAction::Ask(ask) = &script.steps[1].action else {
        panic!("{:?}", script.steps[1]);
    };
    assert_eq!(
        (ask.tool_name.as_str(), &ask.tool_args["cmd"]),
        ("runCmd", &json!("ls"))
    );
    assert_eq!(ask.expected, Some(ExpectedAnswer::Granted));
    assert_eq!(
        ask.options.len(),
        2,
        "allow and deny, when the scenario offers nothing"
    );
}

#[test]
fn rules_select_entries() {
    let scenario = Scenario::from_yaml(
        "
name: ruled
timeline:
  - rules:
      - when: $fast
        config: { log: fast }
      - when: $count >= 2
        config: [{ log: a }, { log: b }]
      - default: true
        config: { log: default }
  - log: end
",
    )
    .unwrap();
    let logs = |defines: &str| -> Vec<String> {
        let script = scenario
            .resolve(&Defines::from_list(defines).unwrap())
            .unwrap();
        script
            .steps
            .iter()
            .map(|step| match &step.action {
                StepAction::Event(EventPayload::Log(log)) => {
                    format!("{} {}", step.place, log.message)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(
        logs(""),
        [
            "timeline[0].rules[2].config.log default",
            "timeline[1].log end"
        ]
    );
    assert_eq!(
        logs("fast"),
        [
            "timeline[0].rules[0].config.log fast",
            "timeline[1].log end"
        ]
    );
    assert_eq!(
        logs("count=3"),
        [
            "timeline[0].rules[1].config[0].log a",
            "timeline[0].rules[1].config[1].log b",
            "timeline[1].log end",
        ]
    );
}

#[test]
fn error_names_location_line_and_expectation() {
    let error = |yaml: &str| {
        Scenario::from_yaml(yaml)
            .and_then(|scenario| scenario.resolve(&Defines::default()))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("name: x\ntimeline:\n  - agentEdits:\n      path: 3\n"),
        "scenario is not valid at `timeline[0].agentEdits.path` (line 4): expected a text, found a \
         number"
    );
    assert_eq!(
        error("timeline: []\n"),
        "scenario is not valid at the top level (line 1): `name` is missing"
    );
    assert_eq!(
        error("name: x\n"),
        "scenario is not valid at the top level (line 1): `timeline` is missing"
    );
    assert_eq!(
        error("just text"),
        "scenario is not valid at the top level (line 1): expected an object, found a text"
    );
    let syntax = error("name: [x\ntimeline: }");
    assert!(
        syntax.starts_with("scenario is not readable YAML: ") && syntax.contains("line"),
        "{syntax}"
    );
    let twice = error("name: x\nname: y\n");
    assert!(
        twice.starts_with("scenario is not readable YAML: ") && twice.contains("name"),
        "{twice}"
    );
}

#[test]
fn each_entry_error_lists_its_fields() {
    for (entry, words) in [
        (
            json!({"log": "a", "status": "b"}),
            "`timeline[0]`: expected one entry, found `log` and `status`: make two items of the list of them",
        ),
        (
            json!(3),
            "`timeline[0]`: expected an object, found a number",
        ),
        (
            json!({"baseTimeDelta": -1}),
            "`timeline[0].baseTimeDelta`: expected a time in whole milliseconds, from 0 to 86400000 (a day), found a number",
        ),
        (
            json!({"baseTimeDelta": 86_400_001}),
            "`timeline[0].baseTimeDelta`: expected a time in whole milliseconds, from 0 to 86400000 (a day), found a number",
        ),
        (
            json!({"think": [[1, 2, 3]]}),
            "`timeline[0].think[0]`: expected a pair `[milliseconds, content]`, found a list of 3",
        ),
        (
            json!({"think": [true]}),
            "`timeline[0].think[0]`: expected `{relativeTime, content}`, a pair `[milliseconds, content]` or a text, found a boolean",
        ),
        (
            json!({"llmResponse": [{"agentToolUse": {}}]}),
            "`timeline[0].llmResponse[0].agentToolUse`: a tool use stands in the timeline itself, outside of `llmResponse`",
        ),
        (
            json!({"assistant": [[0, {"type": "image"}]]}),
            "`timeline[0].assistant[0][1]`: an image needs `path`, `uri` or `data`",
        ),
        (
            json!({"assistant": [[0, {"type": "audio", "data": "a!", "mimeType": "x"}]]}),
            "`timeline[0].assistant[0][1].data`: expected base64",
        ),
        (
            json!({"agentToolUse": {"args": {}}}),
            "`timeline[0].agentToolUse`: `toolName` is missing",
        ),
        (
            json!({"agentToolUse": {"toolName": "x", "args": []}}),
            "`timeline[0].agentToolUse.args`: expected an object, found a list",
        ),
        (
            json!({"agentToolUse": {"toolName": "x", "status": "fine"}}),
            "`timeline[0].agentToolUse.status`: expected one of `ok`, `success`, `completed`, `error`, `failed`, found `fine`",
        ),
        (
            json!({"agentEdits": {"path": "x", "linesAdded": 100_001}}),
            "`timeline[0].agentEdits.linesAdded`: an edit has at most 100000 lines",
        ),
        (
            json!({"agentEdits": {"path": "x", "linesRemoved": 1.5}}),
            "`timeline[0].agentEdits.linesRemoved`: expected a whole number from 0 up, found a number",
        ),
        (
            json!({"agentPlan": {"entries": [{"content": "x", "priority": "urgent"}]}}),
            "`timeline[0].agentPlan.entries[0].priority`: expected one of `high`, `medium`, `low`, found `urgent`",
        ),
        (
            json!({"agentPermissionRequest": {"toolCall": {}, "options": []}}),
            "`timeline[0].agentPermissionRequest.options`: expected at least one option",
        ),
        (
            json!({"agentPermissionRequest": {"toolCall": {}, "granted": true, "decision": {"outcome": "cancelled"}}}),
            "`timeline[0].agentPermissionRequest`: expected either `decision` or `granted`, found both",
        ),
        (
            json!({"agentPermissionRequest": {"toolCall": {}, "decision": {"outcome": "selected", "optionId": "x"}}}),
            "`timeline[0].agentPermissionRequest.decision.optionId`: there is no option `x`",
        ),
        (
            json!({"ifGranted": []}),
            "`timeline[0].ifGranted`: `ifGranted` needs an agentPermissionRequest before it",
        ),
        (
            json!({"assert": {}}),
            "`timeline[0].assert`: expected at least one of `fs`, `text`, `json`, `git`",
        ),
        (
            json!({"assert": {"json": {"file": "x", "pointer": ""}}}),
            "`timeline[0].assert.json`: `equals` is missing",
        ),
        (
            json!({"progress": {"progress": 101}}),
            "`timeline[0].progress.progress`: expected a whole number from 0 to 100, found a number",
        ),
        (
            json!({"usage": {"costUsd": -1}}),
            "`timeline[0].usage.costUsd`: expected a price in US dollars, from 0 up, found a number",
        ),
        (
            json!({"exit": 256}),
            "`timeline[0].exit`: expected an exit code from 0 to 255, found a number",
        ),
        (
            json!({"log": {"level": "loud", "message": "x"}}),
            "`timeline[0].log.level`: expected one of `error`, `warn`, `info`, `debug`, `trace`, found `loud`",
        ),
    ] {
        assert_eq!(problem(entry), words);
    }
}

#[test]
fn yaml_alias_expansion_is_rejected() {
    let mut bomb = "name: x\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(matches!(
        Scenario::from_yaml(&bomb),
        Err(ScenarioError::Syntax { .. })
    ));
    let deep = format!(
        "name: x\ntimeline: {}{}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert!(matches!(
        Scenario::from_yaml(&deep),
        Err(ScenarioError::Syntax { .. })
    ));
}

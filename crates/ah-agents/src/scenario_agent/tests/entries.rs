//! Every entry of a timeline has its effect.

use ah_rest_api_contract::EphemeralEvent;

use super::*;

/// A timeline of one tool use.
fn using(tool: &str, args: Value) -> Value {
    let mut call = json!({"toolName": tool});
    call["args"] = args;
    json!([{"agentToolUse": call}])
}

async fn ran(tool: &str, args: Value) -> (String, ToolOutcome, Option<i32>) {
    let events = Agent::playing(using(tool, args)).await.turn("go").await;
    let result = results(&events)[0];
    (result.tool_output.clone(), result.status, result.exit_code)
}

#[tokio::test]
async fn prompt_is_substituted_in_thoughts_messages_errors_and_plans() {
    let mut agent = Agent::playing(json!([{"llmResponse": [
        {"think": [[1, "thinking of {{prompt}}"]]},
        {"agentPlan": {"entries": [{"content": "do {{prompt}}"}]}},
        {"error": {"errorType": "overloaded", "statusCode": 529, "message": "busy"}},
        {"assistant": [[1, "You said "], {"relativeTime": 2, "content": "{{prompt}}."}]},
    ]}]))
    .await;
    agent.prompt("this").await;
    let (output, outcome) = agent.rest_of_turn().await;
    assert_eq!(outcome, TurnOutcome::Completed);
    let messages = serde_json::to_value(&output).unwrap();
    let id = "msg-00000000000000000000000001";
    assert_eq!(
        messages,
        json!([
            {"event": {"type": "thought", "thought": "thinking of this"}},
            {"event": {"type": "plan", "entries": [
                {"content": "do this", "status": "pending", "priority": "medium"}]}},
            {"event": {"type": "error", "message": "overloaded (529): busy"}},
            {"ephemeral": {"type": "message_delta", "message_id": id, "offset": 0, "delta": "You said "}},
            {"ephemeral": {"type": "message_delta", "message_id": id, "offset": 9, "delta": "this."}},
            {"event": {"type": "message", "role": "assistant", "message_id": id,
                "content": [{"type": "text", "text": "You said this."}]}},
        ])
    );
}

#[tokio::test]
async fn commands_run_without_prompt_substitution() {
    let timeline = using(
        "runCmd",
        json!({"cmd": "echo \"$AH_PROMPT\" {{prompt}}; echo err >&2; exit 3"}),
    );
    let mut agent = Agent::playing(timeline).await;
    let events = agent.turn("$(touch pwned)").await;
    let result = results(&events)[0];
    assert_eq!(result.tool_output, "$(touch pwned) {{prompt}}\nerr\n");
    assert_eq!(
        (result.status, result.exit_code),
        (ToolOutcome::Failed, Some(3))
    );
    assert!(!agent.path().join("pwned").exists());
}

#[tokio::test]
async fn command_output_is_streamed() {
    let timeline = json!([{"agentToolUse": {
        "toolName": "runCmd", "toolCallId": "mine", "args": {"cmd": "echo one; echo two"},
        "progress": [[100, "looking"]],
    }}]);
    let mut agent = Agent::playing(timeline).await;
    agent.prompt("go").await;
    let (output, _) = agent.rest_of_turn().await;
    let lines: Vec<&str> = output
        .iter()
        .filter_map(|message| match message {
            FromAgent::Ephemeral(EphemeralEvent::ToolProgress(progress)) => {
                assert_eq!(progress.tool_execution_id, "mine");
                Some(progress.last_line.as_str())
            }
            _ => None,
        })
        .collect();
    assert!(lines.contains(&"looking"), "{lines:?}");
    assert!(
        lines.iter().any(|line| ["one", "two"].contains(line)),
        "{lines:?}"
    );
}

#[tokio::test]
async fn command_with_a_background_process_has_ended() {
    let (output, status, _) = ran("runCmd", json!({"cmd": "sleep 3 & echo $!"})).await;
    assert_eq!(status, ToolOutcome::Completed);
    let pid: i32 = output.trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn long_output_is_bounded_and_signals_are_reported() {
    let (output, ..) = ran(
        "runCmd",
        json!({"cmd": "echo start; yes 0123456789 | head -c 300000; echo end"}),
    )
    .await;
    assert!(
        output.len() <= 64 * 1024 && output.starts_with("start\n") && output.ends_with("end\n")
    );
    assert!(output.contains("bytes left out"));
    let (output, status, code) = ran("runCmd", json!({"cmd": "kill -9 $$"})).await;
    assert_eq!((status, code), (ToolOutcome::Failed, None));
    assert_eq!(output, "\n[ended by signal 9]");
}

#[tokio::test]
async fn files_are_written_edited_read_and_counted_as_git_counts() {
    let folder = repository(&[("a.txt", "one\ntwo\nthree\n"), ("b.txt", "no break")]);
    let tool = |name: &str, args: Value| json!({"agentToolUse": {"toolName": name, "args": args}});
    let timeline = json!([
        tool(
            "writeFile",
            json!({"path": "new/c.txt", "content": "x\ny {{prompt}}\n"})
        ),
        tool(
            "editFile",
            json!({"path": "a.txt", "oldText": "two", "newText": "2\n2"})
        ),
        tool(
            "sed",
            json!({"path": "b.txt", "expression": "s/no/a/", "inPlace": true})
        ),
        tool("readFile", json!({"path": "new/c.txt"})),
        tool("listDir", json!({"path": "."})),
        tool("grep", json!({"pattern": "three", "path": "."})),
        tool("find", json!({"name": "c.*"})),
        tool("sed", json!({"path": "a.txt", "expression": "s/one/1/"})),
    ]);
    let settings = json!({"scenario": {"name": "files", "timeline": timeline}});
    let mut agent = Agent::within(folder, settings).await;
    let events = agent.turn("z").await;
    assert_eq!(
        edits(&events),
        ["2\t0\tnew/c.txt", "2\t1\ta.txt", "1\t1\tb.txt"]
    );
    assert_eq!(
        numstat(agent.path()),
        ["2\t1\ta.txt", "1\t1\tb.txt", "2\t0\tnew/c.txt"]
    );
    let outputs: Vec<&str> = results(&events)
        .iter()
        .map(|result| result.tool_output.as_str())
        .collect();
    assert_eq!(
        outputs,
        [
            "wrote 6 bytes to new/c.txt",
            "edited a.txt",
            "",
            "x\ny z\n",
            ".git/\na.txt\nb.txt\nnew/\n",
            "./a.txt:4:three\n",
            "./new/c.txt\n",
            "1\n2\n2\nthree\n",
        ]
    );
}

#[tokio::test]
async fn failed_tool_reports_its_reason() {
    for (tool, args, words) in [
        ("readFile", json!({"path": "none"}), "none: no such file"),
        (
            "readFile",
            json!({"path": "../x"}),
            "`../x` is not a path inside the workspace",
        ),
        ("readFile", json!({}), "`path` is missing"),
        ("readFile", json!({"path": "."}), ".: not a file"),
        (
            "editFile",
            json!({"path": "none", "oldText": "a", "newText": "b"}),
            "none: no such file",
        ),
        (
            "writeFile",
            json!({"path": "a", "content": ["x"]}),
            "`content` must be a text",
        ),
        ("todoWrite", json!({}), "`todos` must be a list"),
        ("webFetch", json!({"url": "http://x"}), "no network here"),
        ("bashOutput", json!({}), "no background shell here"),
        ("somethingElse", json!({}), "no such tool here"),
    ] {
        let (output, status, code) = ran(tool, args).await;
        assert_eq!(
            (output.as_str(), status, code),
            (words, ToolOutcome::Failed, None),
            "{tool}"
        );
    }
}

#[tokio::test]
async fn unavailable_tool_has_the_scripted_result() {
    let timeline = json!([
        {"agentToolUse": {"toolName": "webFetch", "args": {}, "result": "a page", "status": "ok"}},
        {"agentToolUse": {"toolName": "runCmd", "args": {"cmd": "exit 1"}, "toolExecution": {
            "startTimeMs": 10,
            "events": [
                {"type": "stdout", "timeMs": 10, "content": "played\n"},
                {"type": "completion", "timeMs": 30, "exitCode": 0},
            ],
        }}},
        {"agentToolUse": {"toolName": "runCmd", "args": {"cmd": "exit 1"}, "status": "ok"}},
    ]);
    let events = Agent::playing(timeline).await.turn("go").await;
    let outcomes: Vec<_> = results(&events)
        .iter()
        .map(|result| (result.tool_output.as_str(), result.status, result.exit_code))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("a page", ToolOutcome::Completed, None),
            ("played\n", ToolOutcome::Completed, Some(0)),
            ("", ToolOutcome::Failed, Some(1)),
        ]
    );
    assert_eq!(
        logged(&events),
        ["the scenario expected runCmd to be completed, and it is failed"]
    );
}

#[tokio::test]
async fn scripted_edits_match_git() {
    let folder = repository(&[
        ("a.md", "1\n2\n3\n4\n5\n"),
        ("bare.rs", "fn a() {}\nfn b() {}"),
    ]);
    let edit = |path: &str, added: u64, removed: u64| json!({"agentEdits": {"path": path, "linesAdded": added, "linesRemoved": removed}});
    let timeline = json!([
        edit("a.md", 3, 2),
        edit("bare.rs", 1, 1),
        edit("src/new.py", 4, 0),
        edit("../out", 1, 0),
    ]);
    let settings = json!({"scenario": {"name": "edits", "timeline": timeline}});
    let mut agent = Agent::within(folder, settings).await;
    let events = agent.turn("go").await;
    assert_eq!(
        edits(&events),
        ["3\t2\ta.md", "1\t1\tbare.rs", "4\t0\tsrc/new.py"]
    );
    assert_eq!(numstat(agent.path()), edits(&events));
    assert!(
        agent
            .file("src/new.py")
            .lines()
            .all(|line| line.starts_with("# "))
    );
    let Some(EventPayload::Error(error)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(
        error.message,
        "could not edit `../out` is not a path inside the workspace"
    );
}

#[tokio::test]
async fn edit_of_too_few_lines_reports_it() {
    let timeline = json!([{"agentEdits": {"path": "a", "linesAdded": 1, "linesRemoved": 2}}]);
    let events = Agent::playing(timeline).await.turn("go").await;
    assert_eq!(
        logged(&events),
        ["a has only 0 lines to remove; the scenario requires 2"]
    );
    assert_eq!(edits(&events), ["1\t0\ta"]);
}

#[tokio::test]
async fn usage_progress_logs_and_unsupported_entries_become_events() {
    let timeline = json!([
        {"usage": {"inputTokens": 10, "outputTokens": 2, "costUsd": 0.5, "model": "m"}},
        {"progress": {"progress": 50, "stage": "half"}},
        {"log": {"level": "warn", "message": "careful, {{prompt}}"}},
        {"status": "running"},
        {"screenshot": "shot"},
        {"agentToolUse": {"toolName": "todoWrite", "args": {"todos": [{"content": "x", "status": "completed"}]}}},
    ]);
    let events = Agent::playing(timeline).await.turn("you").await;
    let events = serde_json::to_value(&events).unwrap();
    assert_eq!(
        events,
        json!([
            {"type": "usage", "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5, "model": "m"},
            {"type": "progress", "progress": 50, "stage": "half"},
            {"type": "log", "level": "warn", "message": "careful, you"},
            {"type": "log", "level": "info", "message": "status: running"},
            {"type": "log", "level": "debug", "message": "not played: screenshot"},
            {"type": "tool_use", "tool_name": "todoWrite", "tool_execution_id": "tool-1", "status": "started",
                "tool_args": {"todos": [{"content": "x", "status": "completed"}]}},
            {"type": "plan", "entries": [{"content": "x", "status": "completed", "priority": "medium"}]},
            {"type": "tool_result", "tool_name": "todoWrite", "tool_execution_id": "tool-1",
                "status": "completed", "tool_output": "1 todo"},
        ])
    );
}

#[tokio::test]
async fn file_reads_return_the_content() {
    let folder = repository(&[("a.txt", "text\n")]);
    let timeline = json!([{"agentFileReads": {"files": [
        {"path": "a.txt", "expectedContent": "other\n"}, {"path": "none.txt"},
    ]}}]);
    let settings = json!({"scenario": {"name": "reads", "timeline": timeline}});
    let events = Agent::within(folder, settings).await.turn("go").await;
    let outputs: Vec<&str> = results(&events)
        .iter()
        .map(|result| result.tool_output.as_str())
        .collect();
    assert_eq!(outputs, ["text\n", "none.txt: no such file"]);
    assert_eq!(
        logged(&events),
        [
            "a.txt does not have the content that the scenario expects",
            "the scenario expected readFile to be completed, and it is failed",
        ]
    );
}

#[tokio::test]
async fn failed_assertion_fails_the_turn() {
    let folder = repository(&[("a.json", r#"{"a": [1, null]}"#)]);
    let timeline = json!([
        {"llmResponse": [{"assistant": [[0, "all is well"]]}]},
        {"assert": {
            "fs": {"exists": ["a.json"], "notExists": "b.json"},
            "text": {"contains": ["is well"]},
            "json": {"file": "a.json", "pointer": "/a/1", "equals": null},
            "git": {"commit": {"messageContains": "first"}},
        }},
        {"assert": {"json": {"file": "a.json", "pointer": "/a/0", "equals": 2}}},
        {"log": "not reached"},
        {"userInputs": [{"relativeTime": 0, "input": "next"}]},
        {"log": "reached"},
    ]);
    let settings = json!({"scenario": {"name": "asserts", "timeline": timeline}});
    let mut agent = Agent::within(folder, settings).await;
    agent.prompt("go").await;
    let (output, outcome) = agent.rest_of_turn().await;
    let reason = "timeline[2].assert: a.json has 1 at `/a/0`, not 2".to_owned();
    assert_eq!(outcome, TurnOutcome::Failed { reason });
    assert!(!logged(&events(&output)).contains(&"not reached"));
    assert_eq!(logged(&agent.turn("next").await), ["reached"]);
}

#[tokio::test]
async fn failed_assertion_reports_the_actual_state() {
    for (claim, words) in [
        (json!({"fs": {"exists": "x"}}), "x does not exist"),
        (json!({"fs": {"notExists": "a"}}), "a exists"),
        (
            json!({"text": {"file": "a", "contains": "z"}}),
            "a does not contain `z`",
        ),
        (
            json!({"text": {"contains": "z"}}),
            "what was said does not contain `z`",
        ),
        (
            json!({"json": {"file": "x", "pointer": "", "equals": 1}}),
            "x does not exist",
        ),
        (
            json!({"git": {"commit": {"messageContains": "second"}}}),
            "the message of the last commit does not contain `second`",
        ),
    ] {
        let timeline = json!([{"assert": claim}]);
        let settings = json!({"scenario": {"name": "assert", "timeline": timeline}});
        let mut agent = Agent::within(repository(&[("a", "text")]), settings).await;
        agent.prompt("go").await;
        let (_, outcome) = agent.rest_of_turn().await;
        assert_eq!(
            outcome,
            TurnOutcome::Failed {
                reason: format!("timeline[0].assert: {words}")
            }
        );
    }
}

#[tokio::test]
async fn turn_ends_at_the_next_expected_input_and_script_at_complete() {
    let mut agent = Agent::playing(json!([
        {"userInputs": [[0, "begin"]]},
        {"log": "one"},
        {"userInputs": [[0, "go on"]]},
        {"log": "two"},
        {"complete": null},
        {"log": "never"},
    ]))
    .await;
    assert_eq!(logged(&agent.turn("begin").await), ["one"]);
    assert_eq!(logged(&agent.turn("anything").await), ["two"]);
    assert_eq!(
        messages(&agent.turn("more").await),
        ["The scenario `test` has ended; there is no more to play."]
    );
    assert_eq!(agent.leave().await, ExitCause::InputEnded);
}

#[tokio::test]
async fn error_fails_the_turn_with_its_message() {
    let mut agent = Agent::playing(json!([{"error": "no way"}, {"log": "never"}])).await;
    agent.prompt("go").await;
    let (output, outcome) = agent.rest_of_turn().await;
    assert_eq!(
        outcome,
        TurnOutcome::Failed {
            reason: "no way".to_owned()
        }
    );
    assert_eq!(output.len(), 1);
}

#[tokio::test]
async fn process_can_exit_or_crash() {
    for (entry, exit) in [
        (json!({"exit": {"code": 7}}), ExitCause::Code(7)),
        (json!({"exit": 0}), ExitCause::Code(0)),
        (json!("crash"), ExitCause::Crash),
    ] {
        let mut agent = Agent::playing(json!([{"log": "before"}, entry])).await;
        agent.prompt("go").await;
        agent
            .until(|message| matches!(message, FromAgent::Event(EventPayload::Log(_))))
            .await;
        let left = timeout(PATIENCE, agent.playing)
            .await
            .expect("the agent stays")
            .unwrap();
        assert_eq!(left, exit);
    }
}

#[tokio::test]
async fn invalid_settings_fail_each_turn_with_the_reason() {
    let mut agent = Agent::with(json!({"scenario": "nothing"})).await;
    for _ in 0..2 {
        agent.prompt("go").await;
        let (output, outcome) = agent.rest_of_turn().await;
        assert_eq!(output, []);
        let reason = "there is no built-in scenario `nothing`: there are demo, permission, edit, \
                      long, conversation"
            .to_owned();
        assert_eq!(outcome, TurnOutcome::Failed { reason });
    }
    assert_eq!(agent.leave().await, ExitCause::InputEnded);
}

#[test]
fn settings_are_checked_before_anything_is_started() {
    let check = |settings: Value| {
        crate::scenario_agent::check(&object(settings)).map_err(|e| e.to_string())
    };
    assert_eq!(check(json!({})), Ok(()));
    assert_eq!(
        check(json!({"scenario": "edit", "speed": 0.1, "defines": {"a": 1}})),
        Ok(())
    );
    for (settings, words) in [
        (
            json!({"sped": 1}),
            "`sped` is not a setting of the scenario agent: expected `scenario`, `speed` or `defines`",
        ),
        (json!({"speed": "fast"}), "`speed` must be a number"),
        (
            json!({"speed": 0}),
            "`0` is not a scenario speed: expected a number above 0 and at most 1000",
        ),
        (
            json!({"scenario": 3}),
            "`scenario` must be the name of a built-in scenario, or a scenario",
        ),
        (
            json!({"defines": {"a-b": 1}}),
            "`a-b` cannot be a define's name: expected letters, digits and `_`",
        ),
        (
            json!({"scenario": {"name": "x", "timeline": [{"agentEdits": {"path": 3}}]}}),
            "scenario is not valid at `timeline[0].agentEdits.path`: expected a text, found a number",
        ),
    ] {
        assert_eq!(check(settings), Err(words.to_owned()));
    }
}

#[tokio::test]
async fn demo_works_in_a_repository_and_in_an_empty_folder() {
    for folder in [
        repository(&[("a.rs", ""), ("b.rs", ""), ("c.md", "")]),
        tempfile::tempdir().unwrap(),
    ] {
        let in_git = folder.path().join(".git").exists();
        let mut agent = Agent::within(folder, json!({"speed": 0.01})).await;
        let events = agent.turn("improve \"this\" $(touch pwned)").await;
        let failed: Vec<_> = results(&events)
            .into_iter()
            .filter(|result| result.status == ToolOutcome::Failed)
            .collect();
        assert_eq!(failed, Vec::<&ToolResult>::new());
        let notes = agent.file("NOTES-FROM-AH.md");
        assert!(
            notes.contains("> improve \"this\" $(touch pwned)"),
            "{notes}"
        );
        assert_eq!(
            notes.contains("- 2 with the extension rs"),
            in_git,
            "{notes}"
        );
        assert_eq!(notes.contains(" first commit"), in_git, "{notes}");
        assert!(!agent.path().join("pwned").exists());
        assert_eq!(
            edits(&events),
            ["7\t0\tNOTES-FROM-AH.md", "2\t1\tNOTES-FROM-AH.md"]
        );
        assert!(messages(&events).concat().contains("improve \"this\""));
    }
}

#[tokio::test]
async fn other_builtin_scenarios_work() {
    let mut edit = Agent::with(json!({"scenario": "edit"})).await;
    assert_eq!(messages(&edit.turn("a thing").await), ["Done: a thing"]);
    assert_eq!(edit.file("EDIT.md").lines().count(), 3);

    let mut long = Agent::with(json!({"scenario": "long", "defines": {"seconds": 1}})).await;
    assert_eq!(
        results(&long.turn("go").await)[0].tool_output,
        "second 1 of 1\n"
    );

    let mut talk = Agent::with(json!({"scenario": "conversation", "speed": 0.01})).await;
    assert_eq!(edits(&talk.turn("one").await), ["2\t0\tgreetings.txt"]);
    let second = talk.turn("two").await;
    assert_eq!(edits(&second), ["1\t0\tgreetings.txt"]);
    assert_eq!(messages(&second), ["Added one. You said: two"]);
}

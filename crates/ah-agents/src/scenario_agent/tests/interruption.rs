//! An agent reacts to its driver at any time, and its processes end with it.

use super::*;

/// A delay that would let a test fail if it waited for it.
const AN_HOUR_MS: u64 = 3_600_000;

async fn answered(option_id: Option<&str>) -> (Agent, Vec<EventPayload>) {
    let mut agent = Agent::with(json!({"scenario": "permission", "speed": 0.01})).await;
    agent.prompt("go").await;
    let asked = agent
        .until(|said| matches!(said, FromAgent::AskPermission(_)))
        .await;
    let FromAgent::AskPermission(asked) = asked else {
        panic!("{asked:?}");
    };
    assert_eq!(asked.tool_name, "runCmd");
    assert_eq!(
        asked.tool_args["cmd"],
        "echo granted > GRANTED.txt && cat GRANTED.txt"
    );
    // An answer to another request changes nothing.
    agent
        .tell(&ToAgent::Answer {
            key: "other".to_owned(),
            option_id: None,
        })
        .await;
    let option_id = option_id.map(str::to_owned);
    agent
        .tell(&ToAgent::Answer {
            key: asked.key,
            option_id,
        })
        .await;
    let (output, outcome) = agent.rest_of_turn().await;
    assert_eq!(outcome, TurnOutcome::Completed);
    let events = events(&output);
    (agent, events)
}

#[tokio::test]
async fn permitted_command_is_run() {
    for option in ["allow", "always"] {
        let (agent, events) = answered(Some(option)).await;
        assert_eq!(agent.file("GRANTED.txt"), "granted\n");
        assert_eq!(messages(&events), ["Thank you. `GRANTED.txt` is written."]);
    }
}

#[tokio::test]
async fn denied_command_is_skipped_and_reported() {
    for option in [Some("deny"), Some("no such option"), None] {
        let (agent, events) = answered(option).await;
        assert!(!agent.path().join("GRANTED.txt").exists());
        assert!(
            logged(&events).contains(&"skipped runCmd: permission was not granted"),
            "{events:?}"
        );
        assert_eq!(
            messages(&events),
            ["All right, I left everything as it was."]
        );
    }
}

// All parts are in this process, so the paused clock moves only if no task can run. A loaded
// machine therefore never makes a wait expire before the agent has replied.
#[tokio::test(start_paused = true)]
async fn interrupt_ends_a_wait_and_the_next_prompt_starts_a_turn() {
    for entry in [
        json!({"baseTimeDelta": AN_HOUR_MS}),
        json!({"hang": null}),
        json!({"llmResponse": [{"assistant": [[0, "a"], [AN_HOUR_MS, "b"]]}]}),
        json!({"agentToolUse": {"toolName": "listDir", "progress": [[AN_HOUR_MS, "never"]]}}),
        json!({"agentPermissionRequest": {"toolCall": {"toolCallId": "x"}}}),
    ] {
        let scenario = json!({"name": "waits", "timeline": [
            {"userInputs": [[0, "go"]]}, {"log": "before"}, entry, {"log": "not reached"}, {"userInputs": [[0, "next"]]}, {"log": "after"},
        ]});
        let mut agent = Agent::with(json!({"scenario": scenario})).await;
        agent.prompt("go").await;
        agent
            .until(|said| matches!(said, FromAgent::Event(EventPayload::Log(_))))
            .await;
        agent.tell(&ToAgent::Interrupt).await;
        let (output, outcome) = agent.rest_of_turn().await;
        assert_eq!(outcome, TurnOutcome::Interrupted);
        assert!(!logged(&events(&output)).contains(&"not reached"));
        assert_eq!(logged(&agent.turn("next").await), ["after"]);
    }
}

#[tokio::test]
async fn prompt_during_a_turn_is_delivered_and_the_turn_continues() {
    let timeline =
        json!([{"agentPermissionRequest": {"toolCall": {"toolCallId": "x"}}}, {"log": "after"}]);
    let mut agent = Agent::playing(timeline).await;
    agent.prompt("go").await;
    agent
        .until(|said| matches!(said, FromAgent::AskPermission(_)))
        .await;
    agent.prompt("by the way").await;
    let key = "ask-1".to_owned();
    agent
        .tell(&ToAgent::Answer {
            key,
            option_id: Some("allow".to_owned()),
        })
        .await;
    let (output, outcome) = agent.rest_of_turn().await;
    assert_eq!(outcome, TurnOutcome::Completed);
    let events = events(&output);
    assert_eq!(
        messages(&events),
        ["I received “by the way”. I continue with the current step."]
    );
    assert_eq!(logged(&events), ["after"]);
}

/// Plays a command that prints its own process id and that of a child, and then waits for ever.
async fn busy() -> (Agent, [u32; 2]) {
    let cmd = "sleep 1000 & echo \"$$ $!\"; wait";
    let mut agent =
        Agent::playing(json!([{"agentToolUse": {"toolName": "runCmd", "args": {"cmd": cmd}}}]))
            .await;
    agent.prompt("go").await;
    let said = agent
        .until(|said| matches!(said, FromAgent::Ephemeral(_)))
        .await;
    let said = serde_json::to_value(&said).unwrap();
    let pids: Vec<u32> = said["ephemeral"]["last_line"]
        .as_str()
        .unwrap()
        .split(' ')
        .map(|pid| pid.parse().unwrap())
        .collect();
    let pids = [pids[0], pids[1]];
    assert!(pids.iter().all(|pid| lives(*pid)));
    (agent, pids)
}

/// Returns true if a process runs; a zombie does not.
fn lives(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat.rsplit(')').next().unwrap().trim_start().chars().next();
    !matches!(state, Some('Z' | 'X'))
}

/// The kernel marks a killed process dead a moment after the signal was sent.
async fn assert_gone(pids: [u32; 2]) {
    let gone = async {
        while pids.iter().any(|pid| lives(*pid)) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone)
        .await
        .expect("a process was left behind");
}

#[tokio::test]
async fn an_interrupt_kills_the_running_command_and_its_children() {
    let (mut agent, pids) = busy().await;
    agent.tell(&ToAgent::Interrupt).await;
    let (output, outcome) = agent.rest_of_turn().await;
    assert_eq!(outcome, TurnOutcome::Interrupted);
    assert!(!lives(pids[0]), "the command is waited for");
    assert_gone(pids).await;
    let events = events(&output);
    let result = results(&events)[0];
    assert_eq!(result.status, ToolOutcome::Failed);
    assert!(result.tool_output.ends_with("[interrupted]"), "{result:?}");
}

#[tokio::test]
async fn end_of_input_kills_the_command_and_ends_the_agent() {
    let (agent, pids) = busy().await;
    assert_eq!(agent.leave().await, ExitCause::InputEnded);
    assert_gone(pids).await;
}

#[tokio::test]
async fn agent_without_a_reader_ends() {
    let timeline = json!([{"agentToolUse": {"toolName": "runCmd", "args": {"cmd": "while :; do echo x; done"}}}]);
    let mut agent = Agent::playing(timeline).await;
    agent.prompt("go").await;
    agent
        .until(|said| matches!(said, FromAgent::Ephemeral(_)))
        .await;
    let Agent {
        folder: _folder,
        input,
        output,
        playing,
    } = agent;
    drop(output);
    let left = timeout(PATIENCE, playing)
        .await
        .expect("the agent stays")
        .unwrap();
    assert_eq!(left, ExitCause::OutputClosed);
    drop(input);
}

#[tokio::test]
async fn unknown_lines_are_ignored() {
    let mut agent = Agent::playing(json!([{"log": "here"}])).await;
    let input = agent.input.as_mut().unwrap();
    input
        .write_all(b"nonsense\n{\"unknown\": 1}\n\n")
        .await
        .unwrap();
    agent.tell(&ToAgent::Interrupt).await;
    assert_eq!(logged(&agent.turn("go").await), ["here"]);
}

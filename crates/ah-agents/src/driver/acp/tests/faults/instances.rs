//! Further instances of each kind of fault, beside the reported ones.

use ah_rest_api_contract::{LogLevel, PromptId, ToolOutcome};
use ulid::Ulid;

use super::*;

/// Returns the option that the first request was resolved with, if it was.
fn first_option(talk: &Talk) -> Option<Option<String>> {
    let requests = talk.requests();
    let (_, _, resolved) = requests.first()?;
    resolved.map(|it| it.option_id.clone())
}

fn results(talk: &Talk) -> Vec<(String, String, ToolOutcome)> {
    let result = |event: &EventPayload| match event {
        EventPayload::ToolResult(it) => Some((
            it.tool_execution_id.clone(),
            it.tool_output.clone(),
            it.status,
        )),
        _ => None,
    };
    talk.events().filter_map(result).collect()
}

fn say(text: &str) -> Value {
    json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})
}

fn prompt(talk: &mut Talk, number: u128) -> PromptId {
    let id = PromptId::from_ulid(Ulid::from_parts(1, number));
    talk.act(|it, at, effects| {
        it.prompt(id, "more".into(), "ann".to_owned(), false, at, effects);
    });
    id
}

/// Answers the prompt that was sent last.
fn answer_prompt(talk: &mut Talk) {
    let id = talk
        .written
        .iter()
        .rfind(|it| it["method"] == "session/prompt")
        .map(|it| it["id"].clone())
        .expect("a prompt was sent");
    talk.say(&json!({"jsonrpc": "2.0", "id": id, "result": {"stopReason": "end_turn"}}));
}

/// Kind 1: what is judged is what will run.
#[test]
fn places_that_contradict_a_call_are_judged() {
    let only_src = json!({"default": "deny",
        "rules": [{"tool": "{read,edit}", "path": "src/**", "action": "allow"}]});
    let announced = json!({"sessionUpdate": "tool_call", "toolCallId": "t", "kind": "edit",
        "status": "in_progress", "rawInput": {"path": "src/a"}});
    for (asked, expected) in [
        (json!({}), "yes"),
        (json!({"locations": [{"path": "src/a"}]}), "yes"),
        (json!({"locations": [{"path": "/etc/passwd"}]}), "no"),
        (json!({"locations": [{"path": "src/../.ssh/id"}]}), "no"),
        (json!({"locations": ["file:///etc/passwd"]}), "no"),
        (
            json!({"rawInput": {"path": "src/a", "newPath": "/etc/b"}}),
            "no",
        ),
        (
            json!({"rawInput": {"path": "src/a", "edits": [{"file": "b"}]}}),
            "no",
        ),
        (
            json!({"content": [{"type": "diff", "path": "src/b", "newText": ""},
                {"type": "diff", "path": "/etc/b", "newText": ""}]}),
            "no",
        ),
    ] {
        let mut talk = Talk::new(&only_src);
        talk.update(&announced);
        let mut request = json!({"toolCallId": "t", "kind": "edit"});
        let fields = asked.as_object().unwrap().clone();
        request.as_object_mut().unwrap().extend(fields);
        talk.ask(&json!("q"), &request);
        assert_eq!(
            first_option(&talk),
            Some(Some(expected.to_owned())),
            "{asked}"
        );
    }
}

/// Kind 1: an announcement after the request changes nothing of what was granted.
#[test]
fn a_call_that_changes_after_its_request_is_another_call() {
    let mut talk = Talk::new(&only_read());
    talk.ask(
        &json!(1),
        &json!({"toolCallId": "t", "kind": "read", "rawInput": {"path": "a"}}),
    );
    assert_eq!(first_option(&talk), Some(Some("yes".to_owned())));
    talk.update(
        &json!({"sessionUpdate": "tool_call", "toolCallId": "t", "kind": "execute",
        "rawInput": {"command": "rm -rf x"}, "status": "completed"}),
    );
    let used: Vec<&str> = talk
        .events()
        .filter_map(|event| match event {
            EventPayload::ToolUse(it) => Some(it.tool_name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(used, ["read", "execute"], "the log shows what ran");
}

/// Kind 2: the ids of calls are numbers or texts, and the ids of sessions as well.
#[test]
fn ids_are_equal_in_either_form() {
    let mut talk = Talk::new(&json!("allow"));
    talk.update(
        &json!({"sessionUpdate": "tool_call", "toolCallId": 0, "kind": "execute",
        "rawInput": {"command": "make"}, "status": "in_progress"}),
    );
    talk.update(
        &json!({"sessionUpdate": "tool_call_update", "toolCallId": "0",
        "status": "completed"}),
    );
    assert_eq!(talk.tools(), (1, 1));
}

/// Kind 2: a call of the next turn has the id of a call whose result is late.
#[test]
fn a_late_result_is_not_that_of_a_later_call_with_its_id() {
    let run = |command: &str| {
        json!({"sessionUpdate": "tool_call", "toolCallId": "call_0", "kind": "execute",
            "status": "in_progress", "rawInput": {"command": command}})
    };
    let end = |command: Option<&str>, text: &str| {
        let mut end = json!({"sessionUpdate": "tool_call_update", "toolCallId": "call_0",
            "status": "completed",
            "content": [{"type": "content", "content": {"type": "text", "text": text}}]});
        if let Some(command) = command {
            end["rawInput"] = json!({"command": command});
        }
        end
    };
    let mut talk = Talk::new(&json!("allow"));
    talk.update(&run("make"));
    talk.end_turn();
    prompt(&mut talk, 1);
    talk.update(&run("make test"));
    talk.update(&end(Some("make"), "built"));
    talk.update(&end(None, "412 passed"));
    let results = results(&talk);
    let of = |id: &str| {
        let mut all = results.iter().filter(|it| it.0 == id);
        all.next_back().map(|it| it.1.as_str())
    };
    assert_eq!(
        (of("call-1"), of("call-2")),
        (Some("built"), Some("412 passed"))
    );
}

/// Kind 2: a thought and a message with one id are two texts.
#[test]
fn a_message_with_the_id_of_a_thought_is_a_message() {
    let mut talk = Talk::new(&json!("allow"));
    for kind in [
        "agent_thought_chunk",
        "agent_message_chunk",
        "agent_thought_chunk",
    ] {
        talk.update(&json!({"sessionUpdate": kind, "messageId": "m",
            "content": {"type": "text", "text": kind}}));
    }
    talk.end_turn();
    assert_eq!(talk.messages(), ["agent_message_chunk"]);
    let thoughts = talk
        .events()
        .filter(|it| matches!(it, EventPayload::Thought(_)));
    assert_eq!(thoughts.count(), 2);
}

/// Kind 3: a plan, a mode and usage between turns are no work.
#[test]
fn reports_between_turns_leave_the_agent_idle() {
    let mut talk = Talk::new(&json!("allow"));
    talk.end_turn();
    for update in [
        json!({"sessionUpdate": "plan", "entries": [{"content": "next"}]}),
        json!({"sessionUpdate": "current_mode_update", "currentModeId": "plan"}),
        json!({"sessionUpdate": "usage_update", "used": 5, "size": 10}),
        json!({"sessionUpdate": "available_commands_update", "availableCommands": []}),
    ] {
        talk.update(&update);
        assert_eq!(talk.activity(), Activity::Idle, "{update}");
    }
    talk.wait(Duration::from_secs(10));
    assert_eq!(talk.recorded_activity(), None, "it never left idleness");
    assert_eq!(talk.conversation.next_deadline(), None);
}

/// Kind 3: words between turns are recorded before the prompt that follows, and at the agent's end.
#[test]
fn words_between_turns_precede_the_next_prompt() {
    for is_prompted in [true, false] {
        let mut talk = Talk::new(&json!("allow"));
        talk.end_turn();
        talk.update(&say("the tests are green"));
        if is_prompted {
            prompt(&mut talk, 1);
        } else {
            talk.act(|it, at, effects| it.agent_ended(at, effects));
        }
        let authors: Vec<bool> = talk
            .events()
            .filter_map(|event| match event {
                EventPayload::Message(it) => Some(it.author.is_some()),
                _ => None,
            })
            .collect();
        let expected = [true, false, true];
        assert_eq!(authors, expected[..2 + usize::from(is_prompted)]);
    }
}

/// Kind 4: encodings of other systems.
#[test]
fn lines_of_other_systems_are_read() {
    let message = r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}"#;
    let utf16: Vec<u8> = message.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [&[0xff, 0xfe], &utf16[..]].concat();
    for line in [
        format!("{message}\r").into_bytes(),
        format!("\u{feff}{message}\r").into_bytes(),
        format!("\u{1e}{message}").into_bytes(),
        format!("{message}\0\0").into_bytes(),
        with_mark,
        // The line break of the line before has two bytes.
        [&[0], &utf16[..]].concat(),
    ] {
        let mut talk = Talk::new(&json!("ask"));
        talk.line(&line);
        talk.wait(Duration::from_secs(2));
        assert_eq!(talk.outcomes(), [&TurnOutcome::Completed], "{line:?}");
    }
}

/// Kind 4: requests and answers with unusual members.
#[test]
fn every_wait_ends_however_its_message_looks() {
    // A request with the id null is answered with it.
    let mut talk = Talk::new(&json!("allow"));
    talk.ask(
        &Value::Null,
        &json!({"toolCallId": "t", "kind": "edit", "title": "a"}),
    );
    let answer = talk.written.last().unwrap();
    assert_eq!(answer.get("id"), Some(&Value::Null));
    assert_eq!(answer["result"]["outcome"]["optionId"], "yes");
    for (answer, words) in [
        (json!({"id": 3, "result": null, "error": null}), "neither"),
        (
            json!({"id": 3, "result": {"stopReason": 7}}),
            "unknown reason",
        ),
        (json!({"id": 3, "result": "end_turn"}), "unknown reason"),
        (json!({"id": 3, "error": false}), "false"),
        (
            json!({"id": 3, "error": {"code": "x", "message": null}}),
            "error 0",
        ),
    ] {
        let mut talk = Talk::new(&json!("allow"));
        talk.say(&answer);
        let outcomes = talk.outcomes();
        let [TurnOutcome::Failed { reason }] = outcomes[..] else {
            panic!("{answer}: {outcomes:?}");
        };
        assert!(
            reason.contains(words) || words == "neither",
            "{answer}: {reason}"
        );
    }
}

/// Kind 5: several calls are open at the end of the turn, and some results follow.
#[test]
fn each_late_result_belongs_to_its_call() {
    let mut talk = Talk::new(&json!("allow"));
    for id in ["a", "b", "c"] {
        talk.update(
            &json!({"sessionUpdate": "tool_call", "toolCallId": id, "kind": "execute",
            "status": "in_progress", "rawInput": {"command": id}}),
        );
    }
    talk.end_turn();
    talk.wait(Duration::from_millis(40));
    let end = |id: &str, status: &str| json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": status});
    talk.update(&end("b", "completed"));
    talk.wait(Duration::from_secs(3));
    talk.update(&end("a", "completed"));
    talk.update(&end("a", "failed"));
    let results = results(&talk);
    let of = |id: &str| -> Vec<ToolOutcome> {
        let all = results.iter().filter(|it| it.0 == id);
        all.map(|it| it.2).collect()
    };
    use ToolOutcome::{Completed, Failed};
    assert_eq!(of("call-2"), [Completed]);
    assert_eq!(
        of("call-1"),
        [Failed, Completed],
        "the result replaces the guess, once"
    );
    assert_eq!(of("call-3"), [Failed]);
}

/// Kind 5: a message that follows the response is a message, in its place.
#[test]
fn words_after_the_response_are_kept() {
    let mut talk = Talk::new(&json!("allow"));
    talk.update(&say("almost "));
    talk.end_turn();
    talk.update(&say("done"));
    prompt(&mut talk, 1);
    answer_prompt(&mut talk);
    assert_eq!(talk.messages(), ["almost ", "done"]);
    assert_eq!(talk.outcomes().len(), 2);
}

/// Kind 6: options that cannot be told apart, or that are none.
#[test]
fn ambiguous_options_are_left_to_a_person() {
    let tool = json!({"toolCallId": "t", "kind": "edit", "title": "a"});
    for policy in ["allow", "deny"] {
        let mut talk = Talk::new(&json!(policy));
        let same = json!([option("x", "allow_once"), option("x", "reject_once")]);
        talk.ask_with(&json!(1), &tool, &same);
        assert_eq!(first_option(&talk), None, "{policy}: it waits");
        for options in [json!([]), json!(null), json!({"yes": true}), json!([7, {}])] {
            let mut talk = Talk::new(&json!(policy));
            talk.ask_with(&json!(1), &tool, &options);
            assert_eq!(first_option(&talk), Some(None), "{policy}: {options}");
            let answer = talk.written.last().unwrap();
            assert_eq!(answer["result"]["outcome"]["outcome"], "cancelled");
        }
    }
}

/// Kind 6: a long list of answers is shown whole, and any of them can be given.
#[test]
fn a_question_may_have_many_answers() {
    let mut talk = Talk::new(&json!("allow"));
    let options: Vec<Value> = (0..5000)
        .map(|n| option(&n.to_string(), "choice"))
        .collect();
    talk.ask_with(&json!(1), &json!(null), &json!(options));
    assert_eq!(first_option(&talk), None);
    let asked = talk.events().find_map(|event| match event {
        EventPayload::PermissionRequest(it) => Some((it.request_id, it.options.len())),
        _ => None,
    });
    let (id, shown) = asked.unwrap();
    assert_eq!(shown, 5000);
    let answer = PermissionAnswer::Select("4999".to_owned());
    talk.act(|it, at, effects| it.answer(id, &answer, "ann", at, effects));
    assert_eq!(first_option(&talk), Some(Some("4999".to_owned())));
}

/// Kind 7: an interruption that comes too late, and requests after it.
#[test]
fn an_interruption_has_an_end_in_every_order() {
    // The agent completes its turn although it was interrupted.
    let mut talk = Talk::new(&json!("ask"));
    talk.act(|it, at, effects| it.interrupt(at, effects));
    assert_eq!(talk.activity(), Activity::Interrupting);
    talk.end_turn();
    assert_eq!(talk.activity(), Activity::Idle);
    assert_eq!(talk.outcomes(), [&TurnOutcome::Completed]);
    // A request after the interruption is answered at once.
    let mut talk = Talk::new(&json!("ask"));
    talk.act(|it, at, effects| it.interrupt(at, effects));
    talk.ask(
        &json!("late"),
        &json!({"toolCallId": "t", "kind": "execute", "title": "make"}),
    );
    let answer = talk.written.last().unwrap();
    assert_eq!(answer["id"], "late");
    assert_eq!(answer["result"]["outcome"]["outcome"], "cancelled");
    // A second interruption and an error are still one end.
    talk.act(|it, at, effects| it.interrupt(at, effects));
    talk.say(&json!({"jsonrpc": "2.0", "id": 3, "error": {"code": 1, "message": "aborted"}}));
    assert_eq!(talk.outcomes(), [&TurnOutcome::Interrupted]);
    assert_eq!(talk.activity(), Activity::Idle);
}

/// Kind 8: content without the fields that it should have.
#[test]
fn incomplete_content_is_understood() {
    let mut talk = Talk::new(&json!("allow"));
    let chunk =
        |content: Value| json!({"sessionUpdate": "agent_message_chunk", "content": content});
    talk.update(&chunk(json!({"type": "image", "data": "iVBORw=="})));
    talk.update(&chunk(
        json!({"type": "resource", "resource": {"blob": "iVBORw=="}}),
    ));
    talk.update(&chunk(
        json!({"type": "audio", "data": "?", "mimeType": "audio/wav"}),
    ));
    talk.update(
        &json!({"sessionUpdate": "tool_call", "toolCallId": "t", "kind": "execute",
        "rawInput": {"command": "a"}, "status": "canceled"}),
    );
    talk.end_turn();
    let content = talk.events().find_map(|event| match event {
        EventPayload::Message(it) if it.author.is_none() => Some(it.content.clone()),
        _ => None,
    });
    let content = content.unwrap();
    let kept: Vec<bool> = content.iter().map(|it| it.attachment().is_some()).collect();
    assert_eq!(kept, [true, true, false], "{content:?}");
    let results = results(&talk);
    assert_eq!(
        (results[0].1.as_str(), results[0].2),
        ("[cancelled]", ToolOutcome::Failed)
    );
}

/// Kind 25: a prompt to which the agent never reacted is reported as lost, in words.
#[test]
fn a_prompt_without_a_reaction_is_reported() {
    let mut talk = Talk::new(&json!("allow"));
    talk.end_turn();
    let id = prompt(&mut talk, 1);
    talk.act(|it, at, effects| it.agent_ended(at, effects));
    let lost = talk
        .facts()
        .any(|fact| *fact == Fact::PromptLost { prompt_id: id });
    assert!(lost, "{:?}", talk.records);
    let words = talk.events().find_map(|event| match event {
        EventPayload::Log(it) if it.level == LogLevel::Warn => Some(it.message.clone()),
        _ => None,
    });
    let expected =
        format!("the agent ended before it reacted to the prompt {id}, which was sent to it");
    assert_eq!(words, Some(expected));
}

/// Kind 25: an error is a reaction, since the agent has read the prompt.
#[test]
fn a_prompt_that_is_refused_was_delivered() {
    let mut talk = Talk::new(&json!("allow"));
    talk.end_turn();
    let id = prompt(&mut talk, 1);
    talk.say(&json!({"jsonrpc": "2.0", "id": 4, "error": {"code": 1, "message": "no"}}));
    talk.act(|it, at, effects| it.agent_ended(at, effects));
    let of = |fact: &&Fact| {
        matches!(fact, Fact::PromptTaken { prompt_id } | Fact::PromptLost { prompt_id }
            if *prompt_id == id)
    };
    let facts: Vec<&Fact> = talk.facts().filter(of).collect();
    assert_eq!(facts, [&Fact::PromptTaken { prompt_id: id }]);
}

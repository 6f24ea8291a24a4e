use super::*;

fn tool(name: &str, properties: &Value, required: &[&str]) -> Tool {
    Tool::function(
        name,
        json!({"properties": properties, "required": required}),
    )
}

fn write() -> Operation {
    Operation::Write {
        path: "a.txt".to_owned(),
        content: "it's\n".to_owned(),
    }
}

fn edit() -> Operation {
    Operation::Edit {
        path: "a.txt".to_owned(),
        old: "one".to_owned(),
        new: "two".to_owned(),
    }
}

fn shell() -> Operation {
    Operation::Shell {
        command: "ls".to_owned(),
        background: false,
    }
}

fn called(operation: &Operation, tools: &[Tool]) -> (String, Value) {
    let call = call_for(operation, tools, Some(Path::new("/w"))).unwrap();
    let input = match call.input {
        Input::Arguments(arguments) => Value::Object(arguments),
        Input::Text(text) => Value::String(text),
    };
    (call.name, input)
}

fn string() -> Value {
    json!({"type": "string"})
}

#[test]
fn each_agent_s_names_for_tools_and_arguments_are_found() {
    for (tool, operation, arguments) in [
        (
            tool(
                "Write",
                &json!({"file_path": string(), "content": string()}),
                &[],
            ),
            write(),
            json!({"file_path": "/w/a.txt", "content": "it's\n"}),
        ),
        (
            tool(
                "create",
                &json!({"path": string(), "file_text": string()}),
                &[],
            ),
            write(),
            json!({"path": "/w/a.txt", "file_text": "it's\n"}),
        ),
        (
            tool(
                "edit",
                &json!({"filePath": string(), "oldString": string(), "newString": string()}),
                &[],
            ),
            edit(),
            json!({"filePath": "/w/a.txt", "oldString": "one", "newString": "two"}),
        ),
        (
            tool(
                "multi",
                &json!({"path": string(), "command": string()}),
                &[],
            ),
            shell(),
            Value::Null,
        ),
        (
            tool(
                "bash",
                &json!({"command": string(), "description": string(), "level": {"enum": ["low", "high"]}, "wait": {"type": "integer"}}),
                &["command", "description", "level", "wait"],
            ),
            shell(),
            json!({"command": "ls", "description": "a description", "level": "low", "wait": 1}),
        ),
        (
            tool(
                "run_commands",
                &json!({"commands": {"type": "array"}}),
                &["commands"],
            ),
            shell(),
            json!({"commands": ["ls"]}),
        ),
        (
            tool("shell", &json!({"command": {"type": "array"}}), &[]),
            shell(),
            json!({"command": ["bash", "-lc", "ls"]}),
        ),
    ] {
        if arguments.is_null() {
            let error = call_for(&operation, &[tool], None).unwrap_err();
            assert!(error.contains("multi"), "{error}");
            continue;
        }
        let name = tool.name.clone();
        assert_eq!(called(&operation, &[tool]), (name, arguments));
    }
}

#[test]
fn edits_below_the_path_are_filled() {
    let list = tool(
        "edit",
        &json!({"path": string(), "edits": {"type": "array", "items": {"properties": {"oldText": string(), "newText": string()}}}}),
        &["path", "edits"],
    );
    assert_eq!(
        called(&edit(), &[list]).1,
        json!({"path": "/w/a.txt", "edits": [{"oldText": "one", "newText": "two"}]})
    );
    let one = tool(
        "StrReplaceFile",
        &json!({"path": string(), "edit": {"type": "object"}}),
        &[],
    );
    assert_eq!(
        called(&edit(), &[one]).1,
        json!({"path": "/w/a.txt", "edit": {"old": "one", "new": "two"}})
    );
}

#[test]
fn editor_tool_gets_the_command() {
    let editor = tool(
        "file_editor",
        &json!({"command": {"enum": ["view", "create"]}, "path": string(), "risk": {"enum": ["LOW"]}}),
        &["command", "path", "risk"],
    );
    assert_eq!(
        called(&write(), &[editor]).1,
        json!({"command": "create", "path": "/w/a.txt", "file_text": "it's\n", "risk": "LOW"})
    );
}

#[test]
fn codex_gets_patches_as_text() {
    let patch = Tool {
        takes_text: true,
        ..Tool::function("apply_patch", Value::Null)
    };
    let exec = tool("exec_command", &json!({"cmd": string()}), &["cmd"]);
    let tools = [exec, patch];
    assert_eq!(
        called(&write(), &tools),
        (
            "apply_patch".to_owned(),
            json!("*** Begin Patch\n*** Add File: a.txt\n+it's\n*** End Patch\n")
        )
    );
    assert_eq!(
        called(&edit(), &tools).1,
        json!("*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n")
    );
    assert_eq!(called(&shell(), &tools).1, json!({"cmd": "ls"}));
}

#[test]
fn without_a_file_tool_a_command_is_used() {
    let shell = tool("Bash", &json!({"command": string()}), &[]);
    assert_eq!(
        called(&write(), &[shell]).1,
        json!({"command": r"printf %s 'it'\''s
' > 'a.txt'"})
    );
}

#[test]
fn workspace_is_never_guessed() {
    let writer = tool("write", &json!({"path": string()}), &[]);
    let error = call_for(&write(), &[writer], None).unwrap_err();
    assert!(error.contains("[[cwd:"), "{error}");
}

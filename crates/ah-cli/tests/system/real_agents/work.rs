//! An edit, a second prompt, and a failing command in one session.

use serde_json::{Value, json};

use super::scene::{Scene, Session};
use crate::setting::{of_type, wait_for};

pub(crate) fn turn_by_turn(scene: &Scene) {
    let mut session = scene.launch("edit", &json!({}));
    edit(scene, &mut session);
    follow_up(scene, &mut session);
    failing_command(scene, &mut session);
    model(scene);
    let changes = json!({"files_changed": 2, "lines_added": 2, "lines_removed": 1});
    wait_for("its changes to be counted", || {
        scene.session(&session.id)["changes"] == changes
    });
    session.stop(scene);
}

/// A thought, a new file, a command, and a last message.
fn edit(scene: &Scene, session: &mut Session) {
    let thought = session.until(scene, "a thought", |event| {
        let thought = event["thought"].as_str().unwrap_or_default();
        thought.contains("it is written first")
    });
    assert_eq!(thought["type"], "thought");
    session.until_message(scene, "I will add a greeting file.");
    let edit = session.until(scene, "the edit", of_type("file_edit"));
    assert_edit(&edit, "greeting.txt", (1, 0));
    let (_, result) = session.tool_run(scene, "cat greeting.txt");
    assert_eq!(result["status"], "completed", "{result}");
    let output = result["tool_output"].as_str().unwrap();
    assert_eq!(
        output.contains("hello from the fake model"),
        scene.program.failing.output,
        "{result}"
    );
    session.until_message(scene, "Done: greeting.txt was created and checked.");
    session.until_idle(scene);
    let greeting = std::fs::read_to_string(session.workspace.join("greeting.txt")).unwrap();
    assert_eq!(greeting, "hello from the fake model\n");
}

fn follow_up(scene: &Scene, session: &mut Session) {
    session.prompt(scene, "modify");
    let edit = session.until(scene, "the edit", of_type("file_edit"));
    assert_edit(&edit, "README.md", (1, 1));
    session.until_message(scene, "README.md changed.");
    session.until_idle(scene);
    let readme = std::fs::read_to_string(session.workspace.join("README.md")).unwrap();
    assert_eq!(readme, "# A changed project\n");
}

fn failing_command(scene: &Scene, session: &mut Session) {
    session.prompt(scene, "fail");
    let (_, result) = session.tool_run(scene, "exit 3");
    let expected = scene.program.failing;
    assert_eq!(result["status"], expected.status, "{result}");
    assert_eq!(result["exit_code"].as_i64(), expected.exit_code, "{result}");
    let output = result["tool_output"].as_str().unwrap();
    assert_eq!(output.contains("oops"), expected.output, "{result}");
    session.until_message(scene, "The command failed with exit code 3.");
    session.until_idle(scene);
    let used = session.seen.iter().rfind(|event| event["type"] == "usage");
    let used = used.map(|usage| usage["input_tokens"].as_u64().unwrap());
    assert_eq!(used, scene.program.usage);
}

fn assert_edit(edit: &Value, file: &str, (added, removed): (u64, u64)) {
    assert_eq!(edit["file_path"], file, "{edit}");
    assert_eq!(edit["lines_added"], added, "{edit}");
    assert_eq!(edit["lines_removed"], removed, "{edit}");
}

/// Checks the requests to the model against the agent's setup.
fn model(scene: &Scene) {
    for record in scene.llm.records() {
        assert_eq!(record.problem, None, "{record:#?}");
        if record.tools.is_empty() {
            continue;
        }
        assert_eq!(record.dialect, Some(scene.program.dialect));
        assert!(record.model.starts_with(scene.program.model), "{record:#?}");
        assert!(record.streamed);
    }
}

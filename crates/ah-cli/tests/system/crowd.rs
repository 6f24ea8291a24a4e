//! Many sessions at once.

use crate::setting::{Setting, agent_processes, output_text};

#[test]
fn a_hundred_sessions_at_once_all_complete() {
    let setting = Setting::new();
    let file = setting.scenario(
        "name: one of many
timeline:
  - llmResponse:
      - think: [[50, a thought]]
  - agentEdits: {path: mine.txt, linesAdded: 2, linesRemoved: 0}
  - complete: true
",
    );
    let mut command = setting.ah(&[
        "task",
        "--follow",
        "--instances",
        "100",
        "--yes",
        "--json",
        "--scenario",
        file.to_str().unwrap(),
        "do it",
    ]);
    let output = command
        .env("AH_MAX_CONCURRENT_TASKS", "100")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", output_text(&output));
    let list = setting.json(&["session", "list", "--limit", "200"]);
    assert_eq!(list["total"], 100);
    for session in list["items"].as_array().unwrap() {
        assert_eq!(session["status"], "completed", "{session:#}");
        assert_eq!(session["changes"]["lines_added"], 2, "{session:#}");
        assert!(agent_processes(session["id"].as_str().unwrap()).is_empty());
    }
}

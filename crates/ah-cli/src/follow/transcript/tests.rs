use crate::fake::script::{EventScript, demo};
use crate::style::Colour;

use super::*;

fn rendered(columns: Option<usize>, colour: Colour) -> String {
    let mut transcript = Transcript::default();
    let mut out = String::new();
    for event in demo() {
        for line in transcript.apply(&event, columns) {
            out.push_str(&line.render(columns, colour));
            out.push('\n');
        }
    }
    out
}

#[test]
fn in_40_columns() {
    insta::assert_snapshot!(rendered(Some(40), Colour::Plain));
}

#[test]
fn in_80_columns() {
    insta::assert_snapshot!(rendered(Some(80), Colour::Plain));
}

#[test]
fn in_120_columns() {
    insta::assert_snapshot!(rendered(Some(120), Colour::Plain));
}

#[test]
fn in_a_pipe() {
    insta::assert_snapshot!(rendered(None, Colour::Plain));
}

#[test]
fn in_colour() {
    insta::assert_snapshot!(rendered(Some(80), Colour::Styled).replace('\u{1b}', "␛"));
}

#[test]
fn no_line_is_wider_than_its_terminal() {
    for columns in [20, 40, 80, 120] {
        for line in rendered(Some(columns), Colour::Plain).lines() {
            assert!(text::width(line) <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn status_line_shows_the_longest_running_activity() {
    let mut transcript = Transcript::default();
    assert_eq!(transcript.now(), "waiting for the first event");
    let events = EventScript::default()
        .status("queued")
        .status("running")
        .and(serde_json::json!({"type": "tool_use", "tool_name": "bash",
            "tool_args": {"command": "cargo  test"}, "tool_execution_id": "1",
            "status": "started"}))
        .question()
        .answered("never", "me")
        .and(
            serde_json::json!({"type": "tool_result", "tool_name": "bash", "tool_output": "",
            "tool_execution_id": "1", "status": "failed"}),
        )
        .and(serde_json::json!({"type": "progress", "progress": 40, "stage": "linking"}))
        .status("stopping")
        .events();
    let now: Vec<String> = events
        .iter()
        .map(|event| {
            transcript.apply(event, Some(80));
            transcript.now()
        })
        .collect();
    assert_eq!(
        now,
        [
            "queued",
            "working",
            "bash cargo test",
            "waiting for permission: runCmd",
            "bash cargo test",
            "working",
            "linking (40 %)",
            "stopping",
        ]
    );
}

#[test]
fn permission_request_is_open_until_resolved() {
    let mut transcript = Transcript::default();
    let events = EventScript::default()
        .status("running")
        .question()
        .answered("once", "me")
        .events();
    let open: Vec<usize> = events
        .iter()
        .map(|event| {
            transcript.apply(event, None);
            transcript.questions().count()
        })
        .collect();
    assert_eq!(open, [0, 1, 0]);
}

//! A short notation for the events of a session.

use ah_rest_api_contract::*;
use serde_json::{Value, json};

use super::at;

pub(crate) const SESSION: &str = "01JZAAAAAAAAAAAAAAAAAAAAA1";
pub(crate) const REQUEST: &str = "perm-01JZAAAAAAAAAAAAAAAAAAAAA2";

/// Events in the order in which they are added, 100 ms apart.
#[derive(Debug, Default)]
pub(crate) struct EventScript(Vec<SessionEvent>);

impl EventScript {
    /// Adds an event in its wire form.
    pub(crate) fn and(mut self, mut payload: Value) -> Self {
        let seq = self.0.len() as i64 + 1;
        let object = payload.as_object_mut().expect("an event is an object");
        object.insert("seq".to_owned(), json!(seq));
        object.insert("sessionId".to_owned(), json!(SESSION));
        object.insert("ts".to_owned(), json!(at(seq * 100)));
        self.0
            .push(serde_json::from_value(payload).expect("is an event"));
        self
    }

    pub(crate) fn status(self, status: &str) -> Self {
        self.and(json!({"type": "status", "status": status}))
    }

    pub(crate) fn tool(
        self,
        name: &str,
        args: &Value,
        output: &str,
        exit_code: Option<i32>,
    ) -> Self {
        let id = format!("tool-{}", self.0.len());
        let outcome = if exit_code.unwrap_or(0) == 0 {
            "completed"
        } else {
            "failed"
        };
        self.and(
            json!({"type": "tool_use", "tool_name": name, "tool_args": args,
                        "tool_execution_id": id, "status": "started"}),
        )
        .and(
            json!({"type": "tool_result", "tool_name": name, "tool_output": output,
                        "tool_execution_id": id, "status": outcome, "exit_code": exit_code}),
        )
    }

    pub(crate) fn question(self) -> Self {
        self.and(json!({
            "type": "permission_request", "request_id": REQUEST, "tool_name": "runCmd",
            "tool_args": {"cmd": "cargo publish"}, "expires_at": at(600_000),
            "options": [
                {"id": "once", "label": "Allow once", "kind": "allow_once"},
                {"id": "never", "label": "Reject", "kind": "reject_once"},
            ],
        }))
    }

    pub(crate) fn answered(self, option: &str, by: &str) -> Self {
        self.and(json!({"type": "permission_resolved", "request_id": REQUEST,
                        "outcome": "selected", "option_id": option, "by": by}))
    }

    pub(crate) fn events(self) -> Vec<SessionEvent> {
        self.0
    }
}

/// A session with most kinds of events.
pub(crate) fn demo() -> Vec<SessionEvent> {
    EventScript::default()
        .status("queued")
        .status("provisioning")
        .status("running")
        .and(json!({"type": "message", "role": "user", "message_id": "msg-01JZAAAAAAAAAAAAAAAAAAAAA3",
                    "content": [{"type": "text", "text": "Add a greeting to the program, test it, and tell me what you did"}],
                    "delivery": "initial"}))
        .and(json!({"type": "thought", "thought": "I should look at the program first,\nand then decide where a greeting belongs."}))
        .and(json!({"type": "plan", "entries": [
            {"content": "Read the program", "status": "completed", "priority": "high"},
            {"content": "Write the greeting", "status": "in_progress", "priority": "medium"},
            {"content": "Test it", "status": "pending", "priority": "low"},
        ]}))
        .tool("readFile", &json!({"path": "src/main.rs"}), "fn main() {\n    old();\n}\n", None)
        .and(json!({"type": "file_edit", "file_path": "src/greeting.rs", "lines_added": 12,
                    "lines_removed": 3, "description": "greet the user"}))
        .tool("runCmd", &json!({"cmd": "cargo test --workspace --all-features -- --nocapture"}),
              "\u{1b}[32mrunning 3 tests\u{1b}[0m\ntest greets … \u{1b}[31mFAILED\u{1b}[0m\n\u{1b}]0;owned\u{7}test result: FAILED. 2 passed; 1 failed\n\n", Some(101))
        .tool("runCmd", &json!({"cmd": "echo 日本語のとても長い引数がここに入ります"}), "日本語のとても長い出力がここに入ります\n", Some(0))
        .and(json!({"type": "log", "level": "warn", "message": "the cache is cold"}))
        .and(json!({"type": "log", "level": "info", "message": "line of a tool", "tool_execution_id": "tool-1"}))
        .question()
        .answered("once", "policy")
        .and(json!({"type": "error", "message": "the model is overloaded\u{1b}[2J"}))
        .and(json!({"type": "usage", "input_tokens": 12345, "output_tokens": 678, "cached_tokens": 10000, "cost_usd": 0.0123}))
        .and(json!({"type": "message", "role": "assistant", "message_id": "msg-01JZAAAAAAAAAAAAAAAAAAAAA4",
                    "content": [{"type": "text", "text": "The program greets now.\n\n- `src/greeting.rs` has the greeting, which is printed before anything else\n- one test fails, as it did before"}]}))
        .and(json!({"type": "tool_use", "tool_name": "bash", "tool_args": {"command": "sleep 100"},
                    "tool_execution_id": "last", "status": "started"}))
        .status("completed")
        .events()
}

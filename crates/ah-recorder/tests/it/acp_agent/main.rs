//! An ACP agent for the integration tests, which executes its prompts, one command per line. Its
//! optional argument selects its start: `silent`, `junk`, `old`, `closed` or `gone`; or its end:
//! `stays`.

use std::io::{BufWriter, Lines, StdinLock, StdoutLock, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

const SESSION: &str = "session-1";

fn main() -> ExitCode {
    let beginning = std::env::args().nth(1).unwrap_or_default();
    let mut agent = Agent {
        input: std::io::stdin().lines(),
        output: BufWriter::new(std::io::stdout().lock()),
        requests: 0,
        prompt: Value::Null,
    };
    match beginning.as_str() {
        "gone" => {
            eprintln!("no such configuration");
            return ExitCode::from(3);
        }
        "silent" => {
            eprintln!("waiting for the network");
            loop {
                std::thread::park();
            }
        }
        "junk" => agent.print("Welcome!\n{\"half\": \n[1, 2]"),
        _ => {}
    }
    let exit = agent.serve(&beginning);
    if beginning == "stays" {
        loop {
            std::thread::park();
        }
    }
    exit
}

struct Agent {
    input: Lines<StdinLock<'static>>,
    output: BufWriter<StdoutLock<'static>>,
    requests: u64,
    /// The id of the last prompt.
    prompt: Value,
}

/// The end of a turn.
enum End {
    Stopped(String),
    Failed(String),
    Exit(u8),
    /// The turn never ends.
    Never,
}

impl Agent {
    fn serve(&mut self, beginning: &str) -> ExitCode {
        while let Some(message) = self.read_message() {
            let id = &message["id"];
            let params = &message["params"];
            let result = match message["method"].as_str() {
                Some("initialize") => initialized(if beginning == "old" { 0 } else { 1 }),
                Some("session/new") if beginning == "closed" => {
                    let error = json!({"code": -32000, "message": "Authentication required"});
                    self.send(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
                    continue;
                }
                Some("session/new") => {
                    // An update of another session, which the driver must ignore.
                    self.update(&chunk("agent_message_chunk", "an old story"));
                    opened()
                }
                Some("session/set_mode" | "session/set_config_option") => {
                    self.note(&format!("{} {params}", message["method"]));
                    json!({})
                }
                Some("session/prompt") => {
                    self.prompt = id.clone();
                    let text = params["prompt"][0]["text"].as_str().unwrap_or_default();
                    match self.turn(text) {
                        End::Stopped(reason) => json!({"stopReason": reason}),
                        End::Exit(code) => return ExitCode::from(code),
                        End::Never => continue,
                        End::Failed(message) => {
                            let error = json!({"code": -32603, "message": message});
                            self.send(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
                            continue;
                        }
                    }
                }
                _ => continue,
            };
            self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
        }
        ExitCode::SUCCESS
    }

    fn turn(&mut self, text: &str) -> End {
        for line in text.lines() {
            let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
            match command {
                "exit" => return End::Exit(argument.parse().expect("a code")),
                "abort" => std::process::abort(),
                "fail" => return End::Failed(argument.to_owned()),
                "stop" => return End::Stopped(argument.to_owned()),
                "deaf" => return End::Never,
                "hang" => return self.wait_for_cancel(),
                _ => {
                    if let Some(end) = self.obey(command, argument) {
                        return end;
                    }
                }
            }
        }
        End::Stopped("end_turn".to_owned())
    }

    fn obey(&mut self, command: &str, argument: &str) -> Option<End> {
        match command {
            "say" => self.update(&chunk("agent_message_chunk", argument)),
            "think" => self.update(&chunk("agent_thought_chunk", argument)),
            "update" => self.update(&serde_json::from_str(argument).expect("an update")),
            "print" => self.print(argument),
            // Ends the turn; further commands run between turns.
            "respond" => {
                let result = json!({"stopReason": "end_turn"});
                let response = json!({"jsonrpc": "2.0", "id": self.prompt, "result": result});
                self.send(&response);
            }
            "wait" => std::thread::park_timeout(Duration::from_millis(
                argument.parse().expect("a number"),
            )),
            // A permission request for a tool call in JSON; `@` is a long text.
            "ask" => {
                let tool_call = argument.replace('@', &"o".repeat(2_500_000));
                let tool_call: Value = serde_json::from_str(&tool_call).expect("a tool call");
                let id = tool_call["toolCallId"].clone();
                let answer = self.ask(
                    "session/request_permission",
                    &json!({"sessionId": SESSION, "toolCall": tool_call, "options": [
                        {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
                        {"optionId": "no", "name": "No", "kind": "reject_once"},
                    ]}),
                )?;
                self.note(&format!(
                    "{id}: {}",
                    answer["result"]["outcome"]["optionId"]
                ));
            }
            "junk" => {
                for line in 0..argument.parse::<u32>().expect("a number") {
                    self.print(&format!("junk {line}"));
                }
            }
            "output" => {
                let output = "o".repeat(argument.parse().expect("a number"));
                self.update(&json!({
                    "sessionUpdate": "tool_call", "toolCallId": "large", "title": "large",
                    "kind": "execute", "status": "in_progress", "rawInput": {"command": "large"},
                }));
                let line = update_frame(&json!({
                    "sessionUpdate": "tool_call_update", "toolCallId": "large",
                    "status": "completed", "rawOutput": {"exit_code": 0},
                    "content": [{"type": "content", "content": {"type": "text", "text": "@"}}],
                }));
                // Inserted as it is: to serialize 100 MB as JSON takes seconds.
                self.print(&line.to_string().replace('@', &output));
            }
            "request" => {
                let answer = self.ask(argument, &json!({"sessionId": SESSION}))?;
                self.note(&format!("{argument}: {}", answer["error"]["code"]));
            }
            "leave" => {
                let answer = self.ask(
                    "session/request_permission",
                    &json!({
                        "sessionId": SESSION,
                        "toolCall": {"toolCallId": argument, "title": argument, "kind": "edit",
                            "rawInput": {"path": argument}},
                        "options": [
                            {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
                            {"optionId": "no", "name": "No", "kind": "reject_once"},
                            {"optionId": "odd", "name": "Odd", "kind": "allow_on_sundays"},
                        ],
                    }),
                )?;
                let outcome = &answer["result"]["outcome"];
                if outcome["outcome"] == "cancelled" {
                    return Some(End::Stopped("cancelled".to_owned()));
                }
                self.note(&format!("{argument}: {}", outcome["optionId"]));
            }
            other => panic!("unknown command {other}"),
        }
        None
    }

    /// Sends a request to the client and waits for the answer.
    fn ask(&mut self, method: &str, params: &Value) -> Option<Value> {
        self.requests += 1;
        // A request id may be a text.
        let id = format!("request-{}", self.requests);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        while let Some(message) = self.read_message() {
            if message["id"] == *id && message.get("method").is_none() {
                return Some(message);
            }
        }
        None
    }

    fn wait_for_cancel(&mut self) -> End {
        while let Some(message) = self.read_message() {
            if message["method"] == "session/cancel" {
                return End::Stopped("cancelled".to_owned());
            }
        }
        End::Exit(0)
    }

    fn read_message(&mut self) -> Option<Value> {
        let line = self.input.next()?.expect("input");
        Some(serde_json::from_str(&line).expect("a message"))
    }

    /// Sends a message that is not joined with any other chunk.
    fn note(&mut self, text: &str) {
        self.update(
            &json!({"sessionUpdate": "agent_message_chunk", "messageId": text,
            "content": {"type": "text", "text": text}}),
        );
    }

    fn update(&mut self, update: &Value) {
        self.send(&update_frame(update));
    }

    fn send(&mut self, message: &Value) {
        self.print(&message.to_string());
    }

    fn print(&mut self, line: &str) {
        writeln!(self.output, "{line}").expect("output");
        self.output.flush().expect("output");
    }
}

fn update_frame(update: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": "session/update",
        "params": {"sessionId": SESSION, "update": update}})
}

fn chunk(kind: &str, text: &str) -> Value {
    json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}})
}

fn initialized(version: u16) -> Value {
    json!({
        "protocolVersion": version,
        "agentInfo": {"name": "ah-acp-agent", "version": "7"},
        "agentCapabilities": {"promptCapabilities": {"image": false}},
        "authMethods": [{"id": "login", "name": "Log in"}],
    })
}

fn opened() -> Value {
    json!({
        "sessionId": SESSION,
        "modes": {"currentModeId": "ask", "availableModes": [
            {"id": "ask", "name": "Ask"}, {"id": "plan", "name": "Plan"}]},
        "configOptions": [{"id": "llm", "name": "Model", "category": "model", "type": "select",
            "currentValue": "small", "options": [
                {"value": "small", "name": "Small"}, {"value": "large", "name": "Large"}]}],
    })
}

//! Programs for the integration tests. `record FOLDER` is a recorder, `nest FOLDER SPEC` starts
//! one, `scenario` is the built-in agent. `play --settings FILE` is an agent that executes its
//! prompts, one command per line, and misbehaves on request.

use std::io::{Lines, StdinLock, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["record", folder] => ah_recorder::main(Path::new(folder)),
        ["nest", folder, spec] => nest(Path::new(folder), Path::new(spec)),
        ["scenario", "--settings", settings] => {
            ah_agents::scenario_agent::main(Path::new(settings))
        }
        ["play", "--settings", settings] => Agent::new(Path::new(settings)).play(),
        _ => ExitCode::from(64),
    }
}

/// Starts the recorder of another session, and exits.
fn nest(folder: &Path, spec: &Path) -> ExitCode {
    let spec = std::fs::read(spec).expect("a launch spec");
    let spec = serde_json::from_slice(&spec).expect("a launch spec");
    let command = ah_recorder::RecorderCommand {
        program: std::env::current_exe().expect("a program"),
        args: vec!["record".to_owned()],
    };
    let folder = ah_agents::SessionFolder::at(folder);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(ah_recorder::spawn(&command, &folder, &spec))
        .expect("a recorder");
    ExitCode::SUCCESS
}

struct Agent {
    input: Lines<StdinLock<'static>>,
    /// True if it continues after the end of its input.
    is_deaf: bool,
}

enum Turn {
    Goes,
    Interrupted,
}

impl Agent {
    fn new(settings: &Path) -> Self {
        let settings: Value =
            serde_json::from_slice(&std::fs::read(settings).expect("settings")).expect("JSON");
        Self {
            input: std::io::stdin().lines(),
            is_deaf: settings["deaf"] == true,
        }
    }

    fn play(mut self) -> ExitCode {
        say(&json!({"ready": {"version": "probe"}}));
        while let Some(message) = self.read_message() {
            let Some(prompt) = message.get("prompt") else {
                continue;
            };
            let text = prompt["content"][0]["text"]
                .as_str()
                .expect("text")
                .to_owned();
            let mut turn = Turn::Goes;
            for line in text.lines() {
                turn = match line.split_once(' ').unwrap_or((line, "")) {
                    ("exit", code) => return ExitCode::from(code.parse::<u8>().expect("code")),
                    (command, argument) => self.obey(command, argument),
                };
                if matches!(turn, Turn::Interrupted) {
                    break;
                }
            }
            let outcome = match turn {
                Turn::Goes => "completed",
                Turn::Interrupted => "interrupted",
            };
            say(&json!({"turn_ended": {"turn": outcome}}));
        }
        if self.is_deaf {
            loop {
                std::thread::park();
            }
        }
        ExitCode::SUCCESS
    }

    fn read_message(&mut self) -> Option<Value> {
        let line = self.input.next()?.expect("input");
        Some(serde_json::from_str(&line).expect("a message"))
    }

    fn obey(&mut self, command: &str, argument: &str) -> Turn {
        let number = || argument.parse::<usize>().expect("a number");
        match command {
            "log" => log(argument),
            "logs" => (0..number()).for_each(|n| log(&n.to_string())),
            "forge" => say(&json!({"event": {"type": "status", "status": "completed"}})),
            "deltas" => (0..number()).for_each(|n| {
                say(&json!({"ephemeral": {"type": "thought_delta", "delta": n.to_string()}}));
            }),
            "stderr" => eprintln!("{argument}"),
            "huge" => print(&vec![b'x'; number()]),
            "output" => say(&json!({"event": {
                "type": "tool_result", "tool_name": "t", "tool_output": "o".repeat(number()),
                "tool_execution_id": "1", "status": "completed"}})),
            // Started without a wait: the tests need a process that is left behind.
            "sh" => drop(shell(argument).spawn().expect("sh")),
            "run" => drop(shell(argument).status().expect("sh")),
            "abort" => std::process::abort(),
            "ask" => return self.ask(argument),
            "hang" => return self.wait_for_interrupt(),
            other => panic!("unknown command {other}"),
        }
        Turn::Goes
    }

    fn ask(&mut self, path: &str) -> Turn {
        say(&json!({"ask_permission": {
            "key": path, "tool_name": "write", "tool_args": {"path": path},
            "options": [{"id": "yes", "label": "Yes", "kind": "allow_once"},
                        {"id": "no", "label": "No", "kind": "reject_once"}]}}));
        while let Some(message) = self.read_message() {
            if message == "interrupt" {
                return Turn::Interrupted;
            }
            if let Some(answer) = message.get("answer") {
                log(&format!(
                    "answer for {}: {}",
                    answer["key"], answer["option_id"]
                ));
                return Turn::Goes;
            }
        }
        Turn::Goes
    }

    fn wait_for_interrupt(&mut self) -> Turn {
        while let Some(message) = self.read_message() {
            if message == "interrupt" {
                return Turn::Interrupted;
            }
        }
        Turn::Goes
    }
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null());
    shell
}

fn log(text: &str) {
    say(&json!({"event": {"type": "log", "level": "info", "message": text}}));
}

fn say(message: &Value) {
    print(message.to_string().as_bytes());
}

fn print(line: &[u8]) {
    let mut output = std::io::stdout().lock();
    output.write_all(line).expect("output");
    output.write_all(b"\n").expect("output");
    output.flush().expect("output");
}

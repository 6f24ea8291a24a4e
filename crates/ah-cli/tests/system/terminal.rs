//! Questions at a real terminal.

use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::setting::{Setting, wait_for};

/// The end of input, as typed.
const END: &str = "\u{4}";

const ASKING: &str = "name: asking
timeline:
  - agentPermissionRequest:
      toolCall: { toolCallId: push, title: Push the branch, kind: execute }
      options:
        - { id: allow, label: \"Yes\", kind: allow_once }
        - { id: deny, label: \"No\", kind: reject_once }
  - complete: true
";

/// An agent that requests permission for a script of 61 lines.
const LONG: &str = r#"
import json, sys
def send(message): print(json.dumps(message), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize": send({"jsonrpc": "2.0", "id": id, "result": {"protocolVersion": 1}})
    if method == "session/new": send({"jsonrpc": "2.0", "id": id, "result": {"sessionId": "s"}})
    if method == "session/prompt":
        prompt = id
        command = "\n".join(f"echo {n}" for n in range(60)) + "\nrm -rf ~/important"
        call = {"toolCallId": "t", "title": "run", "kind": "execute", "rawInput": {"command": command}}
        options = [{"optionId": "yes", "name": "Yes", "kind": "allow_once"},
                   {"optionId": "no", "name": "No", "kind": "reject_once"}]
        send({"jsonrpc": "2.0", "id": 100, "method": "session/request_permission",
              "params": {"sessionId": "s", "toolCall": call, "options": options}})
    if id == 100: send({"jsonrpc": "2.0", "id": prompt, "result": {"stopReason": "end_turn"}})
"#;

/// A command at a terminal of 24 lines with 60 columns.
struct AtTerminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<String>>,
}

impl AtTerminal {
    /// Starts the command. The keys in `typed` are pressed before it starts.
    fn start(mut command: Command, typed: &str) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 60,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let mut keyboard = File::from(master);
        keyboard.write_all(typed.as_bytes()).unwrap();
        let child = command
            .env("TERM", "xterm")
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal)
            .spawn()
            .unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut screen, text) = (keyboard.try_clone().unwrap(), shown.clone());
        // Ends with an error once the last process at the terminal has ended.
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut chunk) {
                *text.lock().unwrap() += &String::from_utf8_lossy(&chunk[..count]);
            }
        });
        Self {
            child,
            keyboard,
            shown,
        }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until the text was shown `times` times.
    fn until(&self, text: &str, times: usize) {
        wait_for(text, || self.shown().matches(text).count() >= times);
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal)
            .unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        let child = Mutex::new(&mut self.child);
        wait_for("the end of the command", || {
            child.lock().unwrap().try_wait().unwrap().is_some()
        });
        self.child.wait().unwrap().code()
    }
}

/// Returns the state of the only permission request.
fn state(setting: &Setting, id: &str) -> String {
    let permissions = setting.json(&["session", "permissions", id]);
    let state = permissions["items"][0]["state"].as_str();
    state.unwrap_or("none").to_owned()
}

#[test]
fn a_question_can_be_left_and_takes_no_line_typed_before_it() {
    let setting = Setting::new();
    let id = setting.launch(ASKING);
    wait_for("the request", || state(&setting, &id) == "pending");
    for (leave, code) in [
        ("SIGINT", 13),
        ("SIGTERM", 13),
        ("the end of the input", 10),
    ] {
        let mut terminal = AtTerminal::start(setting.ah(&["session", "answer", &id]), "1\n");
        terminal.until("answer (1-2, c to cancel): ", 1);
        match leave {
            "SIGINT" => terminal.signal(Signal::INT),
            "SIGTERM" => terminal.signal(Signal::TERM),
            _ => terminal.press(END),
        }
        assert_eq!(
            terminal.exit_code(),
            Some(code),
            "{leave}: {}",
            terminal.shown()
        );
        assert_eq!(
            state(&setting, &id),
            "pending",
            "{leave}: {}",
            terminal.shown()
        );
    }
    // Without the id of the request, even an answer in words is asked for again.
    let mut terminal = AtTerminal::start(setting.ah(&["session", "answer", &id, "allow"]), "");
    terminal.until("Push the branch", 1);
    terminal.until("answer (1-2, c to cancel): ", 1);
    assert_eq!(state(&setting, &id), "pending");
    terminal.press("1\n");
    assert_eq!(terminal.exit_code(), Some(0), "{}", terminal.shown());
    assert_eq!(setting.finish(&id)["status"], "completed");
}

#[test]
fn a_long_request_is_allowed_only_after_its_last_line_was_shown() {
    let setting = Setting::new();
    let agent = setting.folder.path().join("agent.py");
    fs::write(&agent, LONG).unwrap();
    DirBuilder::new()
        .mode(0o700)
        .create(setting.home())
        .unwrap();
    let config = format!(
        "[[agents]]\ntype = \"long\"\ndriver = \"acp\"\ncommand = [\"python3\", \"{}\"]\n",
        agent.display()
    );
    fs::write(setting.home().join("config.toml"), config).unwrap();
    let launched = setting.json(&["task", "--agent", "long", "do it"]);
    let id = launched["session_ids"][0].as_str().unwrap();
    wait_for("the request", || state(&setting, id) == "pending");
    let mut terminal = AtTerminal::start(setting.ah(&["session", "answer", id]), "");
    let mut pages = 1;
    while !terminal.shown().contains("answer (1-2, c to cancel): ") {
        terminal.until("more lines (Enter to read on", pages * 2 - 1);
        assert!(!terminal.shown().contains("rm -rf"), "{}", terminal.shown());
        terminal.press("1\n");
        terminal.until("allowed only after all of it was shown", pages);
        assert_eq!(state(&setting, id), "pending");
        terminal.until("more lines (Enter to read on", pages * 2);
        let before = terminal.shown().len();
        terminal.press("\n");
        pages += 1;
        wait_for("the next page", || {
            let shown = terminal.shown();
            shown[before..].matches("): ").count() == 1
        });
    }
    assert!(pages > 2, "{}", terminal.shown());
    assert!(
        terminal.shown().contains("│ rm -rf ~/important"),
        "{}",
        terminal.shown()
    );
    terminal.press("1\n");
    assert_eq!(terminal.exit_code(), Some(0), "{}", terminal.shown());
    assert_eq!(setting.finish(id)["status"], "completed");
}

#[test]
fn question_before_a_launch_can_be_left_and_answered() {
    let setting = Setting::new();
    let task = [
        "task",
        "--agent",
        "scenario",
        "--repo",
        "none",
        "--instances",
        "6",
        "x",
    ];
    for leave in [
        "SIGINT",
        "SIGTERM",
        "the end of the input",
        "no",
        "another word",
    ] {
        // The line typed before is no answer.
        let mut terminal = AtTerminal::start(setting.ah(&task), "y\n");
        terminal.until("launch 6 agents? [y/N] ", 1);
        match leave {
            "SIGINT" => terminal.signal(Signal::INT),
            "SIGTERM" => terminal.signal(Signal::TERM),
            "no" => terminal.press("n\n"),
            "another word" => {
                terminal.press("perhaps\n");
                terminal.until("launch 6 agents? [y/N] ", 2);
                terminal.press("\n");
            }
            _ => terminal.press(END),
        }
        assert_eq!(
            terminal.exit_code(),
            Some(10),
            "{leave}: {}",
            terminal.shown()
        );
    }
    assert_eq!(setting.json(&["ls", "--all"])["total"], 0);
    let mut terminal = AtTerminal::start(setting.ah(&task), "");
    terminal.until("launch 6 agents? [y/N] ", 1);
    terminal.press("y\n");
    assert_eq!(terminal.exit_code(), Some(0), "{}", terminal.shown());
    assert_eq!(setting.json(&["ls", "--all"])["total"], 6);
}

//! An agent, its user, its model, and the access point that runs it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fake_llm::{FakeLlm, Record};
use serde_json::{Value, json};

use super::program::{Program, User, installed};
use crate::http::Http;
use crate::server::Server;
use crate::setting::{Setting, agent_processes, of_type, output_text, wait_for};

/// The time limit of every wait. Agents start in seconds, but several start concurrently.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The interval at which a stream is checked for new events.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs a test with an agent, if it is installed.
pub(crate) fn play(program: Program, test: impl FnOnce(Scene)) {
    if let Some(scene) = Scene::open(program) {
        test(scene);
    }
}

pub(crate) struct Scene {
    pub(crate) program: Program,
    pub(crate) llm: FakeLlm,
    pub(crate) server: Server,
    pub(crate) setting: Setting,
    launched: Cell<usize>,
}

impl Scene {
    fn open(program: Program) -> Option<Self> {
        let programs = installed(program.binary)?;
        let llm = FakeLlm::start().unwrap();
        let mut setting = Setting::new();
        let folder = |name: &str| {
            let folder = setting.folder.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            folder
        };
        let mut user = User {
            home: folder("user"),
            llm: llm.url(),
            environment: Vec::new(),
        };
        let mut path = programs.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let path = path.into_string().unwrap();
        for (name, value) in [("PATH", path), ("HOME", user.home.display().to_string())] {
            user.environment.push((name.to_owned(), value));
        }
        (program.set_up)(&mut user);
        setting.environment = user.environment;
        Some(Self {
            server: Server::start(&setting),
            program,
            llm,
            setting,
            launched: Cell::new(0),
        })
    }

    pub(crate) fn http(&self) -> Http {
        self.server.http(&self.setting)
    }

    /// Launches a session that waits for prompts, with `script` as the first one. `task` adds
    /// fields.
    pub(crate) fn launch(&self, script: &str, task: &Value) -> Session {
        let number = self.launched.get() + 1;
        self.launched.set(number);
        let place = format!("session-{number}");
        let mut body = json!({
            "prompt": prompt(script, &place),
            "repo": {"mode": "git", "url": self.setting.repository()},
            "agents": [self.program.chosen(&json!({}))],
            "interactive": true,
            "permissions": "allow",
        });
        for (field, value) in task.as_object().unwrap() {
            body[field] = value.clone();
        }
        let launched = self.http().post("/api/v1/tasks", &body).expect(201);
        let id = launched["session_ids"][0].as_str().unwrap().to_owned();
        let folder = |session: &Value| session["workspace"]["path"].as_str().map(PathBuf::from);
        wait_for("a workspace", || folder(&self.session(&id)).is_some());
        let workspace = folder(&self.session(&id)).unwrap();
        self.llm.place(&place, &workspace);
        Session {
            id,
            workspace,
            place,
            seen: Vec::new(),
            at: 0,
        }
    }

    /// Returns the current state of a session.
    pub(crate) fn session(&self, id: &str) -> Value {
        self.http()
            .get(&format!("/api/v1/sessions/{id}"))
            .expect(200)
    }

    /// Returns the request to the model that `wanted` matches, among those with tools. An agent's
    /// auxiliary requests have none.
    pub(crate) fn asked(&self, what: &str, wanted: impl Fn(&Record) -> bool) -> Record {
        let asked = |record: &Record| !record.tools.is_empty() && wanted(record);
        self.llm
            .wait_for(PATIENCE, asked)
            .unwrap_or_else(|| panic!("the model was never asked {what}: {:#?}", self.requests()))
    }

    /// Returns the requests to the model, for failure messages.
    fn requests(&self) -> Vec<(Option<String>, usize, Option<String>)> {
        let records = self.llm.records().into_iter();
        records
            .map(|record| (record.script, record.step, record.problem))
            .collect()
    }
}

/// Returns a prompt that makes the model play a script: a built-in one by its name, or one in JSON.
pub(crate) fn prompt(script: &str, place: &str) -> String {
    let marker = if script.starts_with('[') {
        format!("[[fake-script:{script}]]")
    } else {
        format!("[[fake:{script}]]")
    };
    format!("Please do this: {marker} [[workspace:{place}]]")
}

/// A session and its events so far.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) workspace: PathBuf,
    place: String,
    pub(crate) seen: Vec<Value>,
    /// The number of inspected events.
    pub(crate) at: usize,
}

impl Session {
    fn path(&self, what: &str) -> String {
        format!("/api/v1/sessions/{}/{what}", self.id)
    }

    /// Sends a prompt with a script.
    pub(crate) fn prompt(&self, scene: &Scene, script: &str) {
        let body = json!({"prompt": prompt(script, &self.place)});
        let answer = scene.http().post(&self.path("prompt"), &body);
        answer.expect(202);
    }

    pub(crate) fn interrupt(&self, scene: &Scene) {
        let answer = scene.http().post(&self.path("interrupt"), &json!({}));
        answer.expect(202);
    }

    pub(crate) fn answer(&self, scene: &Scene, request: &Value, option: &str) {
        let request = request["request_id"].as_str().unwrap();
        let path = self.path(&format!("permissions/{request}"));
        let answer = scene.http().post(&path, &json!({"optionId": option}));
        answer.expect(200);
    }

    /// Reads from the last match until `wanted` matches the next event.
    pub(crate) fn until(
        &mut self,
        scene: &Scene,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let begun = Instant::now();
        let mut events = None;
        loop {
            if let Some(found) = self.seen[self.at..].iter().position(&wanted) {
                self.at += found + 1;
                return self.seen[self.at - 1].clone();
            }
            assert!(
                begun.elapsed() < PATIENCE && !self.is_over(),
                "{what} never came:\n{}\n{:#?}",
                self.transcript(),
                scene.requests()
            );
            events
                .get_or_insert_with(|| scene.http().events(&self.id, self.seen.len() as u64))
                .read(&mut self.seen, GLANCE, usize::MAX);
        }
    }

    /// Returns the events so far, for failure messages.
    pub(crate) fn transcript(&self) -> String {
        let lines = self.seen.iter().map(|event| {
            let mut event = event.clone();
            for field in ["sessionId", "ts"] {
                event.as_object_mut().unwrap().remove(field);
            }
            event.to_string() + "\n"
        });
        lines.collect()
    }

    fn is_over(&self) -> bool {
        let status = self
            .seen
            .iter()
            .rev()
            .find(|event| event["type"] == "status");
        status.is_some_and(|event| {
            ["completed", "failed", "stopped", "cancelled"]
                .contains(&event["status"].as_str().unwrap())
        })
    }

    /// Reads until the agent has sent a message with this text.
    pub(crate) fn until_message(&mut self, scene: &Scene, words: &str) -> Value {
        self.until(scene, words, |event| {
            event["type"] == "message"
                && event["role"] == "assistant"
                && text(event).contains(words)
        })
    }

    /// Reads until an error with this text.
    pub(crate) fn until_error(&mut self, scene: &Scene, words: &str) {
        let error = self.until(scene, "an error", of_type("error"));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }

    /// Waits until the agent is idle and all its messages have arrived.
    pub(crate) fn until_idle(&mut self, scene: &Scene) {
        let begun = Instant::now();
        let last = loop {
            let session = scene.session(&self.id);
            if session["activity"] == "idle" {
                break session["lastSeq"].as_u64().unwrap();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "the turn never ended:\n{}\n{:#?}",
                self.transcript(),
                scene.requests()
            );
            std::thread::park_timeout(GLANCE);
        };
        let end = |event: &Value| event["seq"].as_u64().unwrap() >= last;
        if !self.seen.iter().any(end) {
            self.until(scene, "the last event", end);
        }
        self.at = self.seen.len();
    }

    /// Returns the start and the end of the next tool run whose input contains this text.
    pub(crate) fn tool_run(&mut self, scene: &Scene, words: &str) -> (Value, Value) {
        let began = self.until(scene, words, |event| {
            event["type"] == "tool_use" && event["tool_args"].to_string().contains(words)
        });
        let run = began["tool_execution_id"].clone();
        let ended = self.until(scene, "the end of a tool run", |event| {
            event["type"] == "tool_result" && event["tool_execution_id"] == run
        });
        (began, ended)
    }

    /// Stops the session, and checks that nothing is left.
    pub(crate) fn stop(mut self, scene: &Scene) {
        let answer = scene.http().post(&self.path("stop"), &json!({}));
        answer.expect(202);
        self.until(scene, "the end", |event| event["status"] == "stopped");
        self.check_end(scene);
    }

    /// Checks that an ended session leaves only its work, which must equal git's report, and that
    /// its log has no gap.
    pub(crate) fn check_end(&self, scene: &Scene) {
        let left = agent_processes(&self.id);
        assert!(left.is_empty(), "{left:?}");
        let seqs = self.seen.iter().map(|event| event["seq"].as_u64().unwrap());
        assert!(seqs.eq(1..=self.seen.len() as u64), "{}", self.transcript());
        let session = scene.session(&self.id);
        let base = session["repo"]["commit"].as_str().unwrap();
        let expected = git_diff(&self.workspace, base, scene.setting.folder.path());
        let diff = scene.setting.run(&["session", "diff", &self.id]);
        assert_eq!(diff, expected);
    }
}

/// Returns the text of a message.
pub(crate) fn text(message: &Value) -> String {
    let blocks = message["content"].as_array().unwrap().iter();
    blocks.filter_map(|block| block["text"].as_str()).collect()
}

/// Returns git's diff since a commit, with new files, using a separate index.
fn git_diff(workspace: &Path, base: &str, folder: &Path) -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args(args)
            .current_dir(workspace)
            .env("GIT_INDEX_FILE", folder.join("index"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            output_text(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["add", "-A"]);
    git(&["diff", "--cached", "-M", base])
}

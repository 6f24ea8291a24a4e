//! A home, a repository, and `ah` in them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The time limit of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Setting {
    pub(crate) folder: TempDir,
    /// Additional environment variables of every `ah`.
    pub(crate) environment: Vec<(String, String)>,
}

impl Setting {
    /// Creates an empty home, and a repository with two commits. The user has an identity for
    /// commits, and no other configuration of git.
    pub(crate) fn new() -> Self {
        let setting = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        let identity = "[user]\nname = U\nemail = u@example.org\n";
        fs::write(setting.git_config(), identity).unwrap();
        let repository = setting.repository();
        fs::create_dir_all(repository.join("src")).unwrap();
        fs::write(repository.join("README.md"), "# A project\n").unwrap();
        setting.git(&["init", "-q", "-b", "main"]);
        setting.git(&["add", "-A"]);
        setting.git(&["commit", "-qm", "Begin"]);
        fs::write(repository.join("src/main.rs"), "fn main() {}\n").unwrap();
        setting.git(&["add", "-A"]);
        setting.git(&["commit", "-qm", "Go on"]);
        setting
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Returns the user's configuration of git.
    pub(crate) fn git_config(&self) -> PathBuf {
        self.folder.path().join("gitconfig")
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git_in(&self.repository(), args)
    }

    /// Writes a scenario file.
    pub(crate) fn scenario(&self, yaml: &str) -> PathBuf {
        let path = self.folder.path().join("scenario.yaml");
        fs::write(&path, yaml).unwrap();
        path
    }

    /// Launches a task that plays this scenario and follows it until an event that `wanted` accepts.
    /// Returns the follower and the id of the session.
    pub(crate) fn follow_task(
        &self,
        scenario: &Path,
        wanted: impl Fn(&Value) -> bool,
    ) -> (Follower, String) {
        let scenario = scenario.to_str().unwrap();
        let task = ["task", "--follow", "--scenario", scenario, "do it"];
        let mut follower = Follower::start(self.ah(&task));
        let id = follower.until(wanted)["sessionId"]
            .as_str()
            .unwrap()
            .to_owned();
        (follower, id)
    }

    /// Returns `ah` with these arguments, in the repository.
    pub(crate) fn ah(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ah"));
        // The variables of the developer must not affect tests.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"AH_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.repository())
            .env("AH_HOME", self.home())
            .env("NO_COLOR", "1")
            // A folder with mounts cannot be removed at the end of a test.
            .env("AH_WORKSPACE_PROVIDERS", "worktree")
            .env("GIT_CONFIG_GLOBAL", self.git_config())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs `ah` to its end and expects success.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.ah(args).output().unwrap();
        assert!(
            output.status.success(),
            "ah {args:?}: {}",
            output_text(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `ah` with `--json` and parses its output.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let text = self.run(&args);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Launches a scenario and returns the session once its agent runs.
    pub(crate) fn launch(&self, yaml: &str) -> String {
        let file = self.scenario(yaml);
        let file = file.to_str().unwrap();
        let launched = self.json(&["task", "--scenario", file, "do it"]);
        launched["session_ids"][0].as_str().unwrap().to_owned()
    }

    /// Returns the session's whole log, from a command that ends by itself.
    pub(crate) fn log(&self, id: &str) -> Vec<Value> {
        let text = self.run(&["session", "events", id, "--json"]);
        let log: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for (at, event) in log.iter().enumerate() {
            assert_eq!(event["seq"], at as u64 + 1, "{text}");
        }
        log
    }

    pub(crate) fn session(&self, id: &str) -> Value {
        self.json(&["session", "get", id])
    }

    /// Follows the session to its end and returns its final state.
    pub(crate) fn finish(&self, id: &str) -> Value {
        // The exit code reflects the end of the session, which the caller checks.
        let output = self
            .ah(&["session", "follow", id, "--json"])
            .output()
            .unwrap();
        let session = self.session(id);
        let status = session["status"].as_str().unwrap();
        let over = ["completed", "failed", "stopped", "cancelled"].contains(&status);
        assert!(over, "{status}: {}", output_text(&output));
        session
    }
}

impl Drop for Setting {
    /// No process outlives a test, whatever its result.
    fn drop(&mut self) {
        for process in processes_with(&format!("AH_HOME={}", self.home().display())) {
            process.kill();
        }
    }
}

pub(crate) fn git_in(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        output_text(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn output_text(output: &Output) -> String {
    format!(
        "{}\n--- out\n{}\n--- err\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A running `ah … --json` whose events are read as they arrive.
pub(crate) struct Follower {
    pub(crate) child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    pub(crate) seen: Vec<Value>,
}

impl Follower {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Reads until `wanted` matches an event, and returns it.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        for line in self.lines.by_ref() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            self.seen.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
        panic!("it did not come: {:#?}", self.seen);
    }

    pub(crate) fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.seen
    }
}

pub(crate) fn of_type(name: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["type"] == name
}

pub(crate) fn status(name: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["type"] == "status" && event["status"] == name
}

/// A process, identified also by its start time in case its id is reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    started: u64,
}

impl Process {
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self {
            pid,
            started: stat(pid)?.1,
        })
    }

    /// Returns its state letter from /proc; `None` if it is gone.
    pub(crate) fn state(self) -> Option<char> {
        let (state, started) = stat(self.pid)?;
        (started == self.started).then_some(state)
    }

    pub(crate) fn is_alive(self) -> bool {
        !matches!(self.state(), None | Some('Z'))
    }

    pub(crate) fn kill(self) {
        self.signal(rustix::process::Signal::KILL);
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        if self.is_alive()
            && let Some(pid) = rustix::process::Pid::from_raw(self.pid)
        {
            // It may have ended meanwhile.
            rustix::process::kill_process(pid, signal).ok();
        }
    }
}

/// Returns the state and the start time of a process.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some((
        fields.first()?.chars().next()?,
        fields.get(19)?.parse().ok()?,
    ))
}

/// Returns the live processes with this variable in their environment.
pub(crate) fn processes_with(variable: &str) -> BTreeSet<Process> {
    let own = i32::try_from(std::process::id()).unwrap();
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != own)
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|text| {
                text.split(|byte| *byte == 0)
                    .any(|v| v == variable.as_bytes())
            })
        })
        .filter_map(Process::of)
        .filter(|process| process.is_alive())
        .collect()
}

/// Returns the live processes of a session's agent.
pub(crate) fn agent_processes(id: &str) -> BTreeSet<Process> {
    processes_with(&format!("AH_SESSION_ID={id}"))
}

/// Returns the agent itself: the oldest process of its session.
pub(crate) fn agent(id: &str) -> Process {
    let all = agent_processes(id);
    let eldest = all.iter().min_by_key(|process| process.started);
    *eldest.unwrap_or_else(|| panic!("session {id} has no process"))
}

/// Returns the session's recorder, from its lock.
pub(crate) fn recorder(setting: &Setting, id: &str) -> Process {
    let agent = agent(id).pid;
    let text = fs::read_to_string(format!("/proc/{agent}/stat")).unwrap();
    let (_, rest) = text.rsplit_once(") ").unwrap();
    let parent: i32 = rest.split(' ').nth(1).unwrap().parse().unwrap();
    let recorder = Process::of(parent).unwrap();
    let command = fs::read_to_string(format!("/proc/{parent}/cmdline")).unwrap();
    let folder = setting.home().join("sessions").join(id);
    assert!(command.contains(folder.to_str().unwrap()), "{command}");
    recorder
}

/// Polls until `done`, for states of processes that no event reports.
pub(crate) fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

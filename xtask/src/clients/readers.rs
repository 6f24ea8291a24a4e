//! Readers of event streams, which must see each event once while the server is killed, shut down and
//! started again.
//!
//! The libraries are always run, and Chromium's `EventSource` if that is installed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{FOLDER, Tools, copy};
use crate::server::Server;
use crate::workspace::{Workspace, output_of};

/// The libraries in JavaScript and in Python. `curl` is read by the program in Python.
const IN_NODE: [&str; 3] = ["eventsource", "fetch-event-source", "eventsource-parser"];
const IN_PYTHON: [&str; 3] = ["httpx-sse", "sseclient-py", "curl"];
/// The reader in a browser, and the names of the program.
const IN_BROWSER: &str = "Chromium";
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// The number of events of the session, and the time between two of them.
const EVENTS: u64 = 48;
const EVERY_MS: u64 = 250;
/// The number of events that each reader has seen before the server is ended, and before it is ended
/// again.
const BEFORE_KILL: usize = 8;
const BEFORE_SHUTDOWN: usize = 24;
/// The longest permitted wait for one of these, and for the end of the session.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks at the readers.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A reader in a process of its own.
struct Reader {
    name: &'static str,
    child: Child,
    /// The numbers of the events that it has printed. The lock protects single pushes and reads.
    seen: Arc<Mutex<Vec<u64>>>,
}

impl Reader {
    fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start the reader {name}"))?;
        let output = child.stdout.take().context("the reader has no output")?;
        let seen = Arc::<Mutex<Vec<u64>>>::default();
        let numbers = seen.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Ok(number) = line.parse() {
                    let mut numbers = numbers.lock().unwrap_or_else(PoisonError::into_inner);
                    numbers.push(number);
                }
            }
        });
        Ok(Self { name, child, seen })
    }

    fn seen(&self) -> Vec<u64> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It has ended, unless the step failed. A reader with a browser ends that first.
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
            until(|| Ok(self.child.try_wait()?)).ok();
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// Follows a session with every reader through a crash and a restart of the server.
pub(super) fn follow(
    workspace: &Workspace,
    tools: &Tools,
    server: &mut Server,
    scratch: &Path,
) -> anyhow::Result<()> {
    let session = launch(server)?;
    let stream = format!("{}/api/v1/sessions/{session}/events/stream", server.url());
    let in_python = scratch.join("readers.py");
    copy(
        &workspace.root().join(FOLDER).join("python/readers.py"),
        &in_python,
    )?;
    let mut readers = Vec::new();
    for name in IN_NODE {
        let mut command = Command::new("node");
        command.current_dir(&tools.node).arg("readers.mjs");
        readers.push((name, command));
    }
    for name in IN_PYTHON {
        let mut command = Command::new(tools.python.join("python"));
        command.arg(&in_python);
        readers.push((name, command));
    }
    if let Some(browser) = browser() {
        let mut command = Command::new("node");
        command
            .current_dir(&tools.node)
            .arg("browser.mjs")
            .env("AH_TEST_BROWSER", browser);
        readers.push((IN_BROWSER, command));
    } else {
        println!("    Chromium is not installed, so its reader is not run");
    }
    let mut readers = readers
        .into_iter()
        .map(|(name, mut command)| {
            command
                .env("AH_TEST_STREAM", &stream)
                .env("AH_TEST_KEY", server.key());
            Reader::start(name, &mut command)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    wait_for(&mut readers, BEFORE_KILL)?;
    server.restart(Signal::KILL)?;
    wait_for(&mut readers, BEFORE_SHUTDOWN)?;
    server.restart(Signal::TERM)?;
    for reader in &mut readers {
        let name = reader.name;
        let status = until(|| Ok(reader.child.try_wait()?))
            .with_context(|| format!("{name} has not ended; it has seen {:?}", reader.seen()))?;
        ensure!(status.success(), "{name} ended with {status}");
    }
    let last = get(server, &format!("sessions/{session}"))?["lastSeq"]
        .as_u64()
        .context("the session has no events")?;
    let expected: Vec<u64> = (1..=last).collect();
    for reader in &readers {
        // Its output is complete, and read soon.
        let name = reader.name;
        let complete = until(|| Ok((reader.seen().len() as u64 >= last).then_some(())));
        complete.with_context(|| format!("{name} has lost events: {:?}", reader.seen()))?;
        ensure!(
            reader.seen() == expected,
            "{name} has seen {:?}",
            reader.seen()
        );
    }
    let names: Vec<&str> = readers.iter().map(|reader| reader.name).collect();
    println!(
        "    {last} events, once and in order, for {}",
        names.join(", ")
    );
    Ok(())
}

/// Returns the program of a browser, if one is installed.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|program| program.is_file())
}

/// Waits until each reader has seen `count` events.
fn wait_for(readers: &mut [Reader], count: usize) -> anyhow::Result<()> {
    for reader in readers {
        let name = reader.name;
        until(|| {
            let ended = reader.child.try_wait()?;
            if let Some(status) = ended {
                bail!("ended with {status} after {:?}", reader.seen());
            }
            Ok((reader.seen().len() >= count).then_some(()))
        })
        .with_context(|| format!("{name} has not seen {count} events"))?;
    }
    Ok(())
}

/// Looks until there is a value.
#[expect(
    clippy::disallowed_methods,
    reason = "the readers are other processes, which tell nothing but their output"
)]
fn until<T>(mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        if let Some(value) = look()? {
            return Ok(value);
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "waited for {} s",
            PATIENCE.as_secs()
        );
        thread::sleep(LOOK_EVERY);
    }
}

/// Launches a session that has an event from time to time, and returns its id.
fn launch(server: &Server) -> anyhow::Result<String> {
    let thoughts: Vec<Value> = (1..=EVENTS)
        .map(|number| json!([number * EVERY_MS, format!("thought {number}")]))
        .collect();
    let scenario = json!({"name": "ticks", "timeline": [{"llmResponse": [{"think": thoughts}]}]});
    let task = json!({
        "prompt": "Think from time to time",
        "repo": {"mode": "none"},
        "agents": [{"type": "scenario", "settings": {"scenario": scenario}}],
    });
    let launched = output_of(
        curl(server)
            .args(["--json", &task.to_string()])
            .arg(format!("{}/api/v1/tasks", server.url())),
    )?;
    let launched: Value = serde_json::from_str(&launched).context("no JSON")?;
    let id = launched["session_ids"][0].as_str();
    Ok(id.context("the task has no session")?.to_owned())
}

fn get(server: &Server, path: &str) -> anyhow::Result<Value> {
    let answer = output_of(curl(server).arg(format!("{}/api/v1/{path}", server.url())))?;
    serde_json::from_str(&answer).context("no JSON")
}

fn curl(server: &Server) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--header"])
        .arg(format!("Authorization: ApiKey {}", server.key()));
    curl
}

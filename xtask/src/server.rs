//! A temporary access point with its own state folder and repository.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::workspace::output_of;

/// The repository that tasks may use, and the variable that they may set.
pub(crate) const REPOSITORY: &str = "repository";
pub(crate) const VARIABLE: &str = "GREETING";
/// The longest permitted start, and the longest permitted shutdown, of the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// A rate limit above that of any run, so that responses do not depend on speed.
const REQUESTS_PER_MINUTE: &str = "1000000";
/// The number of concurrent agents; they need not do any work.
const SESSIONS_MAX: &str = "2";

/// A server that runs until it is shut down or dropped.
pub(crate) struct Server {
    ah: PathBuf,
    home: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    url: String,
    key: String,
}

impl Server {
    /// Starts `ah` on a state folder below `scratch`, and waits until it accepts requests.
    pub(crate) fn start(ah: &Path, scratch: &Path) -> anyhow::Result<Self> {
        make_repository(&scratch.join(REPOSITORY))?;
        let home = scratch.join("home");
        fs::create_dir(&home).with_context(|| format!("failed to make {}", home.display()))?;
        let mut server = Self {
            ah: ah.to_owned(),
            home,
            log: scratch.join("server.log"),
            child: None,
            url: String::new(),
            key: String::new(),
        };
        server.spawn("0")?;
        Ok(server)
    }

    /// Starts the program on `port` and waits until it accepts requests.
    fn spawn(&mut self, port: &str) -> anyhow::Result<()> {
        let log = &self.log;
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("failed to open {}", log.display()))?;
        let child = of_home(&self.ah, &self.home)
            .args(["agent", "access-point", "--json", "--port", port])
            .args(["--max-concurrent-tasks", SESSIONS_MAX])
            .env("AH_LIMITS_REQUESTS_PER_MINUTE", REQUESTS_PER_MINUTE)
            .env("AH_LIMITS_BURST", REQUESTS_PER_MINUTE)
            .env("AH_SESSIONS_ALLOWED_ENV", VARIABLE)
            // A folder with mounts could not be removed.
            .env("AH_WORKSPACE_PROVIDERS", "worktree")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("failed to start {}", self.ah.display()))?;
        self.child = Some(child);
        self.wait_until_ready()
    }

    /// Ends the program with `signal` and starts it again on the same port.
    pub(crate) fn restart(&mut self, signal: Signal) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the server has ended")?;
        kill_process(Pid::from_child(&child), signal).context("failed to end the server")?;
        child.wait().context("failed to wait for the server")?;
        let url = self.url.clone();
        let (_, port) = url.rsplit_once(':').context("the URL has no port")?;
        self.spawn(port)?;
        ensure!(self.url == url, "the server is at {} now", self.url);
        Ok(())
    }

    /// The base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The API key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Waits for the line that says it is ready, then reads address and key from its file.
    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let child = self.child.as_mut().context("the server has ended")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // The receiver is gone after the time limit.
            sender.send(read).ok();
        });
        match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(1..)) => {}
            _ => bail!("the server did not become ready: {}", self.log_text()),
        }
        let file = self.home.join("access-point.json");
        let text = fs::read_to_string(&file)
            .with_context(|| format!("failed to read {}", file.display()))?;
        let published: Value = serde_json::from_str(&text)
            .with_context(|| format!("failed to parse {}", file.display()))?;
        let field = |name: &str| {
            let text = published[name].as_str().map(str::to_owned);
            text.with_context(|| format!("{} has no `{name}`", file.display()))
        };
        self.url = field("url")?;
        self.key = field("apiKey")?;
        Ok(())
    }

    fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string())
    }

    /// Shuts the server down, then ends the agents that it has started.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.end_all()
    }

    fn end_all(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        kill_process(Pid::from_child(&child), Signal::TERM).context("failed to end the server")?;
        let status = child.wait().context("failed to wait for the server")?;
        // Without a server no queued session starts, so the running ones are all there are.
        let ah = |words: &[&str]| {
            let mut command = of_home(&self.ah, &self.home);
            command.args(["--remote-server", "none"]).args(words);
            output_of(&mut command)
        };
        for state in [
            "provisioning",
            "running",
            "pausing",
            "paused",
            "resuming",
            "stopping",
        ] {
            let listed = ah(&["session", "list", "--json", "--all", "--status", state])?;
            for id in ids(&listed)? {
                ah(&["session", "cancel", &id])?;
            }
        }
        if !status.success() {
            bail!("the server ended with {status}: {}", self.log_text());
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.end_all() {
            eprintln!("xtask: processes of the server may be left: {error:#}");
        }
    }
}

/// Returns a command that runs `ah` on a state folder, without the caller's settings.
fn of_home(ah: &Path, home: &Path) -> Command {
    let mut command = Command::new(ah);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AH_") {
            command.env_remove(name);
        }
    }
    command.env("AH_HOME", home);
    command
}

/// The ids of a list of sessions.
fn ids(listed: &str) -> anyhow::Result<Vec<String>> {
    let page: Value = serde_json::from_str(listed).context("failed to parse the sessions")?;
    let items = page["items"].as_array().context("the list has no items")?;
    let ids = items.iter().filter_map(|item| item["id"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

fn make_repository(folder: &Path) -> anyhow::Result<()> {
    let git = |words: &[&str]| output_of(Command::new("git").arg("-C").arg(folder).args(words));
    fs::create_dir(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    git(&["init", "--quiet", "--initial-branch", "main"])?;
    fs::write(folder.join("README.md"), "A repository to work on.\n")?;
    git(&["add", "."])?;
    let author = ["-c", "user.name=xtask", "-c", "user.email=xtask@localhost"];
    git(&[&author[..], &["commit", "--quiet", "--message", "Begin"]].concat())?;
    Ok(())
}

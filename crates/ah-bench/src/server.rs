//! Measured servers, each a separate process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ah_rest_server::read_published;
use anyhow::{Context, bail};
use hyper::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::connection::{Connection, Endpoint};

/// The time limit of a start, and of a shutdown.
pub(crate) const MAX: Duration = Duration::from_secs(60);
/// The pause between two requests for readiness, which the measured start includes.
const READY_PAUSE: Duration = Duration::from_micros(100);

/// A running server. Dropping it without a shutdown kills it.
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    process: Child,
    /// The open output pipe; without a reader the server might end.
    _output: ChildStdout,
}

/// Returns the command of the access point as shipped, on the state folder `home`.
pub(crate) fn access_point(ah: &Path, home: &Path) -> Command {
    let mut command = Command::new(ah);
    command
        .args(["--json", "agent", "access-point", "--port", "0"])
        .env("AH_HOME", home)
        // A folder with mounts could not be removed.
        .env("AH_WORKSPACE_PROVIDERS", "worktree")
        // The rate limiter is active, with a limit that no measurement reaches.
        .env("AH_LIMITS_REQUESTS_PER_MINUTE", "1000000")
        .env("AH_LIMITS_BURST", "1000000");
    command
}

/// Returns the command of this program in another role.
pub(crate) fn this_program(role: &str) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("failed to find this program")?;
    let mut command = Command::new(program);
    command.arg(role);
    Ok(command)
}

/// Prints the address of a server of this program, in the form of `ah`.
pub(crate) fn announce(address: SocketAddr) {
    println!("{}", json!({ "url": format!("http://{address}") }));
}

impl Server {
    /// Starts a server and waits until it accepts requests. Its key, if any, is in `home`.
    pub(crate) async fn start(mut command: Command, home: &Path) -> anyhow::Result<Self> {
        let log = home.join("server.log");
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("failed to make a server's log")?)
            .kill_on_drop(true)
            .spawn()
            .context("failed to start a server")?;
        let output = process.stdout.take().context("a server has no output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        tokio::time::timeout(MAX, output.read_line(&mut line))
            .await
            .context("a server did not start in time")??;
        let Some(address) = address_in(&line) else {
            bail!("a server did not start: {}", log_text(&log));
        };
        let published = read_published(home)?;
        let key = published
            .and_then(|file| file.api_key)
            .map(|key| key.expose().to_owned());
        let endpoint = Endpoint { address, key };
        // An access point prints its address shortly before it is ready. Bare servers have no key.
        if endpoint.key.is_some() {
            tokio::time::timeout(MAX, until_ready(&endpoint))
                .await
                .context("a server did not become ready in time")??;
        }
        Ok(Self {
            endpoint,
            process,
            _output: output.into_inner(),
        })
    }

    /// Returns its resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<f64> {
        let id = self.process.id().context("the server has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))
            .context("failed to read the server's status")?;
        let kilobytes: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .context("the server's status has no VmRSS")?
            .parse()?;
        Ok(kilobytes * 1024.0)
    }

    /// Returns the processor time that it has used.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let id = self.process.id().context("the server has ended")?;
        let threads = fs::read_dir(format!("/proc/{id}/task"))?;
        let mut nanos = 0;
        for thread in threads {
            // A thread may end meanwhile.
            let used = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            nanos += used
                .split_whitespace()
                .next()
                .map_or(Ok(0), str::parse::<u64>)?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Shuts it down.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        let id = self.process.id().context("the server ended by itself")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a server has no process id")?;
        kill_process(pid, Signal::TERM).context("failed to end a server")?;
        tokio::time::timeout(MAX, self.process.wait())
            .await
            .context("a server did not end in time")??;
        Ok(())
    }
}

async fn until_ready(endpoint: &Endpoint) -> anyhow::Result<()> {
    let mut connection = Connection::open(endpoint).await?;
    while connection.send(Method::GET, "/ready", None).await?.0 != 200 {
        tokio::time::sleep(READY_PAUSE).await;
    }
    Ok(())
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let announced: Value = serde_json::from_str(line).ok()?;
    let url = announced["url"].as_str()?.strip_prefix("http://")?;
    url.trim_end_matches('/').parse().ok()
}

fn log_text(log: &PathBuf) -> String {
    fs::read_to_string(log).unwrap_or_else(|error| format!("its log cannot be read: {error}"))
}

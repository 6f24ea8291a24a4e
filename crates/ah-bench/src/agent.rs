//! An agent that prints the time: it speaks the protocol of the built-in scenario agent, and each
//! line contains the time of its output.
//!
//! It is a separate process of this program, so that its lines take the path of any agent's lines.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ah_rest_api_contract::{EventPayload, Log, LogLevel};
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt as _, BufReader, Lines, stdin};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The amount and the rate of the agent's output.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The number of lines.
    #[arg(long)]
    pub(crate) lines: u32,
    /// The interval between two lines, in milliseconds; 0 for as fast as possible.
    #[arg(long)]
    pub(crate) interval_ms: u64,
    /// The number of the prompt that starts the output; earlier ones have no output.
    #[arg(long)]
    pub(crate) on_prompt: u32,
}

/// An agent without a server and a recorder.
pub(crate) struct BareAgent {
    pub(crate) process: Child,
    pub(crate) input: ChildStdin,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
}

impl BareAgent {
    /// Starts an agent with this pace in `folder`, and tells it to begin.
    pub(crate) async fn begin(pace: Pace, folder: &Path) -> anyhow::Result<Self> {
        let command_line = pace.command_line()?;
        let (program, arguments) = command_line
            .split_first()
            .context("the agent has no program")?;
        let mut process = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the agent")?;
        let mut input = process.stdin.take().context("the agent has no input")?;
        let output = process.stdout.take().context("the agent has no output")?;
        input.write_all(b"begin\n").await?;
        let lines = BufReader::new(output).lines();
        Ok(Self {
            process,
            input,
            lines,
        })
    }
}

impl Pace {
    /// Returns the command line of an agent with this pace.
    pub(crate) fn command_line(self) -> anyhow::Result<Vec<String>> {
        let program = std::env::current_exe().context("failed to find this program")?;
        let program = program
            .to_str()
            .context("the path of this program is not UTF-8")?;
        let mut command_line = vec![program.to_owned(), "agent".to_owned()];
        command_line.extend(self.arguments());
        Ok(command_line)
    }

    /// Returns this pace as arguments of this program.
    pub(crate) fn arguments(self) -> [String; 3] {
        [
            format!("--lines={}", self.lines),
            format!("--interval-ms={}", self.interval_ms),
            format!("--on-prompt={}", self.on_prompt),
        ]
    }

    /// Returns the duration of the output.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.interval_ms) * self.lines
    }
}

/// Runs the agent: reports that it is ready, waits for its prompt, prints its lines, and waits for
/// the end of its input.
pub(crate) async fn play(pace: Pace) -> anyhow::Result<()> {
    let mut input = BufReader::new(stdin()).lines();
    say(&json!({ "ready": { "version": "1" } }))?;
    for prompt in 1..=pace.on_prompt {
        if input.next_line().await?.is_none() {
            return Ok(());
        }
        if prompt < pace.on_prompt {
            say(&json!({ "turn_ended": { "turn": "completed" } }))?;
        }
    }
    let interval = Duration::from_millis(pace.interval_ms);
    let mut ticks = (!interval.is_zero()).then(|| tokio::time::interval(interval));
    for _ in 0..pace.lines {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let event = EventPayload::Log(Log::new(LogLevel::Info, nanos_now().to_string()));
        say(&json!({ "event": event }))?;
    }
    say(&json!({ "turn_ended": { "turn": "completed" } }))?;
    while input.next_line().await?.is_some() {}
    Ok(())
}

/// Prints a line with one system call, as most programs do. The agent has nothing else to do while
/// its pipe is full.
fn say(line: &Value) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(format!("{line}\n").as_bytes())?;
    output.flush()?;
    Ok(())
}

/// Returns the age, in microseconds, of the line behind this event; `None` if it contains no time.
pub(crate) fn micros_since(event: &EventPayload) -> Option<f64> {
    let EventPayload::Log(log) = event else {
        return None;
    };
    let printed: u64 = log.message.parse().ok()?;
    Some(micros_between(printed, nanos_now()))
}

/// Returns the microseconds between two results of [`nanos_now`].
pub(crate) fn micros_between(earlier: u64, later: u64) -> f64 {
    later.saturating_sub(earlier) as f64 / 1_000.0
}

/// Returns the nanoseconds since the Unix epoch, by a clock that processes share.
#[expect(
    clippy::disallowed_methods,
    reason = "the benchmark measures real time"
)]
pub(crate) fn nanos_now() -> u64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

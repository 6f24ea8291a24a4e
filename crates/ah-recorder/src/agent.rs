//! The agent's process: its start, and the tasks that read and write its pipes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::error_lines::{ERROR_LINES_WAITING_MAX, ErrorLines};
use crate::lines::{AGENT_LINE_BYTES_MAX, AgentLine, PAYLOAD_BYTES_MAX, next_line};
use crate::process::{Cgroup, GroupEntry, RECORDER_MARK, SESSION_MARK};
use crate::sandboxed;
use crate::tasks::RecorderTasks;
use ah_agents::LaunchSpec;
use ah_agents::home::Home;
use ah_sandbox::Confinement;

/// The maximum size of the agent's standard error in the recorder's log, in bytes.
const ERROR_BYTES_MAX: usize = 1024 * 1024;

/// The size of the end of standard error that is kept to explain the agent's end, in bytes.
const ERROR_TAIL_BYTES: usize = 2 * 1024;

/// The maximum number of agent lines that are read before they are recorded. An agent that prints
/// faster than the recorder writes is blocked.
const LINES_AHEAD: usize = 64;

/// The maximum size of the lines that are read before they are recorded, in bytes. The longest one
/// has less.
const AHEAD_BYTES_MAX: usize = 32 * 1024 * 1024;

const _: () = assert!(AHEAD_BYTES_MAX > AGENT_LINE_BYTES_MAX + PAYLOAD_BYTES_MAX);

/// The maximum number of messages that wait to be written to the agent.
const INPUT_WAITING_MAX: usize = 64;

/// The agent's process, while it lives.
#[derive(Debug)]
pub(crate) struct AgentProcess {
    /// The process, which leads its own session and process group.
    pub(crate) pid: Pid,
    /// Its output lines; the channel closes with its output.
    pub(crate) lines: mpsc::Receiver<LineAhead>,
    /// True until the end of the output has been read.
    pub(crate) is_output_open: bool,
    /// The lines of its standard error for the session's log; the channel closes with it.
    error_lines: mpsc::Receiver<String>,
    /// True until the end of the lines of standard error has been read.
    is_error_open: bool,
    /// Its input; `None` once it is closed.
    input: Option<mpsc::Sender<Vec<u8>>>,
    /// Returns the end of its standard error when that is closed.
    errors: JoinHandle<Option<String>>,
}

impl AgentProcess {
    /// Starts `command` with `home`. Variables of the task override those of the home, which
    /// override inherited ones.
    ///
    /// Must be called on the recorder's main thread: the agent is killed when the *thread* that
    /// started it ends.
    pub(crate) fn spawn(
        command: &[String],
        spec: &LaunchSpec,
        home: &Home,
        confinement: Option<&Confinement>,
        cgroup: Option<&Cgroup>,
        log: File,
        tasks: &RecorderTasks,
    ) -> io::Result<Self> {
        let (mut process, confined) = match (&spec.sandbox, confinement) {
            (Some(sandbox), Some(confinement)) => {
                let made = sandboxed::command(&sandbox.command, confinement, command)?;
                (made.0, Some(made.1))
            }
            _ => (unconfined(command)?, None),
        };
        let inherited = std::env::vars_os().map(|(name, _)| name);
        for name in spec.agent.inherits.refused(inherited) {
            process.env_remove(name);
        }
        process
            .envs(&home.variables)
            .envs(&spec.agent.env)
            .env(SESSION_MARK, spec.session_id.to_string())
            .env_remove(RECORDER_MARK)
            .current_dir(&spec.workspace)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let entry = cgroup.and_then(|cgroup| cgroup.entry().ok());
        let announced = GroupEntry::take(entry, &mut process)?;
        bind_to_recorder(&mut process);
        let mut child = process.spawn()?;
        // The agent is reaped by `reap` together with the orphans, so only its process id is kept.
        let pid = announced.pid(child.id())?;
        drop(process);
        if let Some(confined) = confined {
            confined.wait()?;
        }
        let missing = || io::Error::other("a pipe of the agent is missing");
        let stdin: OwnedFd = child.stdin.take().ok_or_else(missing)?.into();
        let stdout: OwnedFd = child.stdout.take().ok_or_else(missing)?.into();
        let stderr: OwnedFd = child.stderr.take().ok_or_else(missing)?.into();
        let (input, messages) = mpsc::channel(INPUT_WAITING_MAX);
        let (lines_in, lines) = mpsc::channel(LINES_AHEAD);
        tasks.spawn(write_input(pipe::Sender::from_owned_fd(stdin)?, messages));
        tasks.spawn(read_lines(pipe::Receiver::from_owned_fd(stdout)?, lines_in));
        let (error_lines_in, error_lines) = mpsc::channel(ERROR_LINES_WAITING_MAX);
        let errors = tasks.spawn(read_errors(
            pipe::Receiver::from_owned_fd(stderr)?,
            log,
            ErrorLines::new(error_lines_in),
        ));
        Ok(Self {
            pid,
            lines,
            is_output_open: true,
            error_lines,
            is_error_open: true,
            input: Some(input),
            errors,
        })
    }

    /// Returns the next line of the agent. The end of its output is returned once.
    pub(crate) async fn next_line(&mut self) -> FromAgent {
        loop {
            tokio::select! {
                // What it did comes before its remarks.
                biased;
                line = self.lines.recv(), if self.is_output_open => return FromAgent::Output(line),
                line = self.error_lines.recv(), if self.is_error_open => match line {
                    Some(line) => return FromAgent::Error(line),
                    None => self.is_error_open = false,
                },
                else => std::future::pending().await,
            }
        }
    }

    /// Writes `message` to the agent's input.
    ///
    /// # Errors
    /// Returns the reason if the agent no longer reads its input.
    pub(crate) fn send(&self, message: Vec<u8>) -> Result<(), &'static str> {
        let Some(input) = &self.input else {
            return Err("its input is closed");
        };
        input.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => "it does not read its input",
            mpsc::error::TrySendError::Closed(_) => "it has closed its input",
        })
    }

    /// Closes the input after all queued messages are written.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends `signal` to the process group, as a terminal would: the started program is often only
    /// a wrapper around the agent.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match rustix::process::kill_process_group(self.pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the end of the standard error, and its lines that were not read yet. Called when no
    /// process is left that could write to it.
    pub(crate) async fn remaining_errors(
        mut self,
        wait_max: std::time::Duration,
    ) -> (String, Vec<String>) {
        let reader = self.errors.abort_handle();
        let tail = match tokio::time::timeout(wait_max, self.errors).await {
            Ok(tail) => tail.ok().flatten().unwrap_or_default(),
            Err(_) => {
                reader.abort();
                String::new()
            }
        };
        // At most the capacity of the channel.
        let lines = std::iter::from_fn(|| self.error_lines.try_recv().ok());
        (tail, lines.collect())
    }
}

/// A line of an agent.
#[derive(Debug)]
pub(crate) enum FromAgent {
    /// A line of its output; `None` is the end of it.
    Output(Option<LineAhead>),
    /// A line of its standard error.
    Error(String),
}

/// Returns the command of an agent without a sandbox.
fn unconfined(command: &[String]) -> io::Result<Command> {
    let empty = || io::Error::other("its command line is empty");
    let (program, arguments) = command.split_first().ok_or_else(empty)?;
    let mut process = Command::new(program);
    process.args(arguments);
    Ok(process)
}

/// Makes the process lead its own session and die with the recorder.
#[expect(
    unsafe_code,
    reason = "what a process does to itself before it becomes another program has no safe form"
)]
fn bind_to_recorder(process: &mut Command) {
    let recorder = rustix::process::getpid();
    let bind = move || {
        rustix::process::setsid()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if rustix::process::getppid() != Some(recorder) {
            // The recorder died before the call above took effect.
            return Err(rustix::io::Errno::CHILD.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called. Each of the
    // calls above is one system call on values made before the fork; none allocates or locks.
    unsafe {
        process.pre_exec(bind);
    }
}

async fn write_input(mut input: pipe::Sender, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = input.write_all(&message).await {
            // The agent closed its input or has ended, which its exit reports.
            tracing::debug!(%error, "the agent takes no more input");
            return;
        }
    }
}

/// A line that was read ahead. It takes its share of [`AHEAD_BYTES_MAX`] until it is dropped.
#[derive(Debug)]
pub(crate) struct LineAhead {
    pub(crate) line: AgentLine,
    _room: OwnedSemaphorePermit,
}

async fn read_lines(output: pipe::Receiver, lines: mpsc::Sender<LineAhead>) {
    let mut output = BufReader::with_capacity(64 * 1024, output);
    let room = Arc::new(Semaphore::new(AHEAD_BYTES_MAX));
    loop {
        match next_line(&mut output, AGENT_LINE_BYTES_MAX, PAYLOAD_BYTES_MAX).await {
            Ok(Some(line)) => {
                // A line is shorter than the room for all of them.
                let length = u32::try_from(line.text.len()).unwrap_or(u32::MAX);
                let Ok(_room) = Arc::clone(&room).acquire_many_owned(length).await else {
                    return;
                };
                if lines.send(LineAhead { line, _room }).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the agent's output could not be read");
                return;
            }
        }
    }
}

/// Copies the agent's standard error into `log` up to the limit and into `lines`, and returns the
/// end of it.
async fn read_errors(mut errors: pipe::Receiver, mut log: File, mut lines: ErrorLines) -> String {
    let mut chunk = vec![0; 8 * 1024];
    let mut room = ERROR_BYTES_MAX;
    let mut tail: VecDeque<u8> = VecDeque::with_capacity(ERROR_TAIL_BYTES);
    loop {
        let read = match errors.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let bytes = &chunk[..read];
        lines.take(bytes);
        tail.extend(bytes);
        tail.drain(..tail.len().saturating_sub(ERROR_TAIL_BYTES));
        if room == 0 {
            continue;
        }
        let kept = read.min(room);
        room -= kept;
        let mut written = log.write_all(&bytes[..kept]);
        if room == 0 {
            written = written
                .and_then(|()| log.write_all(b"\n[further output of the agent was dropped]\n"));
        }
        if written.is_err() {
            // A log that cannot be written does not end the agent; the tail is still kept.
            room = 0;
        }
    }
    lines.end();
    String::from_utf8_lossy(tail.make_contiguous()).into_owned()
}

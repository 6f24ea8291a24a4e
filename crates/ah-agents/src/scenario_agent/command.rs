//! Commands that run in their own process groups.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// The maximum size of the output that is read after a command has ended, in bytes. A process that
/// it left in the background may print for ever.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// A running command. A drop before its end kills its process group.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Pid,
    output: pipe::Receiver,
    output_open: bool,
    ended: bool,
    drained: VecDeque<Vec<u8>>,
}

/// An output of a command, or its end.
#[derive(Debug)]
pub(super) enum CommandOutput {
    /// Bytes of standard output or standard error.
    Printed(Vec<u8>),
    /// The end of the command; all of its output was returned before.
    Ended(ExitStatus),
}

impl Running {
    /// Starts a command with an empty standard input. Both outputs go to one pipe, so that their
    /// order is kept.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        let child = command.spawn()?;
        // The command holds the writing ends of the pipe, which this process must close.
        drop(command);
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the command has no process id"))?;
        Ok(Self {
            child,
            group,
            output: pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?,
            output_open: true,
            ended: false,
            drained: VecDeque::new(),
        })
    }

    /// Waits for the next output. Cancel safe: no output is lost. Must not be called again after
    /// [`CommandOutput::Ended`].
    pub(super) async fn next(&mut self) -> io::Result<CommandOutput> {
        let mut chunk = Vec::with_capacity(8 * 1024);
        loop {
            if let Some(chunk) = self.drained.pop_front() {
                return Ok(CommandOutput::Printed(chunk));
            }
            if self.ended {
                return self.child.wait().await.map(CommandOutput::Ended);
            }
            tokio::select! {
                read = self.output.read_buf(&mut chunk), if self.output_open => match read? {
                    0 => self.output_open = false,
                    _ => return Ok(CommandOutput::Printed(chunk)),
                },
                status = self.child.wait() => {
                    status?;
                    self.ended = true;
                    self.drain();
                }
            }
        }
    }

    /// Kills the command with its process group, and waits for its end.
    pub(super) async fn kill(mut self) -> io::Result<ExitStatus> {
        self.kill_group();
        let status = self.child.wait().await?;
        self.ended = true;
        Ok(status)
    }

    /// Reads the output that was printed before the end, without waiting for more.
    fn drain(&mut self) {
        let mut left = DRAIN_BYTES_MAX;
        while self.output_open && left > 0 {
            let mut chunk = vec![0; (8 * 1024).min(left)];
            match self.output.try_read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(read) => {
                    chunk.truncate(read);
                    left -= read;
                    self.drained.push_back(chunk);
                }
            }
        }
    }

    /// The child is not reaped yet, so the number of the group is still its own.
    fn kill_group(&self) {
        if !self.ended
            && let Err(error) = kill_process_group(self.group, Signal::KILL)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(group = ?self.group, %error, "could not kill a command");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}

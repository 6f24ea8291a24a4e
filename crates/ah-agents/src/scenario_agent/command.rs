//! Running a command in a process group of its own.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// How much is still read of what a command printed, once it has ended. What it left running in
/// the background may print for ever.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// A command that runs. When it is let go of before it has ended, its process group is killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Pid,
    output: pipe::Receiver,
    output_open: bool,
    ended: bool,
    drained: VecDeque<Vec<u8>>,
}

/// What is heard of a command.
#[derive(Debug)]
pub(super) enum CommandOutput {
    /// It printed something, to standard output or standard error.
    Printed(Vec<u8>),
    /// It has ended, and all that it printed was heard.
    Ended(ExitStatus),
}

impl Running {
    /// Starts a command, with nothing on its standard input, and both outputs on one pipe so that
    /// their order is kept.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        let child = command.spawn()?;
        // The command holds the pipe's writing ends, and this process must not.
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

    /// Waits for the next thing to be heard. Nothing is lost when the waiting is given up. It is
    /// not to be called again after [`CommandOutput::Ended`].
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

    /// Ends it by force, with everything in its process group, and waits until it is gone.
    pub(super) async fn kill(mut self) -> io::Result<ExitStatus> {
        self.kill_group();
        let status = self.child.wait().await?;
        self.ended = true;
        Ok(status)
    }

    /// Takes what the command had printed when it ended, and does not wait for more.
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

    /// The child was not waited for yet, so the group's number is still its own.
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

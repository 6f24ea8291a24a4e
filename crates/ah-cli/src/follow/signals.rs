//! The signals by which a person or the system ends a command.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Why a command was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Ctrl-C: a person is there, and may press it again.
    Interrupt,
    /// The terminal went away, or the system ends the command.
    Termination,
}

/// The signals of one command. From when it is made they no longer kill the process.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::general("the signals of this process cannot be listened to")
                    .caused_by(error)
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Interruption {
        tokio::select! {
            _ = self.interrupt.recv() => Interruption::Interrupt,
            _ = self.terminate.recv() => Interruption::Termination,
            _ = self.hangup.recv() => Interruption::Termination,
        }
    }
}

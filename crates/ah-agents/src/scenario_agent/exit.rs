//! The end of the agent.

/// The reason why the agent exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitCause {
    /// Its input has ended.
    InputEnded,
    /// Its output is closed.
    OutputClosed,
    /// The scenario has it exit with this code.
    Code(u8),
    /// The scenario has it crash.
    Crash,
}

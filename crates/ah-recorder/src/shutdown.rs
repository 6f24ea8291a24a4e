//! The shutdown of an agent: a sequence of increasingly forceful steps with a grace period each.
//!
//! Pure: [`AgentShutdown`] computes the step that is due.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::{EndCause, ShutdownManner};

/// A step of the shutdown; the gentlest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ShutdownStep {
    /// Cancels the turn through the protocol.
    Cancel,
    /// Closes the agent's input.
    CloseInput,
    /// Sends SIGINT to the agent's process group.
    Interrupt,
    /// Sends SIGTERM to the agent's process group.
    Terminate,
    /// Kills all processes of the session.
    Kill,
}

impl ShutdownStep {
    const fn next(self) -> Self {
        match self {
            Self::Cancel => Self::CloseInput,
            Self::CloseInput => Self::Interrupt,
            Self::Interrupt => Self::Terminate,
            Self::Terminate | Self::Kill => Self::Kill,
        }
    }
}

/// The cause of an agent's shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownCause {
    /// The access point requested it.
    Requested(ShutdownManner),
    /// No attendant was attached for too long after its turn.
    Unattended,
    /// The recorder received a termination signal.
    RecorderSignalled,
    /// It ran longer than the session's time limit.
    TimedOut,
    /// It was idle longer than the session's idle limit.
    Idle,
    /// The agent failed to become ready, or not in time.
    NotReady,
    /// The agent did not end its turn after an interruption.
    InterruptIgnored,
    /// The agent closed its output, so it can no longer be observed.
    OutputClosed,
    /// The session's folder was removed or replaced, so that no attendant can come.
    FolderLost,
    /// The journal could not be written.
    JournalLost,
}

impl ShutdownCause {
    /// Returns true for an exceeded limit or a failed start, which remain the cause however the
    /// agent is ended.
    const fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::TimedOut
                | Self::Idle
                | Self::NotReady
                | Self::InterruptIgnored
                | Self::FolderLost
        )
    }

    /// Returns true if a request to end the agent in this `manner` adds nothing.
    fn covers(self, manner: ShutdownManner) -> bool {
        match self {
            Self::Requested(before) => manner <= before,
            Self::OutputClosed | Self::Unattended => false,
            Self::RecorderSignalled
            | Self::TimedOut
            | Self::Idle
            | Self::NotReady
            | Self::InterruptIgnored
            | Self::FolderLost => manner <= ShutdownManner::Stop,
            Self::JournalLost => true,
        }
    }

    /// Returns the first step of a shutdown for this cause.
    const fn first_step(self, in_turn: bool) -> ShutdownStep {
        match self {
            Self::Requested(ShutdownManner::Kill) | Self::JournalLost => ShutdownStep::Kill,
            Self::Requested(ShutdownManner::Stop) | Self::RecorderSignalled | Self::TimedOut
                if in_turn =>
            {
                ShutdownStep::Cancel
            }
            Self::Requested(ShutdownManner::Stop | ShutdownManner::Finish)
            | Self::RecorderSignalled
            | Self::TimedOut
            | Self::Idle
            | Self::NotReady
            | Self::InterruptIgnored
            | Self::FolderLost
            | Self::Unattended
            | Self::OutputClosed => ShutdownStep::CloseInput,
        }
    }
}

/// A shutdown in progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AgentShutdown {
    cause: ShutdownCause,
    step: ShutdownStep,
    grace: Duration,
    next_at: Instant,
}

impl AgentShutdown {
    /// Starts the shutdown; the first step is due at once.
    pub(crate) fn begin(
        cause: ShutdownCause,
        in_turn: bool,
        grace: Duration,
        now: Instant,
    ) -> Self {
        Self {
            cause,
            step: cause.first_step(in_turn),
            grace,
            next_at: now + grace,
        }
    }

    /// Returns the cause for the journal, or `None` if the journal cannot be written.
    pub(crate) const fn end_cause(&self) -> Option<EndCause> {
        match self.cause {
            ShutdownCause::Requested(ShutdownManner::Finish) => Some(EndCause::Finished),
            ShutdownCause::Requested(ShutdownManner::Stop | ShutdownManner::Kill) => {
                Some(EndCause::Requested)
            }
            ShutdownCause::Unattended => Some(EndCause::Unattended),
            ShutdownCause::RecorderSignalled => Some(EndCause::Signalled),
            ShutdownCause::TimedOut => Some(EndCause::TimedOut),
            ShutdownCause::Idle => Some(EndCause::Idle),
            ShutdownCause::NotReady => Some(EndCause::NotReady),
            ShutdownCause::InterruptIgnored => Some(EndCause::InterruptIgnored),
            ShutdownCause::OutputClosed => Some(EndCause::Agent),
            // Nothing reads the journal.
            ShutdownCause::FolderLost | ShutdownCause::JournalLost => None,
        }
    }

    /// Returns the cause.
    pub(crate) const fn cause(&self) -> ShutdownCause {
        self.cause
    }

    /// Returns the step that was taken last.
    pub(crate) const fn step(&self) -> ShutdownStep {
        self.step
    }

    /// Returns the time at which the next step is due, or `None` after the last.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.step < ShutdownStep::Kill).then_some(self.next_at)
    }

    /// Takes the next step and returns it, if it is due.
    pub(crate) fn advance(&mut self, now: Instant) -> Option<ShutdownStep> {
        if self.step == ShutdownStep::Kill || now < self.next_at {
            return None;
        }
        self.step = self.step.next();
        self.next_at = now + self.grace;
        Some(self.step)
    }

    /// Handles the end of the turn, which [`ShutdownStep::Cancel`] waited for: the next step is due.
    pub(crate) const fn turn_ended(&mut self, now: Instant) {
        if matches!(self.step, ShutdownStep::Cancel) {
            self.next_at = now;
        }
    }

    /// Skips to killing all processes because the journal is lost. Returns the step that is due, if
    /// any.
    pub(crate) fn give_up(&mut self, now: Instant) -> Option<ShutdownStep> {
        self.cause = ShutdownCause::JournalLost;
        self.kill(now)
    }

    fn kill(&mut self, now: Instant) -> Option<ShutdownStep> {
        (self.step < ShutdownStep::Kill).then(|| {
            self.step = ShutdownStep::Kill;
            self.next_at = now;
            ShutdownStep::Kill
        })
    }

    /// Handles a repeated shutdown request. A more forceful manner takes effect from `now`; a
    /// gentler or equal one changes nothing. Returns the step that is due, if any.
    pub(crate) fn insist(&mut self, manner: ShutdownManner, now: Instant) -> Option<ShutdownStep> {
        if self.cause.covers(manner) {
            return None;
        }
        if !self.cause.is_lasting() {
            self.cause = ShutdownCause::Requested(manner);
        }
        match manner {
            ShutdownManner::Kill => self.kill(now),
            ShutdownManner::Stop | ShutdownManner::Finish => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    fn stop_in_turn(now: Instant) -> AgentShutdown {
        let stop = ShutdownCause::Requested(ShutdownManner::Stop);
        AgentShutdown::begin(stop, true, GRACE, now)
    }

    fn steps(mut shutdown: AgentShutdown, mut now: Instant) -> Vec<ShutdownStep> {
        let mut steps = vec![shutdown.step()];
        while let Some(deadline) = shutdown.deadline() {
            assert_eq!(shutdown.advance(now), None, "not before it is due");
            now = deadline;
            steps.extend(shutdown.advance(now));
        }
        steps
    }

    #[test]
    fn stop_takes_every_step_and_finish_does_not_cancel() {
        use ShutdownStep::*;
        let now = Instant::now();
        let begin = |cause, in_turn| steps(AgentShutdown::begin(cause, in_turn, GRACE, now), now);
        let stop = ShutdownCause::Requested(ShutdownManner::Stop);
        assert_eq!(
            begin(stop, true),
            [Cancel, CloseInput, Interrupt, Terminate, Kill]
        );
        assert_eq!(begin(stop, false), [CloseInput, Interrupt, Terminate, Kill]);
        let finish = ShutdownCause::Requested(ShutdownManner::Finish);
        assert_eq!(
            begin(finish, true),
            [CloseInput, Interrupt, Terminate, Kill]
        );
        assert_eq!(
            begin(ShutdownCause::Requested(ShutdownManner::Kill), true),
            [Kill]
        );
    }

    #[test]
    fn only_a_more_forceful_request_has_an_effect() {
        let now = Instant::now();
        let mut shutdown = stop_in_turn(now);
        assert_eq!(shutdown.insist(ShutdownManner::Finish, now), None);
        assert_eq!(shutdown.step(), ShutdownStep::Cancel);
        assert_eq!(
            shutdown.insist(ShutdownManner::Kill, now),
            Some(ShutdownStep::Kill)
        );
        assert_eq!(shutdown.insist(ShutdownManner::Kill, now), None);
        assert_eq!(shutdown.deadline(), None);
    }

    #[test]
    fn lost_journal_kills_the_agent_immediately() {
        let now = Instant::now();
        let mut shutdown = stop_in_turn(now);
        assert_eq!(shutdown.give_up(now), Some(ShutdownStep::Kill));
        assert_eq!(shutdown.give_up(now), None);
        assert_eq!(shutdown.insist(ShutdownManner::Kill, now), None);
    }

    #[test]
    fn end_of_the_turn_is_awaited_once() {
        let now = Instant::now();
        let mut shutdown = stop_in_turn(now);
        shutdown.turn_ended(now);
        assert_eq!(shutdown.advance(now), Some(ShutdownStep::CloseInput));
        shutdown.turn_ended(now);
        assert_eq!(
            shutdown.advance(now),
            None,
            "the end of the input has its own grace"
        );
    }
}

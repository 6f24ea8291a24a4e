//! The shutdown of an agent: a sequence of increasingly forceful steps with a grace period each.
//!
//! Pure: [`AgentShutdown`] computes the step that is due, and [`reason`] describes the outcome.

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
    /// The journal could not be written.
    JournalLost,
}

/// The exit status of an agent's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, if it exited.
    pub(crate) code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
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
            step: first_step(cause, in_turn),
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
            ShutdownCause::JournalLost => None,
        }
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
        let is_milder = match self.cause {
            ShutdownCause::Requested(before) => manner <= before,
            ShutdownCause::OutputClosed | ShutdownCause::Unattended => false,
            ShutdownCause::RecorderSignalled
            | ShutdownCause::TimedOut
            | ShutdownCause::Idle
            | ShutdownCause::NotReady
            | ShutdownCause::InterruptIgnored => manner <= ShutdownManner::Stop,
            ShutdownCause::JournalLost => true,
        };
        if is_milder {
            return None;
        }
        // An exceeded limit or a failed start remains the cause, however the agent is ended.
        if !matches!(
            self.cause,
            ShutdownCause::TimedOut
                | ShutdownCause::Idle
                | ShutdownCause::NotReady
                | ShutdownCause::InterruptIgnored
        ) {
            self.cause = ShutdownCause::Requested(manner);
        }
        match manner {
            ShutdownManner::Kill => self.kill(now),
            ShutdownManner::Stop | ShutdownManner::Finish => None,
        }
    }
}

fn first_step(cause: ShutdownCause, in_turn: bool) -> ShutdownStep {
    match cause {
        ShutdownCause::Requested(ShutdownManner::Kill) | ShutdownCause::JournalLost => {
            ShutdownStep::Kill
        }
        ShutdownCause::Requested(ShutdownManner::Stop)
        | ShutdownCause::RecorderSignalled
        | ShutdownCause::TimedOut
            if in_turn =>
        {
            ShutdownStep::Cancel
        }
        ShutdownCause::Requested(ShutdownManner::Stop | ShutdownManner::Finish)
        | ShutdownCause::RecorderSignalled
        | ShutdownCause::TimedOut
        | ShutdownCause::Idle
        | ShutdownCause::NotReady
        | ShutdownCause::InterruptIgnored
        | ShutdownCause::Unattended
        | ShutdownCause::OutputClosed => ShutdownStep::CloseInput,
    }
}

/// The facts about an agent's end that [`reason`] describes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    /// The exit status of its process.
    pub(crate) exit: Exit,
    /// True if it ended during a turn.
    pub(crate) in_turn: bool,
    /// True if its protocol requires it to end with its input.
    pub(crate) ends_with_input: bool,
    /// The reported reason why it never became ready.
    pub(crate) unready: Option<&'a str>,
    /// The end of its standard error, which is included only if the end was a failure.
    pub(crate) error_tail: &'a str,
}

/// Describes an agent's end, or returns `None` if it ended as intended.
pub(crate) fn reason(ending: Option<&AgentShutdown>, ended: &Ended<'_>) -> Option<String> {
    let &Ended {
        exit,
        in_turn,
        ends_with_input,
        unready,
        error_tail,
    } = ended;
    let middle = if in_turn {
        " in the middle of a turn"
    } else {
        ""
    };
    let how = match exit {
        Exit {
            signal: Some(signal),
            ..
        } => {
            format!(
                "the agent was killed by signal {signal}{}{middle}",
                signal_name(signal)
            )
        }
        Exit {
            code: Some(code), ..
        } => format!("the agent exited with code {code}{middle}"),
        Exit { .. } => format!("the agent ended{middle} for an unknown reason"),
    };
    let with_tail = |text: String| match error_tail.trim() {
        "" => text,
        tail => format!("{text}; its last output: {tail}"),
    };
    if let Some(unready) = unready {
        return Some(with_tail(unready.to_owned()));
    }
    let Some(ending) = ending else {
        return Some(with_tail(how));
    };
    let forced = match ending.step {
        ShutdownStep::Cancel | ShutdownStep::CloseInput => None,
        ShutdownStep::Interrupt => Some("SIGINT was needed to end the agent"),
        ShutdownStep::Terminate => Some("SIGTERM was needed to end the agent"),
        ShutdownStep::Kill => Some("the agent was killed"),
    };
    let went_well =
        exit == Exit {
            code: Some(0),
            signal: None,
        } && !in_turn;
    match ending.cause {
        ShutdownCause::OutputClosed => match (forced, went_well) {
            // A process usually ends by closing its output.
            (None, _) => Some(with_tail(how)),
            (Some(forced), _) => Some(with_tail(format!("the agent closed its output; {forced}"))),
        },
        ShutdownCause::Requested(ShutdownManner::Finish) | ShutdownCause::Unattended => {
            match forced {
                None if went_well => None,
                None => Some(with_tail(how)),
                // It had finished and is not required to exit by itself.
                Some(_) if !ends_with_input && !in_turn => None,
                Some(forced) => Some(with_tail(format!(
                    "{forced}: it did not end with its input"
                ))),
            }
        }
        ShutdownCause::Requested(ShutdownManner::Stop | ShutdownManner::Kill) => {
            forced.map(ToOwned::to_owned)
        }
        ShutdownCause::TimedOut => Some("the session exceeded its time limit".to_owned()),
        ShutdownCause::NotReady => Some(with_tail("the agent did not become ready".to_owned())),
        ShutdownCause::InterruptIgnored => Some(with_tail(
            "the agent did not end its turn after it was interrupted".to_owned(),
        )),
        ShutdownCause::Idle => {
            Some("the session received no prompt within its idle limit".to_owned())
        }
        ShutdownCause::RecorderSignalled => Some("the recorder was ended by a signal".to_owned()),
        ShutdownCause::JournalLost => Some("the journal could not be written".to_owned()),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        2 => " (SIGINT)",
        6 => " (SIGABRT)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);
    const WELL: Exit = Exit {
        code: Some(0),
        signal: None,
    };

    fn steps(mut ending: AgentShutdown, mut now: Instant) -> Vec<ShutdownStep> {
        let mut steps = vec![ending.step()];
        while let Some(deadline) = ending.deadline() {
            assert_eq!(ending.advance(now), None, "not before it is due");
            now = deadline;
            steps.extend(ending.advance(now));
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
        let mut ending = AgentShutdown::begin(
            ShutdownCause::Requested(ShutdownManner::Stop),
            true,
            GRACE,
            now,
        );
        assert_eq!(ending.insist(ShutdownManner::Finish, now), None);
        assert_eq!(ending.step(), ShutdownStep::Cancel);
        assert_eq!(
            ending.insist(ShutdownManner::Kill, now),
            Some(ShutdownStep::Kill)
        );
        assert_eq!(ending.insist(ShutdownManner::Kill, now), None);
        assert_eq!(ending.deadline(), None);
    }

    #[test]
    fn lost_journal_kills_the_agent_immediately() {
        let now = Instant::now();
        let mut ending = AgentShutdown::begin(
            ShutdownCause::Requested(ShutdownManner::Stop),
            true,
            GRACE,
            now,
        );
        assert_eq!(ending.give_up(now), Some(ShutdownStep::Kill));
        assert_eq!(ending.give_up(now), None);
        assert_eq!(ending.insist(ShutdownManner::Kill, now), None);
    }

    #[test]
    fn end_of_the_turn_is_awaited_once() {
        let now = Instant::now();
        let mut ending = AgentShutdown::begin(
            ShutdownCause::Requested(ShutdownManner::Stop),
            true,
            GRACE,
            now,
        );
        ending.turn_ended(now);
        assert_eq!(ending.advance(now), Some(ShutdownStep::CloseInput));
        ending.turn_ended(now);
        assert_eq!(
            ending.advance(now),
            None,
            "the end of the input has its own grace"
        );
    }

    #[test]
    fn reasons_describe_the_end() {
        let ended = |exit, in_turn| Ended {
            exit,
            in_turn,
            ends_with_input: true,
            unready: None,
            error_tail: "",
        };
        let code = |code| Exit {
            code: Some(code),
            signal: None,
        };
        let boom = Ended {
            error_tail: "boom\n",
            ..ended(code(3), true)
        };
        assert_eq!(
            reason(None, &boom).unwrap(),
            "the agent exited with code 3 in the middle of a turn; its last output: boom"
        );
        let killed = Exit {
            code: None,
            signal: Some(9),
        };
        assert_eq!(
            reason(None, &ended(killed, true)).unwrap(),
            "the agent was killed by signal 9 (SIGKILL) in the middle of a turn"
        );
        let now = Instant::now();
        let finish = AgentShutdown::begin(
            ShutdownCause::Requested(ShutdownManner::Finish),
            false,
            GRACE,
            now,
        );
        let warned = Ended {
            error_tail: "warnings",
            ..ended(WELL, false)
        };
        assert_eq!(reason(Some(&finish), &warned), None);
        assert_eq!(
            reason(Some(&finish), &ended(code(1), false)).unwrap(),
            "the agent exited with code 1"
        );
        let mut slow = finish;
        slow.advance(now + GRACE);
        let slowly = reason(Some(&slow), &ended(WELL, false)).unwrap();
        assert!(slowly.contains("SIGINT"), "{slowly}");
        let unbound = Ended {
            ends_with_input: false,
            ..ended(killed, false)
        };
        assert_eq!(reason(Some(&slow), &unbound), None);
        let unready = Ended {
            unready: Some("it would not"),
            ..boom
        };
        assert_eq!(
            reason(Some(&finish), &unready).unwrap(),
            "it would not; its last output: boom"
        );
    }
}

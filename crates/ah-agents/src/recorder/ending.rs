//! How an agent is brought to its end: step after step, a grace each.
//!
//! Pure: it says which step is due, and [`Ending::reason`] puts into words what became of it.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::{EndCause, ShutdownManner};

/// A step on the way to the end, the politest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The turn is cancelled by the protocol's own means.
    Cancel,
    /// The agent's input is closed.
    CloseInput,
    /// SIGINT to the agent's process group.
    Interrupt,
    /// SIGTERM to the agent's process group.
    Terminate,
    /// Everything is killed.
    Kill,
}

impl Step {
    const fn next(self) -> Self {
        match self {
            Self::Cancel => Self::CloseInput,
            Self::CloseInput => Self::Interrupt,
            Self::Interrupt => Self::Terminate,
            Self::Terminate | Self::Kill => Self::Kill,
        }
    }
}

/// Why an agent is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The access point asked for it.
    Requested(ShutdownManner),
    /// Nobody attended to it for too long after its turn.
    Unattended,
    /// The recorder was told to end by a signal.
    RecorderSignalled,
    /// It took longer than the session's limit.
    TimedOut,
    /// It was idle for longer than the session's limit.
    Idle,
    /// The agent could not become ready, or not in time.
    NotReady,
    /// The agent closed its output, so it can no longer say anything.
    OutputClosed,
    /// The journal could not be written.
    JournalLost,
}

/// How an agent's process ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Its exit code, if it exited.
    pub(crate) code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
}

/// An agent's end on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    cause: Cause,
    step: Step,
    grace: Duration,
    next_at: Instant,
}

impl Ending {
    /// The end begins now; the first step is due at once.
    pub(crate) fn begin(cause: Cause, in_turn: bool, grace: Duration, now: Instant) -> Self {
        Self {
            cause,
            step: first_step(cause, in_turn),
            grace,
            next_at: now + grace,
        }
    }

    /// Why it ends, as it is told; `None` for what cannot be written down anyway.
    pub(crate) const fn end_cause(&self) -> Option<EndCause> {
        match self.cause {
            Cause::Requested(ShutdownManner::Finish) => Some(EndCause::Finished),
            Cause::Requested(ShutdownManner::Stop | ShutdownManner::Kill) => Some(EndCause::Told),
            Cause::Unattended => Some(EndCause::Unattended),
            Cause::RecorderSignalled => Some(EndCause::Signalled),
            Cause::TimedOut => Some(EndCause::TimedOut),
            Cause::Idle => Some(EndCause::Idle),
            Cause::NotReady => Some(EndCause::NotReady),
            Cause::OutputClosed => Some(EndCause::Agent),
            Cause::JournalLost => None,
        }
    }

    /// The step that was taken last.
    pub(crate) const fn step(&self) -> Step {
        self.step
    }

    /// When the next step is due; never after the last.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.step < Step::Kill).then_some(self.next_at)
    }

    /// Takes the next step if it is due.
    pub(crate) fn advance(&mut self, now: Instant) -> Option<Step> {
        if self.step == Step::Kill || now < self.next_at {
            return None;
        }
        self.step = self.step.next();
        self.next_at = now + self.grace;
        Some(self.step)
    }

    /// The turn has ended, which is what [`Step::Cancel`] waited for: the next step is due.
    pub(crate) const fn turn_ended(&mut self, now: Instant) {
        if matches!(self.step, Step::Cancel) {
            self.next_at = now;
        }
    }

    /// Nothing can be written down any more: everything is killed. Gives the step that is due, if
    /// one is.
    pub(crate) fn give_up(&mut self, now: Instant) -> Option<Step> {
        self.cause = Cause::JournalLost;
        self.kill(now)
    }

    fn kill(&mut self, now: Instant) -> Option<Step> {
        (self.step < Step::Kill).then(|| {
            self.step = Step::Kill;
            self.next_at = now;
            Step::Kill
        })
    }

    /// The end was asked for again. A more forceful manner counts from now on; a milder one, or
    /// the same, changes nothing. Gives the step that is due, if one is.
    pub(crate) fn insist(&mut self, manner: ShutdownManner, now: Instant) -> Option<Step> {
        let is_milder = match self.cause {
            Cause::Requested(before) => manner <= before,
            Cause::OutputClosed | Cause::Unattended => false,
            Cause::RecorderSignalled | Cause::TimedOut | Cause::Idle | Cause::NotReady => {
                manner <= ShutdownManner::Stop
            }
            Cause::JournalLost => true,
        };
        if is_milder {
            return None;
        }
        // That its time was up, or that it was of no use, stays the cause, however it is ended.
        if !matches!(self.cause, Cause::TimedOut | Cause::Idle | Cause::NotReady) {
            self.cause = Cause::Requested(manner);
        }
        match manner {
            ShutdownManner::Kill => self.kill(now),
            ShutdownManner::Stop | ShutdownManner::Finish => None,
        }
    }
}

fn first_step(cause: Cause, in_turn: bool) -> Step {
    match cause {
        Cause::Requested(ShutdownManner::Kill) | Cause::JournalLost => Step::Kill,
        Cause::Requested(ShutdownManner::Stop) | Cause::RecorderSignalled | Cause::TimedOut
            if in_turn =>
        {
            Step::Cancel
        }
        Cause::Requested(ShutdownManner::Stop | ShutdownManner::Finish)
        | Cause::RecorderSignalled
        | Cause::TimedOut
        | Cause::Idle
        | Cause::NotReady
        | Cause::Unattended
        | Cause::OutputClosed => Step::CloseInput,
    }
}

/// An agent's end, as far as it is to be put into words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    /// How its process ended.
    pub(crate) exit: Exit,
    /// Whether it was on a turn.
    pub(crate) in_turn: bool,
    /// Whether it was bound to end with its input.
    pub(crate) ends_with_input: bool,
    /// Why it never became ready, if that was said of it.
    pub(crate) unready: Option<&'a str>,
    /// The end of what it wrote to its standard error; it is said only of an end that went wrong.
    pub(crate) error_tail: &'a str,
}

/// What is to be said of an agent's end; `None` when it ended as it was meant to.
pub(crate) fn reason(ending: Option<&Ending>, ended: &Ended<'_>) -> Option<String> {
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
        Exit { .. } => format!("the agent ended{middle}, it is not known how"),
    };
    let with_tail = |text: String| match error_tail.trim() {
        "" => text,
        tail => format!("{text}; it said: {tail}"),
    };
    if let Some(unready) = unready {
        return Some(with_tail(unready.to_owned()));
    }
    let Some(ending) = ending else {
        return Some(with_tail(how));
    };
    let forced = match ending.step {
        Step::Cancel | Step::CloseInput => None,
        Step::Interrupt => Some("it took SIGINT to end the agent"),
        Step::Terminate => Some("it took SIGTERM to end the agent"),
        Step::Kill => Some("the agent was killed"),
    };
    let went_well =
        exit == Exit {
            code: Some(0),
            signal: None,
        } && !in_turn;
    match ending.cause {
        Cause::OutputClosed => match (forced, went_well) {
            // Closing its output is how a process usually ends.
            (None, _) => Some(with_tail(how)),
            (Some(forced), _) => Some(with_tail(format!("the agent closed its output; {forced}"))),
        },
        Cause::Requested(ShutdownManner::Finish) | Cause::Unattended => match forced {
            None if went_well => None,
            None => Some(with_tail(how)),
            // It had finished, and was not bound to go by itself.
            Some(_) if !ends_with_input && !in_turn => None,
            Some(forced) => Some(with_tail(format!(
                "{forced}: it did not end with its input"
            ))),
        },
        Cause::Requested(ShutdownManner::Stop | ShutdownManner::Kill) => {
            forced.map(ToOwned::to_owned)
        }
        Cause::TimedOut => Some("it took longer than its limit".to_owned()),
        Cause::NotReady => Some(with_tail("the agent did not become ready".to_owned())),
        Cause::Idle => Some("nobody prompted it within its limit while idle".to_owned()),
        Cause::RecorderSignalled => Some("the recorder was told to end by a signal".to_owned()),
        Cause::JournalLost => Some("the journal could not be written".to_owned()),
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

    fn steps(mut ending: Ending, mut now: Instant) -> Vec<Step> {
        let mut steps = vec![ending.step()];
        while let Some(deadline) = ending.deadline() {
            assert_eq!(ending.advance(now), None, "not before it is due");
            now = deadline;
            steps.extend(ending.advance(now));
        }
        steps
    }

    #[test]
    fn stopping_takes_every_step_and_finishing_does_not_cancel() {
        use Step::*;
        let now = Instant::now();
        let begin = |cause, in_turn| steps(Ending::begin(cause, in_turn, GRACE, now), now);
        let stop = Cause::Requested(ShutdownManner::Stop);
        assert_eq!(
            begin(stop, true),
            [Cancel, CloseInput, Interrupt, Terminate, Kill]
        );
        assert_eq!(begin(stop, false), [CloseInput, Interrupt, Terminate, Kill]);
        let finish = Cause::Requested(ShutdownManner::Finish);
        assert_eq!(
            begin(finish, true),
            [CloseInput, Interrupt, Terminate, Kill]
        );
        assert_eq!(begin(Cause::Requested(ShutdownManner::Kill), true), [Kill]);
    }

    #[test]
    fn only_a_more_forceful_request_changes_anything() {
        let now = Instant::now();
        let mut ending = Ending::begin(Cause::Requested(ShutdownManner::Stop), true, GRACE, now);
        assert_eq!(ending.insist(ShutdownManner::Finish, now), None);
        assert_eq!(ending.step(), Step::Cancel);
        assert_eq!(ending.insist(ShutdownManner::Kill, now), Some(Step::Kill));
        assert_eq!(ending.insist(ShutdownManner::Kill, now), None);
        assert_eq!(ending.deadline(), None);
    }

    #[test]
    fn a_lost_journal_kills_whatever_was_on_its_way() {
        let now = Instant::now();
        let mut ending = Ending::begin(Cause::Requested(ShutdownManner::Stop), true, GRACE, now);
        assert_eq!(ending.give_up(now), Some(Step::Kill));
        assert_eq!(ending.give_up(now), None);
        assert_eq!(ending.insist(ShutdownManner::Kill, now), None);
    }

    #[test]
    fn the_end_of_the_turn_is_not_waited_for_twice() {
        let now = Instant::now();
        let mut ending = Ending::begin(Cause::Requested(ShutdownManner::Stop), true, GRACE, now);
        ending.turn_ended(now);
        assert_eq!(ending.advance(now), Some(Step::CloseInput));
        ending.turn_ended(now);
        assert_eq!(
            ending.advance(now),
            None,
            "the end of the input has its own grace"
        );
    }

    #[test]
    fn reasons_say_how_it_was() {
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
            "the agent exited with code 3 in the middle of a turn; it said: boom"
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
        let finish = Ending::begin(Cause::Requested(ShutdownManner::Finish), false, GRACE, now);
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
            "it would not; it said: boom"
        );
    }
}

//! The description of an agent's end.

use crate::protocol::ShutdownManner;
use crate::shutdown::{AgentShutdown, ShutdownCause, ShutdownStep};

/// The exit status of an agent's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, if it exited.
    pub(crate) code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
}

impl Exit {
    /// The status of a process that reports success.
    const SUCCESS: Self = Self {
        code: Some(0),
        signal: None,
    };
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
pub(crate) fn reason(shutdown: Option<&AgentShutdown>, ended: &Ended<'_>) -> Option<String> {
    let &Ended {
        exit,
        in_turn,
        ends_with_input,
        unready,
        error_tail,
    } = ended;
    let how = how_it_ended(exit, in_turn);
    let with_tail = |text: String| match error_tail.trim() {
        "" => text,
        tail => format!("{text}; its last output: {tail}"),
    };
    if let Some(unready) = unready {
        return Some(with_tail(unready.to_owned()));
    }
    let Some(shutdown) = shutdown else {
        return Some(with_tail(how));
    };
    let forced = forced_by(shutdown.step());
    let went_well = exit == Exit::SUCCESS && !in_turn;
    match shutdown.cause() {
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
        ShutdownCause::FolderLost => Some("the folder of the session was removed".to_owned()),
        ShutdownCause::JournalLost => Some("the journal could not be written".to_owned()),
    }
}

fn how_it_ended(exit: Exit, in_turn: bool) -> String {
    let middle = if in_turn {
        " in the middle of a turn"
    } else {
        ""
    };
    match (exit.signal, exit.code) {
        (Some(signal), _) => format!(
            "the agent was killed by signal {signal}{}{middle}",
            signal_name(signal)
        ),
        (None, Some(code)) => format!("the agent exited with code {code}{middle}"),
        (None, None) => format!("the agent ended{middle} for an unknown reason"),
    }
}

/// Returns the step that ended the agent, unless the agent ended by itself.
const fn forced_by(step: ShutdownStep) -> Option<&'static str> {
    match step {
        ShutdownStep::Cancel | ShutdownStep::CloseInput => None,
        ShutdownStep::Interrupt => Some("SIGINT was needed to end the agent"),
        ShutdownStep::Terminate => Some("SIGTERM was needed to end the agent"),
        ShutdownStep::Kill => Some("the agent was killed"),
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
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

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
            ..ended(Exit::SUCCESS, false)
        };
        assert_eq!(reason(Some(&finish), &warned), None);
        assert_eq!(
            reason(Some(&finish), &ended(code(1), false)).unwrap(),
            "the agent exited with code 1"
        );
        let mut slow = finish;
        slow.advance(now + GRACE);
        let slowly = reason(Some(&slow), &ended(Exit::SUCCESS, false)).unwrap();
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

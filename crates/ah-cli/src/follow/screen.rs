//! Where a followed session is shown: lines on the standard output, and on the standard error the
//! spinner or the question that waits, always below the lines.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::failure::Failure;
use crate::style::{Colour, Line, Paint};
use crate::terminal::Terminal;
use crate::text;

const TICK: Duration = Duration::from_millis(100);
const FRAMES: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "];

/// The screen of one command.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal,
    foot: Foot,
}

/// What is below the lines.
#[derive(Debug)]
enum Foot {
    Nothing,
    Spinner(ProgressBar),
    /// A question whose answer is being typed behind it.
    Question(String),
}

impl Screen {
    /// A screen with nothing on it.
    pub(crate) const fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            foot: Foot::Nothing,
        }
    }

    /// The terminal it is on.
    pub(crate) const fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// Prints lines to the standard output, above the foot.
    pub(crate) fn print(&self, lines: &[Line]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        self.above_foot(|| self.terminal.print(lines))
    }

    /// Writes a line to the standard error, above the foot.
    pub(crate) fn note(&self, line: &Line) {
        self.above_foot(|| self.terminal.note(line));
    }

    /// Spins with these words behind the time since `elapsed` ago, where that can be shown.
    pub(crate) fn spin(&mut self, words: &str, elapsed: Duration) {
        if !self.terminal.can_spin() || matches!(self.foot, Foot::Question(_)) {
            return;
        }
        // The words come from the agent: a line makes them harmless.
        let words = Line::of(Paint::Plain, words).render(None, Colour::Plain);
        if let Foot::Spinner(bar) = &self.foot {
            if bar.message() != words {
                bar.set_message(words);
            }
            return;
        }
        let template = match self.terminal.stderr_colour() {
            Colour::Styled => "{spinner:.cyan} {time:.dim} {wide_msg}",
            Colour::Plain => "{spinner} {time} {wide_msg}",
        };
        let style = ProgressStyle::with_template(template)
            .expect("the templates above are well formed")
            .with_key(
                "time",
                |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // Whole seconds: the words beside it should not jump ten times a second.
                    out.write_str(&text::seconds(state.elapsed()))
                        .unwrap_or_default();
                },
            )
            .tick_strings(FRAMES);
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_style(style)
            .with_elapsed(elapsed)
            .with_message(words);
        bar.enable_steady_tick(TICK);
        self.foot = Foot::Spinner(bar);
    }

    /// Asks at the foot: `prompt` is what stands before the answer that is typed.
    pub(crate) fn ask(&mut self, prompt: &str) {
        self.clear_foot();
        self.foot = Foot::Question(prompt.to_owned());
        self.write_question();
    }

    /// Takes the spinner or the question away.
    pub(crate) fn clear_foot(&mut self) {
        match std::mem::replace(&mut self.foot, Foot::Nothing) {
            Foot::Nothing => {}
            Foot::Spinner(bar) => bar.finish_and_clear(),
            Foot::Question(_) => erase_line(),
        }
    }

    /// Notes that what was typed ended the line of the question.
    pub(crate) fn question_was_answered(&mut self) {
        if matches!(self.foot, Foot::Question(_)) {
            self.foot = Foot::Nothing;
        }
    }

    fn above_foot<R>(&self, write: impl FnOnce() -> R) -> R {
        match &self.foot {
            Foot::Nothing => write(),
            Foot::Spinner(bar) => bar.suspend(write),
            Foot::Question(_) => {
                erase_line();
                let result = write();
                self.write_question();
                result
            }
        }
    }

    fn write_question(&self) {
        if let Foot::Question(prompt) = &self.foot {
            let mut err = std::io::stderr();
            if let Err(error) = write!(err, "{prompt}").and_then(|()| err.flush()) {
                tracing::debug!(%error, "the question could not be written");
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear_foot();
    }
}

fn erase_line() {
    let mut err = std::io::stderr();
    if let Err(error) = write!(err, "\r\x1b[2K").and_then(|()| err.flush()) {
        tracing::debug!(%error, "the line could not be erased");
    }
}

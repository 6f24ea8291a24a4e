//! The output of a followed session: lines on standard output, and below them, on standard error,
//! the spinner or the pending question.

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

/// The last line, below the output.
#[derive(Debug)]
enum Foot {
    Nothing,
    Spinner(ProgressBar),
    /// A question whose answer is being typed.
    Question(String),
}

impl Screen {
    /// Creates an empty screen.
    pub(crate) const fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            foot: Foot::Nothing,
        }
    }

    /// Returns the terminal.
    pub(crate) const fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// Prints lines to standard output, above the foot.
    pub(crate) fn print(&self, lines: &[Line]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        self.above_foot(|| self.terminal.print(lines))
    }

    /// Writes a line to standard error, above the foot.
    pub(crate) fn note(&self, line: &Line) {
        self.above_foot(|| self.terminal.note(line));
    }

    /// Shows a spinner with the elapsed time and these words, if the terminal supports it.
    pub(crate) fn spin(&mut self, words: &str, elapsed: Duration) {
        if !self.terminal.can_spin() || matches!(self.foot, Foot::Question(_)) {
            return;
        }
        // The words come from the agent; rendering makes them harmless.
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
                    // Whole seconds, so that the text does not move ten times a second.
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

    /// Shows a prompt for an answer at the foot.
    pub(crate) fn ask(&mut self, prompt: &str) {
        self.clear_foot();
        self.foot = Foot::Question(prompt.to_owned());
        self.write_question();
    }

    /// Removes the spinner or the question.
    pub(crate) fn clear_foot(&mut self) {
        match std::mem::replace(&mut self.foot, Foot::Nothing) {
            Foot::Nothing => {}
            Foot::Spinner(bar) => bar.finish_and_clear(),
            Foot::Question(_) => erase_line(),
        }
    }

    /// Records that the typed line ended the line of the question.
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
                tracing::debug!(%error, "failed to write the question");
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
        tracing::debug!(%error, "failed to erase the line");
    }
}

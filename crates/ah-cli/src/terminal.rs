//! The standard streams of the command, inspected once.

use std::io::{IsTerminal, Write};

use rustix::termios::{QueueSelector, tcflush, tcgetwinsize};

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::style::{Colour, Line, Paint};
use crate::text;

/// The minimum width that output is fitted to. A narrower terminal wraps by itself.
const COLUMNS_MIN: usize = 20;

/// The standard streams of the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// True if standard output is a terminal.
    stdout_is_terminal: bool,
    /// True if standard error is a terminal with a movable cursor.
    stderr_has_cursor: bool,
    /// True if standard input is a terminal.
    stdin_is_terminal: bool,
    stdout_colour: Colour,
    stderr_colour: Colour,
}

impl Terminal {
    /// Inspects the standard streams. Colours depend on the terminal, `NO_COLOR`, `CLICOLOR` and
    /// `CLICOLOR_FORCE`; `no_color` overrides all of them.
    pub(crate) fn detect(no_color: bool) -> Self {
        let colour = |choice: anstream::ColorChoice| match choice {
            anstream::ColorChoice::Never => Colour::Plain,
            _ if no_color => Colour::Plain,
            _ => Colour::Styled,
        };
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_has_cursor: std::io::stderr().is_terminal() && !is_dumb,
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_colour: colour(anstream::AutoStream::choice(&std::io::stdout())),
            stderr_colour: colour(anstream::AutoStream::choice(&std::io::stderr())),
        }
    }

    /// Returns true if standard output is a terminal.
    pub(crate) const fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Returns true if standard error can show a spinner.
    pub(crate) const fn can_spin(&self) -> bool {
        self.stderr_has_cursor
    }

    /// Returns true if the user can answer a question here.
    pub(crate) const fn can_ask(&self) -> bool {
        self.stderr_has_cursor && self.stdin_is_terminal
    }

    /// Returns the style of standard error.
    pub(crate) const fn stderr_colour(&self) -> Colour {
        self.stderr_colour
    }

    /// Returns the current width of standard output; `None` if it is not a terminal, so nothing is
    /// cut.
    pub(crate) fn columns(&self) -> Option<usize> {
        if !self.stdout_is_terminal {
            return None;
        }
        columns_of(std::io::stdout())
    }

    /// Returns the current width of standard error; `None` if it is not a terminal.
    pub(crate) fn stderr_columns(&self) -> Option<usize> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        columns_of(std::io::stderr())
    }

    /// Returns the number of lines of a question that fit on the screen of standard error, together
    /// with its options.
    pub(crate) fn page_rows(&self) -> usize {
        /// The lines for the options and the prompt.
        const RESERVED: usize = 8;
        const ROWS_MIN: usize = 8;
        let rows = tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_row));
        rows.saturating_sub(RESERVED).max(ROWS_MIN)
    }

    /// Discards typed input that was not read yet.
    pub(crate) fn discard_input(&self) {
        if self.stdin_is_terminal
            && let Err(error) = tcflush(std::io::stdin(), QueueSelector::IFlush)
        {
            tracing::debug!(%error, "failed to discard the terminal's input");
        }
    }

    /// Writes lines to standard output, cut to its width.
    pub(crate) fn print(&self, lines: &[Line]) -> Result<(), Failure> {
        self.write(lines, self.columns())
    }

    /// Writes lines to standard output without cutting them.
    pub(crate) fn print_whole(&self, lines: &[Line]) -> Result<(), Failure> {
        self.write(lines, None)
    }

    fn write(&self, lines: &[Line], columns: Option<usize>) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        for line in lines {
            writeln!(out, "{}", line.render(columns, self.stdout_colour))
                .map_err(Failure::writing)?;
        }
        out.flush().map_err(Failure::writing)
    }

    /// Writes text to standard output unchanged.
    pub(crate) fn print_raw(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(Failure::writing)
    }

    /// Writes `value` to standard output as one line of JSON.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| {
            Failure::general("failed to write the result as JSON").caused_by(error)
        })?;
        self.print_raw(&(text::visible_json(&text) + "\n"))
    }

    /// Writes a line to standard error. A failure to write is only logged.
    pub(crate) fn note(&self, line: &Line) {
        let text = line.render(None, self.stderr_colour);
        if let Err(error) = writeln!(std::io::stderr(), "{text}") {
            tracing::debug!(%error, "failed to write to standard error");
        }
    }

    /// Writes a warning to standard error.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        self.note(&Line::of(Paint::Warn, "warning: ").with(Paint::Plain, text));
    }

    /// Writes a hint to standard error.
    pub(crate) fn hint(&self, text: impl AsRef<str>) {
        self.note(&Line::of(Paint::Accent, "hint: ").with(Paint::Plain, text));
    }

    /// Writes a command's failure to standard error, as one line of JSON if `json`, and returns the
    /// exit code.
    pub(crate) fn report(&self, failure: &Failure, json: bool) -> ExitCode {
        if failure.is_broken_pipe() {
            return ExitCode::Ok;
        }
        if json {
            let text = text::visible_json(&failure.to_json().to_string());
            if let Err(error) = writeln!(std::io::stderr(), "{text}") {
                tracing::debug!(%error, "failed to write to standard error");
            }
        } else {
            self.report_as_text(failure);
        }
        let mut cause = failure.cause();
        while let Some(error) = cause {
            tracing::debug!("caused by: {error}");
            cause = error.source();
        }
        failure.code()
    }
}

impl Terminal {
    fn report_as_text(&self, failure: &Failure) {
        let message = failure.to_string();
        // A message may quote a part of a file, which needs its line breaks.
        let mut lines = message.lines();
        let first = lines.next().unwrap_or_default();
        self.note(&Line::of(Paint::Bad, "error: ").with(Paint::Plain, first));
        for line in lines {
            self.note(&Line::of(Paint::Plain, line));
        }
        for hint in failure.hints() {
            self.hint(hint);
        }
    }
}

fn columns_of(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col).max(COLUMNS_MIN))
}

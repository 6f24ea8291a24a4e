//! What the command's standard streams are connected to, found out once.

use std::io::{IsTerminal, Write};

use rustix::termios::{QueueSelector, tcflush, tcgetwinsize};

use crate::failure::Failure;
use crate::style::{Colour, Line, Paint};

/// The narrowest terminal that output is fitted to; a narrower one wraps by itself.
const COLUMNS_MIN: usize = 20;

/// The standard streams of this command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Whether the standard output is a terminal.
    stdout_is_terminal: bool,
    /// Whether the standard error is a terminal whose cursor can be moved.
    stderr_has_cursor: bool,
    /// Whether somebody can type an answer.
    stdin_is_terminal: bool,
    stdout_colour: Colour,
    stderr_colour: Colour,
}

impl Terminal {
    /// Looks at the standard streams. Colours follow what the terminal can do, `NO_COLOR`,
    /// `CLICOLOR` and `CLICOLOR_FORCE`; `no_color` overrules them all.
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

    /// Whether the standard output is a terminal, so that a person reads it.
    pub(crate) const fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Whether a spinner may be drawn on the standard error.
    pub(crate) const fn can_spin(&self) -> bool {
        self.stderr_has_cursor
    }

    /// Whether a question can be asked here, and answered.
    pub(crate) const fn can_ask(&self) -> bool {
        self.stderr_has_cursor && self.stdin_is_terminal
    }

    /// How the standard error is styled.
    pub(crate) const fn stderr_colour(&self) -> Colour {
        self.stderr_colour
    }

    /// The columns of the standard output as they are now; `None` when it is not a terminal, and
    /// nothing is cut.
    pub(crate) fn columns(&self) -> Option<usize> {
        if !self.stdout_is_terminal {
            return None;
        }
        columns_of(std::io::stdout())
    }

    /// Forgets what was typed and not read yet.
    pub(crate) fn forget_typed(&self) {
        if self.stdin_is_terminal
            && let Err(error) = tcflush(std::io::stdin(), QueueSelector::IFlush)
        {
            tracing::debug!(%error, "the terminal's input could not be flushed");
        }
    }

    /// Writes lines to the standard output, cut to its width.
    pub(crate) fn print(&self, lines: &[Line]) -> Result<(), Failure> {
        self.write(lines, self.columns())
    }

    /// Writes lines to the standard output, however long they are.
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

    /// Writes text to the standard output exactly as it is.
    pub(crate) fn print_raw(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(Failure::writing)
    }

    /// Writes `value` to the standard output as one line of JSON.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| {
            Failure::general("the result could not be written as JSON").caused_by(error)
        })?;
        self.print_raw(&(text + "\n"))
    }

    /// Writes a line to the standard error. That nobody can read it there is no reason to fail.
    pub(crate) fn note(&self, line: &Line) {
        let text = line.render(None, self.stderr_colour);
        if let Err(error) = writeln!(std::io::stderr(), "{text}") {
            tracing::debug!(%error, "the standard error could not be written to");
        }
    }

    /// Writes a hint to the standard error.
    pub(crate) fn hint(&self, text: impl AsRef<str>) {
        self.note(&Line::of(Paint::Accent, "hint: ").with(Paint::Plain, text));
    }
}

fn columns_of(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col).max(COLUMNS_MIN))
}

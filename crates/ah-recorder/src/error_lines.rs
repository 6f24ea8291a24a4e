//! The agent's standard error as lines of the session's log.
//!
//! It is unbounded text of a program, so the number and the length of the lines have limits, and a
//! slow log never makes the agent wait. `recorder.log` has more of it.

use tokio::sync::mpsc;

/// The maximum number of lines in the log of a session.
const LINES_MAX: usize = 500;

/// The maximum length of a line, in bytes.
const LINE_BYTES_MAX: usize = 2 * 1024;

/// The maximum number of lines that wait: all of them, and the note at the end.
pub(crate) const ERROR_LINES_WAITING_MAX: usize = LINES_MAX + 1;

/// Splits standard error into lines and sends them to the session.
#[derive(Debug)]
pub(crate) struct ErrorLines {
    lines: mpsc::Sender<String>,
    /// The begin of a line.
    partial: Vec<u8>,
    sent: usize,
    dropped: usize,
}

impl ErrorLines {
    pub(crate) const fn new(lines: mpsc::Sender<String>) -> Self {
        Self {
            lines,
            partial: Vec::new(),
            sent: 0,
            dropped: 0,
        }
    }

    /// Takes a piece of standard error.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
            self.partial.extend(&piece[..piece.len().min(room)]);
            if pieces.peek().is_some() {
                self.send_line();
            }
        }
    }

    /// Sends the last line, and the number of the lines that are missing in the log.
    pub(crate) fn end(&mut self) {
        self.send_line();
        if self.dropped > 0 {
            let note = format!("[{} further lines are in recorder.log only]", self.dropped);
            // The receiver may be gone.
            self.lines.try_send(note).ok();
        }
    }

    fn send_line(&mut self) {
        let line = String::from_utf8_lossy(&self.partial).trim_end().to_owned();
        self.partial.clear();
        if line.is_empty() {
            return;
        }
        if self.sent < LINES_MAX && self.lines.try_send(line).is_ok() {
            self.sent += 1;
        } else {
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]], room: usize) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(room);
        let mut lines = ErrorLines::new(sender);
        for piece in pieces {
            lines.take(piece);
        }
        lines.end();
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    #[test]
    fn pieces_are_joined_to_lines() {
        let pieces: [&[u8]; 4] = [b"one", b" line\r\n\n", b"two\nth", b"ree"];
        assert_eq!(lines_of(&pieces, 10), ["one line", "two", "three"]);
    }

    #[test]
    fn number_and_length_of_lines_are_limited() {
        let long = vec![b'x'; 2 * LINE_BYTES_MAX];
        assert_eq!(lines_of(&[&long], 10)[0].len(), LINE_BYTES_MAX);
        let many = "line\n".repeat(LINES_MAX + 7);
        let lines = lines_of(&[many.as_bytes()], 2 * LINES_MAX);
        assert_eq!(lines.len(), LINES_MAX + 1);
        assert_eq!(
            lines[LINES_MAX],
            "[7 further lines are in recorder.log only]"
        );
    }
}

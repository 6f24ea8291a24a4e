//! The recorder's log, a file of bounded size.

use std::io::{self, Write};
use std::os::fd::AsFd;

/// The maximum size of a recorder's records in its log, in bytes. The agent's standard error, which
/// is in the same file, has a limit of its own.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The last line of a log that has reached its limit.
const LAST_LINE: &[u8] = b"[the log has reached its size limit; further records are dropped]\n";

/// A writer of log records that drops what exceeds its limit. The first record that is dropped is
/// replaced by a line that says so.
///
/// Each call of [`Write::write`] is one record, as the formatters of `tracing` make it.
#[derive(Debug)]
pub struct BoundedLog<W> {
    output: W,
    /// The number of bytes that may still be written; `None` after the last line.
    left: Option<u64>,
}

impl BoundedLog<io::Stderr> {
    /// Creates the log of a recorder, whose standard error is the file `recorder.log` of its
    /// session. The file's current size counts.
    #[must_use]
    pub fn on_stderr() -> Self {
        let output = io::stderr();
        // A stream that is not a file has the size 0. One that cannot be queried counts as empty.
        let size = rustix::fs::fstat(output.as_fd()).map_or(0, |stat| stat.st_size);
        let size = u64::try_from(size).unwrap_or_default();
        Self::new(output, LOG_BYTES_MAX.saturating_sub(size))
    }
}

impl<W: Write> BoundedLog<W> {
    const fn new(output: W, bytes_max: u64) -> Self {
        Self {
            output,
            left: Some(bytes_max),
        }
    }
}

impl<W: Write> Write for BoundedLog<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left else {
            return Ok(record.len());
        };
        // Widening: a length in memory fits 64 bits.
        self.left = left.checked_sub(record.len() as u64);
        let text = if self.left.is_some() {
            record
        } else {
            LAST_LINE
        };
        self.output.write_all(text)?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_ends_with_a_line_that_says_so() {
        let mut log = BoundedLog::new(Vec::new(), 10);
        for record in ["first\n", "2nd\n", "third\n", "4\n"] {
            log.write_all(record.as_bytes()).unwrap();
        }
        let written = String::from_utf8(log.output).unwrap();
        let last = String::from_utf8_lossy(LAST_LINE);
        assert_eq!(written, format!("first\n2nd\n{last}"));
    }
}

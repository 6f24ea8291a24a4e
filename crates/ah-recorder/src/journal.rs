//! The journal: an append-only file of [`JournalRecord`]s, one per line.
//!
//! A line without its line break is ignored, so a reader never sees a partial record. The file is
//! not synced: it outlives any process, and a machine that crashes ends the agent too.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{ErrorEvent, EventPayload};

use crate::protocol::{JournalEntry, JournalRecord, LINE_BYTES_MAX};
use ah_agents::SessionFolder;

/// The maximum size that a frame of the protocol adds to a record, in bytes.
const FRAME_BYTES_MAX: usize = 1024;

/// The maximum length of a line of the journal, including its line break, in bytes.
const RECORD_BYTES_MAX: usize = LINE_BYTES_MAX - FRAME_BYTES_MAX;

/// The size of one read from the file, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// The error of reading or writing a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be read or written.
    #[error("could not {doing} the journal {}", path.display())]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The journal.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line is not a record.
    #[error("the journal {} has no record at byte {offset}", path.display())]
    Malformed {
        /// The journal.
        path: PathBuf,
        /// The start of the line, in bytes from the start of the file.
        offset: u64,
        /// The parse error.
        source: serde_json::Error,
    },
}

impl JournalError {
    /// Returns true if the disk took no data for now: it is full, or mounted read-only. The journal
    /// can be written again once it takes data.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Io { source, .. } if matches!(
                source.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
            )
        )
    }

    /// Returns one error with the message of this one and of its source, to be printed as one line.
    pub(crate) fn into_io(self) -> io::Error {
        match &self {
            Self::Io { source, .. } => io::Error::new(source.kind(), format!("{self}: {source}")),
            Self::Malformed { .. } => io::Error::other(self),
        }
    }
}

/// Reads at most `limit` records of the journal in `folder` from byte `from` on, each with the
/// position of the next one. A missing journal has no records.
///
/// # Errors
/// Returns an error if the file cannot be read, or if a complete line is not a record.
pub fn read_from(
    folder: &SessionFolder,
    from: u64,
    limit: usize,
) -> Result<Vec<(JournalRecord, u64)>, JournalError> {
    let path = folder.journal();
    let mut cursor = match JournalCursor::open(&path, from) {
        Ok(cursor) => cursor,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(JournalError::Io {
                doing: "open",
                path,
                source,
            });
        }
    };
    let mut records = Vec::new();
    while records.len() < limit {
        let offset = cursor.position();
        let line = match cursor.next_line() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(source) => {
                return Err(JournalError::Io {
                    doing: "read",
                    path,
                    source,
                });
            }
        };
        match serde_json::from_slice(line) {
            Ok(record) => records.push((record, cursor.position())),
            Err(source) => {
                return Err(JournalError::Malformed {
                    path,
                    offset,
                    source,
                });
            }
        }
    }
    Ok(records)
}

/// A position in a journal, and a reader of the lines from there on.
#[derive(Debug)]
pub(crate) struct JournalCursor {
    file: File,
    /// The start of the next line.
    position: u64,
    /// The bytes that were read from `position - consumed` on.
    buffer: Vec<u8>,
    /// The number of bytes of the buffer that were returned.
    consumed: usize,
}

impl JournalCursor {
    pub(crate) fn open(path: &Path, position: u64) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            position,
            buffer: Vec::new(),
            consumed: 0,
        })
    }

    /// Returns the start of the next line, in bytes from the start of the file.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Returns true if a line begins at the cursor.
    pub(crate) fn is_between_lines(&self) -> io::Result<bool> {
        let Some(before) = self.position.checked_sub(1) else {
            return Ok(true);
        };
        let mut byte = [0];
        Ok(self.file.read_at(&mut byte, before)? == 1 && byte == *b"\n")
    }

    /// Returns the next line without its line break, once it is complete.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        let mut searched = 0;
        let end = loop {
            if let Some(found) = self.buffer[searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            {
                break searched + found;
            }
            searched = self.buffer.len();
            if searched > LINE_BYTES_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the line at byte {} is too long", self.position),
                ));
            }
            self.buffer.resize(searched + CHUNK_BYTES, 0);
            // Widening: a buffer's length fits 64 bits.
            let at = self.position + searched as u64;
            let read = self.file.read_at(&mut self.buffer[searched..], at);
            self.buffer
                .truncate(searched + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(None);
            }
        };
        self.consumed = end + 1;
        self.position += self.consumed as u64;
        Ok(Some(&self.buffer[..end]))
    }
}

/// The recorder's writer of the journal.
#[derive(Debug)]
pub(crate) struct JournalWriter {
    file: File,
    path: PathBuf,
    len: u64,
    /// True if the file may be longer than `len`, because a partial line could not be removed.
    is_torn: bool,
    /// The lines of the current write; kept to reuse its memory.
    batch: Vec<u8>,
    /// The end of each line, in bytes from the start of the file.
    ends: Vec<u64>,
}

impl JournalWriter {
    /// Returns true if the path of the journal leads to another file, or to none. No other process
    /// can find what is written then.
    pub(crate) fn is_lost(&self) -> bool {
        let identity = |found: &Metadata| (found.dev(), found.ino());
        match (self.file.metadata(), self.path.metadata()) {
            (Ok(own), Ok(found)) => identity(&own) != identity(&found),
            (Ok(_), Err(error)) => matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ),
            // Other errors can pass.
            (Err(_), _) => false,
        }
    }

    /// Opens the journal of `folder`, or creates it.
    pub(crate) fn open(folder: &SessionFolder) -> Result<Self, JournalError> {
        let path = folder.journal();
        let open = || {
            let file = File::options()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        };
        match open() {
            Ok((file, len)) => Ok(Self {
                file,
                path,
                len,
                is_torn: false,
                batch: Vec::new(),
                ends: Vec::new(),
            }),
            Err(source) => Err(JournalError::Io {
                doing: "open",
                path,
                source,
            }),
        }
    }

    /// Returns the length in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Appends `records` with one write and returns the end of each, in bytes from the start of the
    /// file.
    ///
    /// A partial write (the disk is full) is truncated, now or before the next write, so that every
    /// record begins after a complete line.
    pub(crate) fn append(&mut self, records: &[JournalRecord]) -> Result<&[u64], JournalError> {
        self.batch.clear();
        self.ends.clear();
        for record in records {
            encode(record, &mut self.batch);
            // Widening: a buffer's length fits 64 bits.
            self.ends.push(self.len + self.batch.len() as u64);
        }
        if records.is_empty() {
            return Ok(&self.ends);
        }
        if let Err(source) = self.write_batch() {
            return Err(JournalError::Io {
                doing: "append to",
                path: self.path.clone(),
                source,
            });
        }
        self.len += self.batch.len() as u64;
        Ok(&self.ends)
    }

    fn write_batch(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.len)?;
            self.is_torn = false;
        }
        let written = self.file.write_all(&self.batch);
        if written.is_err() {
            self.is_torn = self.file.set_len(self.len).is_err();
        }
        written
    }
}

/// Appends the line of `record` to `lines`. A record that is too long for a line is replaced by an
/// error event, so that the loss is visible.
fn encode(record: &JournalRecord, lines: &mut Vec<u8>) {
    let start = lines.len();
    let written = serde_json::to_writer(&mut *lines, record);
    let size = lines.len() - start;
    let complaint = match written {
        Ok(()) if size < RECORD_BYTES_MAX => {
            lines.push(b'\n');
            return;
        }
        Ok(()) => format!("a record of {size} bytes was left out of the journal: it is too long"),
        Err(error) => format!("a record was left out of the journal: {error}"),
    };
    lines.truncate(start);
    let substitute = JournalRecord {
        ts: record.ts,
        entry: JournalEntry::Event(EventPayload::Error(ErrorEvent::new(complaint))),
        raw: None,
    };
    // An error event with a short text always fits, so the recursion ends.
    encode(&substitute, lines);
}

#[cfg(test)]
mod tests;

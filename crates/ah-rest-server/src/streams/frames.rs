//! A cache of encoded frames, each shared by all its readers.

use std::sync::{Mutex, PoisonError};

use ah_rest_api_contract::{EncodedEvent, LogCursor, sse};
use bytes::Bytes;

/// The number of cached frames of each kind. Readers that are further apart do not share frames.
const KEPT: usize = 1024;
/// The maximum size of a cached frame. The cached frames take at most 16 MiB; larger ones are
/// encoded for each reader.
const KEPT_BYTES_MAX: usize = 8 * 1024;

/// The cached frames.
pub(crate) struct Frames {
    of_sessions: Kept,
    of_all: Kept,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            of_sessions: Kept::new(),
            of_all: Kept::new(),
        }
    }
}

impl Frames {
    /// Returns the frame of an event in a stream of its session.
    pub(crate) fn of_session(&self, event: &EncodedEvent) -> Bytes {
        self.of_sessions.get(event.cursor, || {
            sse::encode_event(event.seq, event.event_type, &event.json)
        })
    }

    /// Returns the frame of an event in a stream of many sessions.
    pub(crate) fn of_all(&self, event: &EncodedEvent) -> Bytes {
        self.of_all.get(event.cursor, || {
            sse::encode_event_at(event.cursor, event.event_type, &event.json)
        })
    }
}

/// A frame and its cursor.
type Slot = (LogCursor, Bytes);

/// A table of frames by their cursor among the events of all sessions. A cursor is never used
/// twice; a later one takes the slot of an earlier one.
struct Kept {
    /// Each lock protects one frame and is not held across waits.
    slots: Box<[Mutex<Option<Slot>>]>,
}

impl Kept {
    fn new() -> Self {
        Self {
            slots: (0..KEPT).map(|_| Mutex::new(None)).collect(),
        }
    }

    fn get(&self, cursor: LogCursor, encode: impl FnOnce() -> String) -> Bytes {
        // The remainder is below KEPT, which is a usize.
        let index = (cursor.get() % KEPT as u64) as usize;
        let mut slot = self.slots[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((at, frame)) = slot.as_ref()
            && *at == cursor
        {
            return frame.clone();
        }
        let frame = Bytes::from(encode());
        if frame.len() <= KEPT_BYTES_MAX {
            *slot = Some((cursor, frame.clone()));
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_frame_is_encoded_once() {
        let kept = Kept::new();
        let place = LogCursor::new(7);
        let first = kept.get(place, || "frame".to_owned());
        let second = kept.get(place, || unreachable!("it is kept"));
        assert_eq!(first.as_ptr(), second.as_ptr());
        let later = kept.get(LogCursor::new(7 + KEPT as u64), || "later".to_owned());
        assert_eq!(later, "later");
        assert_eq!(kept.get(place, || "again".to_owned()), "again");
    }

    #[test]
    fn large_frame_is_not_cached() {
        let kept = Kept::new();
        let large = "x".repeat(KEPT_BYTES_MAX + 1);
        kept.get(LogCursor::new(1), || large.clone());
        assert_eq!(kept.get(LogCursor::new(1), || "again".to_owned()), "again");
    }
}

//! Frames, each encoded once for all who read it.

use std::sync::{Arc, Mutex, PoisonError};

use ah_rest_api_contract::{LogCursor, sse};
use ah_store::{EventRow, LogPosition};
use bytes::Bytes;

/// How many frames are kept of each kind: what a crowd of readers is apart at most.
const KEPT: usize = 1024;
/// Larger frames are encoded for each reader, so that those that are kept take at most 16 MiB.
const KEPT_BYTES_MAX: usize = 8 * 1024;

/// The frames that were encoded last.
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
    /// The frame of an event in a stream of its session.
    pub(crate) fn of_session(&self, row: &Arc<EventRow>) -> Bytes {
        self.of_sessions.get(row.position, || {
            sse::encode_event(row.seq, row.event_type, &row.json)
        })
    }

    /// The frame of an event in a stream of many sessions.
    pub(crate) fn of_all(&self, row: &Arc<EventRow>) -> Bytes {
        self.of_all.get(row.position, || {
            sse::encode_event_at(LogCursor::new(row.position.0), row.event_type, &row.json)
        })
    }
}

/// A frame and its place.
type Slot = (LogPosition, Bytes);

/// A table of frames by their place among the events of all sessions. Places are never used twice,
/// so what is found is what is looked for; a later one takes the slot of an earlier one.
struct Kept {
    /// Each protects one frame: nothing waits while it is held.
    slots: Box<[Mutex<Option<Slot>>]>,
}

impl Kept {
    fn new() -> Self {
        Self {
            slots: (0..KEPT).map(|_| Mutex::new(None)).collect(),
        }
    }

    fn get(&self, position: LogPosition, encode: impl FnOnce() -> String) -> Bytes {
        // The remainder is below KEPT, which is a usize.
        let index = (position.0 % KEPT as u64) as usize;
        let mut slot = self.slots[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((at, frame)) = slot.as_ref()
            && *at == position
        {
            return frame.clone();
        }
        let frame = Bytes::from(encode());
        if frame.len() <= KEPT_BYTES_MAX {
            *slot = Some((position, frame.clone()));
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_encoded_once_while_it_is_kept() {
        let kept = Kept::new();
        let place = LogPosition(7);
        let first = kept.get(place, || "frame".to_owned());
        let second = kept.get(place, || unreachable!("it is kept"));
        assert_eq!(first.as_ptr(), second.as_ptr());
        let later = kept.get(LogPosition(7 + KEPT as u64), || "later".to_owned());
        assert_eq!(later, "later");
        assert_eq!(kept.get(place, || "again".to_owned()), "again");
    }

    #[test]
    fn a_frame_that_is_large_is_not_kept() {
        let kept = Kept::new();
        let large = "x".repeat(KEPT_BYTES_MAX + 1);
        kept.get(LogPosition(1), || large.clone());
        assert_eq!(kept.get(LogPosition(1), || "again".to_owned()), "again");
    }
}

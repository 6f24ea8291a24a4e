//! A write, prepared by its caller.

use ah_store::{SessionWrite, StoreError};

use crate::encode::EventText;
use crate::error::backend;

/// The most events of one write.
const EVENTS_MAX: usize = 1000;

/// A write whose events are encoded.
pub(crate) struct PreparedWrite {
    /// The write, without its events.
    pub(super) write: SessionWrite,
    pub(super) events: Vec<EventText>,
}

impl PreparedWrite {
    pub(crate) fn new(mut write: SessionWrite) -> Result<Self, StoreError> {
        if write.events.len() > EVENTS_MAX {
            let what = format!("{} events are more than {EVENTS_MAX}", write.events.len());
            return Err(backend("take a write", what));
        }
        let events = std::mem::take(&mut write.events)
            .iter()
            .map(|event| EventText::new(write.session, event))
            .collect::<Result<_, _>>()?;
        Ok(Self { write, events })
    }

    /// Returns the approximate size of its events and attachments in bytes.
    pub(crate) fn size(&self) -> usize {
        let events: usize = self.events.iter().map(EventText::size).sum();
        let parts = self.write.attachments.iter().map(|part| part.data.len());
        events + parts.sum::<usize>()
    }
}

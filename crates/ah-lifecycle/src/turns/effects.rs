//! The results of an input to a conversation, and the moment of an input.

use std::time::Instant;

use ah_rest_api_contract::{EphemeralEvent, ErrorEvent, EventPayload, Log, LogLevel, Timestamp};

use crate::{Fact, JournalEntry, JournalRecord};

/// One moment by two clocks: the one that is recorded and the one that timers use.
///
/// The owner of a conversation reads the clocks; this crate only compares and adds.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub tick: Instant,
}

/// The results of inputs, to be applied in order: the records are written first, then the agent
/// receives its input and readers receive the ephemeral events.
#[derive(Debug, Default)]
pub struct Effects {
    /// The records to append to the journal.
    pub records: Vec<JournalRecord>,
    /// The input for the agent's process.
    pub to_agent: Vec<u8>,
    /// The ephemeral events, each with the number of [`Effects::records`] that precede it.
    pub ephemeral: Vec<(usize, EphemeralEvent)>,
}

impl Effects {
    /// Adds the results of a later input.
    pub fn extend(&mut self, later: Self) {
        let before = self.records.len();
        self.records.extend(later.records);
        self.to_agent.extend(later.to_agent);
        let ephemeral = later.ephemeral.into_iter();
        self.ephemeral
            .extend(ephemeral.map(|(place, event)| (before + place, event)));
    }

    /// Adds a record.
    pub fn record(&mut self, at: Moment, entry: JournalEntry) {
        self.records.push(JournalRecord {
            ts: at.wall,
            entry,
            raw: None,
        });
    }

    /// Adds a fact.
    pub fn fact(&mut self, at: Moment, fact: Fact) {
        self.record(at, JournalEntry::Fact(fact));
    }

    /// Adds an event.
    pub fn event(&mut self, at: Moment, event: EventPayload) {
        self.record(at, JournalEntry::Event(event));
    }

    /// Adds an `error` event.
    pub fn error(&mut self, at: Moment, message: impl Into<String>) {
        let message = message.into();
        self.event(at, EventPayload::Error(ErrorEvent::new(message)));
    }

    /// Adds a `log` event.
    pub fn log(&mut self, at: Moment, level: LogLevel, message: impl Into<String>) {
        let log = Log::new(level, message);
        self.event(at, EventPayload::Log(log));
    }

    /// Adds an ephemeral event after the records so far.
    pub fn ephemeral(&mut self, event: EphemeralEvent) {
        self.ephemeral.push((self.records.len(), event));
    }
}

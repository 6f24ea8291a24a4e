//! One session: its state, its log, and its recorder and agent, which are played in memory.
//!
//! Each method applies to a given moment and returns at once. The owner of the session calls
//! [`MockSession::advance`] after each decision, and at the time that the last call returned.

mod advance;
mod agent;
mod attachments;
mod recorder;
mod requests;

use std::sync::Arc;

use ah_lifecycle::{
    Change, Decision, JournalPosition, JournalRecord, Launch, NewEvent, Refusal, SessionRecord,
    View, ingest, start,
};
use ah_rest_api_contract::{
    AttachmentContent, AttachmentHash, EphemeralEvent, EventPayload, EventSeq, RECENT_EVENTS_MAX,
    Session, SessionEvent, SessionId, SessionStatus, TaskManagerError, Timestamp,
};
use tokio::sync::{Notify, broadcast, watch};

use crate::changes::Changes;
use attachments::Attachments;
use recorder::Recorder;
pub(crate) use recorder::{Setup, Times};

/// How many ephemeral events a reader may be behind before it loses some.
const BEHIND_MAX: usize = 256;

/// One session.
pub(crate) struct MockSession {
    view: View,
    log: Vec<SessionEvent>,
    changes: Changes,
    attachments: Attachments,
    recorder: Recorder,
    head: watch::Sender<EventSeq>,
    ephemeral: broadcast::Sender<EphemeralEvent>,
    wake: Arc<Notify>,
}

impl MockSession {
    /// Creates a queued session.
    pub(crate) fn new(session: Session, launch: Launch, setup: Setup, now: Timestamp) -> Self {
        let mut new = Self::without_log(session, launch, setup);
        new.append(vec![NewEvent::queued(now)]);
        new
    }

    /// Creates a session with its log.
    pub(crate) fn recorded(session: Session, log: Vec<SessionEvent>, setup: Setup) -> Self {
        let mut launch = Launch::new("");
        launch.source.clone_from(&session.repo.url);
        launch.commit.clone_from(&session.repo.commit);
        let mut recorded = Self::without_log(session, launch, setup);
        for event in &log {
            if let EventPayload::FileEdit(edit) = &event.payload {
                recorded.changes.edit(edit, event.ts);
            }
        }
        let last = log.last().map_or(EventSeq::START, |event| event.seq);
        recorded.view.record.session.last_seq = last;
        recorded.head.send_replace(last);
        recorded.log = log;
        recorded
    }

    fn without_log(session: Session, launch: Launch, setup: Setup) -> Self {
        Self {
            view: View {
                record: SessionRecord::new(session, launch),
                prompts: Vec::new(),
                permissions: Vec::new(),
            },
            log: Vec::new(),
            changes: Changes::default(),
            attachments: Attachments::default(),
            recorder: Recorder::new(setup),
            head: watch::Sender::new(EventSeq::START),
            ephemeral: broadcast::Sender::new(BEHIND_MAX),
            wake: Arc::default(),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.view.record.id()
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    pub(crate) fn session(&self) -> &Session {
        &self.view.record.session
    }

    pub(crate) fn status(&self) -> SessionStatus {
        self.session().status
    }

    pub(crate) fn log(&self) -> &[SessionEvent] {
        &self.log
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Returns an attachment of the session.
    pub(crate) fn attachment(
        &self,
        hash: AttachmentHash,
    ) -> Result<AttachmentContent, TaskManagerError> {
        self.attachments.get(hash)
    }

    /// Returns the head of the log, which also moves when the session's state has changed.
    pub(crate) fn watch(&self) -> watch::Receiver<EventSeq> {
        self.head.subscribe()
    }

    /// Returns the ephemeral events from now on.
    pub(crate) fn watch_ephemeral(&self) -> broadcast::Receiver<EphemeralEvent> {
        self.ephemeral.subscribe()
    }

    /// Returns the notification that [`MockSession::advance`] is due earlier than it returned.
    pub(crate) fn waker(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Applies a decision and wakes the session. Returns true if anything changed.
    pub(crate) fn take(&mut self, decision: Decision) -> bool {
        match decision {
            Decision::Unchanged => false,
            Decision::Change(change) => {
                self.apply(*change);
                self.wake.notify_one();
                true
            }
        }
    }

    /// Gives the session its slot.
    pub(crate) fn claim(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let change = start::claimed(&self.view.record, now)?;
        self.apply(change);
        Ok(())
    }

    fn apply(&mut self, change: Change) {
        self.view.apply(&change);
        if self.status() == SessionStatus::Cancelled || self.view.record.hidden {
            self.attachments.erase();
        }
        self.append(change.events);
    }

    /// Applies a record of the recorder.
    fn ingest(&mut self, record: JournalRecord) -> Result<(), Refusal> {
        let position = JournalPosition(self.view.record.journal.0 + 1);
        let now = record.ts;
        // This applies the change to the view as well.
        let ingested = ingest::convert(&mut self.view, &[(record, position)])?;
        for part in &ingested.change.attachments {
            self.attachments.add(part);
        }
        let mut edits = 0;
        for event in &ingested.change.events {
            if let EventPayload::FileEdit(edit) = &event.payload {
                self.changes.edit(edit, now);
                edits += 1;
            }
        }
        self.append(ingested.change.events);
        if edits > 0 {
            self.count_changes(now);
        }
        Ok(())
    }

    /// Updates the size of the session's changes.
    fn count_changes(&mut self, now: Timestamp) {
        let change = Change::of_count(self.session(), self.changes.summary(), now);
        if change != Change::default() {
            self.apply(change);
        }
    }

    fn show(&self, event: EphemeralEvent) {
        // Without readers there is nothing to send to.
        self.ephemeral.send(event).ok();
    }

    fn append(&mut self, events: Vec<NewEvent>) {
        let session = &mut self.view.record.session;
        for NewEvent { ts, payload } in events {
            session.last_seq = session.last_seq.next();
            let event = SessionEvent::new(session.last_seq, ts, session.id, payload);
            if event.payload.is_recent_activity() {
                if session.recent_events.len() == RECENT_EVENTS_MAX {
                    session.recent_events.remove(0);
                }
                session.recent_events.push(event.clone());
            }
            self.log.push(event);
        }
        if session.status.is_terminal() {
            session.recent_events.clear();
        }
        self.head.send_replace(session.last_seq);
    }
}

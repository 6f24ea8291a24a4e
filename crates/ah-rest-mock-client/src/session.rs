//! One session: its state, its log, and the recorder and agent that are played for it.
//!
//! Everything here happens at a given moment and at once; nothing waits. Whoever owns the session
//! calls [`MockSession::advance`] when something was decided and when the moment has come that it
//! names.

mod recorder;

use std::sync::Arc;

use ah_lifecycle::{
    Change, Decision, JournalEntry, JournalPosition, JournalRecord, Launch, NewEvent, Refusal,
    SessionRecord, View, create, ingest, start,
};
use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, EventSeq, RECENT_EVENTS_MAX, Session, SessionEvent, SessionId,
    SessionStatus, Timestamp,
};
use tokio::sync::{Notify, broadcast, watch};

use crate::changes::Changes;
use recorder::Recorder;
pub(crate) use recorder::{Moment, Stage, Times};

/// How many ephemeral events a reader may be behind before it loses some.
const BEHIND_MAX: usize = 256;

/// One session.
pub(crate) struct MockSession {
    view: View,
    log: Vec<SessionEvent>,
    changes: Changes,
    recorder: Recorder,
    head: watch::Sender<EventSeq>,
    ephemeral: broadcast::Sender<EphemeralEvent>,
    wake: Arc<Notify>,
}

impl MockSession {
    /// A queued session.
    pub(crate) fn new(session: Session, launch: Launch, stage: Stage, now: Timestamp) -> Self {
        let mut new = Self {
            view: View {
                record: SessionRecord::new(session, launch),
                prompts: Vec::new(),
                permissions: Vec::new(),
            },
            log: Vec::new(),
            changes: Changes::default(),
            recorder: Recorder::new(stage),
            head: watch::Sender::new(EventSeq::START),
            ephemeral: broadcast::Sender::new(BEHIND_MAX),
            wake: Arc::default(),
        };
        new.append(vec![create::queued(now)]);
        new
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

    /// Where the log stands, now and whenever it or the session's state has moved.
    pub(crate) fn watch(&self) -> watch::Receiver<EventSeq> {
        self.head.subscribe()
    }

    /// What is shown besides the log, from now on.
    pub(crate) fn watch_ephemeral(&self) -> broadcast::Receiver<EphemeralEvent> {
        self.ephemeral.subscribe()
    }

    /// Told whenever [`MockSession::advance`] is due before the moment that it named.
    pub(crate) fn waker(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Carries out what was decided, and has the agent learn of it. Says whether there was
    /// anything.
    pub(crate) fn take(&mut self, decision: Decision, now: Timestamp) -> bool {
        match decision {
            Decision::Unchanged => false,
            Decision::Change(change) => {
                self.apply(*change, now);
                self.wake.notify_one();
                true
            }
        }
    }

    /// Gives the session its slot.
    pub(crate) fn claim(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let change = start::claimed(&self.view.record, now)?;
        self.apply(change, now);
        Ok(())
    }

    fn apply(&mut self, change: Change, now: Timestamp) {
        self.view.apply(&change);
        self.view.record.session.updated_at = now;
        self.append(change.events);
    }

    /// The recorder tells this.
    fn tell(&mut self, entry: JournalEntry, now: Timestamp) -> Result<(), Refusal> {
        let position = JournalPosition(self.view.record.journal.0 + 1);
        let record = JournalRecord {
            ts: now,
            entry,
            raw: None,
        };
        // It leaves the view as the change does.
        let absorbed = ingest::absorb(&mut self.view, &[(record, position)])?;
        self.view.record.session.updated_at = now;
        for event in &absorbed.change.events {
            if let EventPayload::FileEdit(edit) = &event.payload {
                self.changes.edit(edit, now);
                self.view.record.session.changes = Some(self.changes.summary());
            }
        }
        self.append(absorbed.change.events);
        Ok(())
    }

    fn show(&self, event: EphemeralEvent) {
        // It fails when nobody reads, which is no loss.
        self.ephemeral.send(event).ok();
    }

    fn append(&mut self, events: Vec<NewEvent>) {
        let session = &mut self.view.record.session;
        for NewEvent { ts, payload } in events {
            session.last_seq = session.last_seq.next();
            let event = SessionEvent {
                seq: session.last_seq,
                ts,
                session_id: session.id,
                payload,
            };
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

//! Writing the end of a session.

use std::time::Duration;

use ah_lifecycle::Change;
use ah_lifecycle::end::{self, ProcessEnd};
use ah_lifecycle::ingest::RecordedEnd;
use ah_rest_api_contract::{EventPayload, Log, LogLevel, SupervisorPhase, Timestamp};
use ah_store::{JournalPosition, NewEvent, StoreError};

use super::seal::Sealing;
use super::{Commit, Supervisor, SupervisorError};
use crate::decision::DECISION_ATTEMPTS;

/// The longest wait between two attempts to end the remaining processes of a session.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Ends a session as recorded by the agent's end in the journal.
    pub(super) async fn conclude_as_recorded(
        &mut self,
        end_record: RecordedEnd,
    ) -> Result<(), SupervisorError> {
        let RecordedEnd { end, at, next } = end_record;
        self.write_end(ProcessEnd::Recorded(end), at, Some(next))
            .await
    }

    /// Ends a session whose journal contains no end of its agent.
    pub(super) async fn conclude(
        &mut self,
        process_end: ProcessEnd,
    ) -> Result<(), SupervisorError> {
        let now = self.core.clock.now();
        self.write_end(process_end, now, None).await
    }

    /// Ends the remaining processes, seals or discards the workspace, and writes the end of the
    /// session. The journal position is written if the end is from the journal.
    async fn write_end(
        &mut self,
        process_end: ProcessEnd,
        at: Timestamp,
        position: Option<JournalPosition>,
    ) -> Result<(), SupervisorError> {
        self.enter(SupervisorPhase::Concluding);
        let swept = self.sweep().await?;
        let process_end = with_swept(process_end, swept);
        for attempt in 0..DECISION_ATTEMPTS {
            // A session can be cancelled while it is stopping, so each attempt checks again.
            let (mut change, process_end) = match self.seal().await? {
                Sealing::Cancelled => (self.discard(at).await, process_end.clone()),
                sealing => self.with_sealing(process_end.clone(), sealing, at),
            };
            change.patch.journal = position;
            change.merge(end::decide(
                &self.view.record,
                &self.view.permissions,
                &process_end,
                at,
            )?);
            self.view.apply(&change);
            if self.commit(change, attempt).await? == Commit::Written {
                self.notify_caught_up();
                return Ok(());
            }
        }
        Err(StoreError::Conflict {
            id: self.id.to_string(),
        }
        .into())
    }

    /// Ends the remaining processes of the session. Retries until it succeeds or the engine shuts
    /// down, since the session has not ended before.
    pub(super) async fn sweep(&self) -> Result<u32, SupervisorError> {
        let mut wait = Duration::from_millis(100);
        loop {
            match self.core.executor.sweep(self.id).await {
                Ok(swept) => return Ok(swept),
                Err(error) => {
                    let error = &error as &(dyn std::error::Error + Sync);
                    tracing::warn!(session.id = %self.id, %error, "processes are still left");
                }
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(SupervisorError::Shutdown),
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(SWEEP_WAIT_MAX),
            }
        }
    }

    /// Returns the change of a session whose changes were stored, or not. A failure adds an event,
    /// and a session whose work is not kept is not completed.
    fn with_sealing(
        &self,
        process_end: ProcessEnd,
        sealing: Sealing,
        now: Timestamp,
    ) -> (Change, ProcessEnd) {
        let mut change = Change::default();
        let error = match sealing {
            Sealing::Cancelled | Sealing::Unneeded => return (change, process_end),
            Sealing::Done(sealed) => {
                let session = &self.view.record.session;
                let mut change = Change::of_count(session, sealed.summary, now);
                let notes = sealed.notes.into_iter();
                change.events.extend(notes.map(|note| warning(note, now)));
                return (change, process_end);
            }
            Sealing::Failed(error) => error,
        };
        let reason = self.explained("the changes could not be stored", &error);
        change.events.push(failure(&reason, now));
        let process_end = match process_end {
            ProcessEnd::Recorded(end) => ProcessEnd::Unsealed { end, reason },
            other => other,
        };
        (change, process_end)
    }

    /// Removes the session's workspace. A failure does not keep the session from ending, but adds
    /// an event.
    async fn discard(&self, now: Timestamp) -> Change {
        let mut change = Change::default();
        if let Err(error) = self.core.executor.discard(self.id).await {
            let reason = self.explained("the workspace could not be removed", &error);
            change.events.push(failure(&reason, now));
        }
        change
    }
}

fn warning(message: String, now: Timestamp) -> NewEvent {
    NewEvent {
        ts: now,
        payload: EventPayload::Log(Log::new(LogLevel::Warn, message)),
    }
}

fn failure(reason: &str, now: Timestamp) -> NewEvent {
    NewEvent {
        ts: now,
        payload: EventPayload::Log(Log::new(LogLevel::Error, reason)),
    }
}

/// Adds the number of processes that the host ended to that of the recorder.
fn with_swept(process_end: ProcessEnd, swept: u32) -> ProcessEnd {
    match process_end {
        ProcessEnd::Recorded(mut end) => {
            end.swept = end.swept.saturating_add(swept);
            ProcessEnd::Recorded(end)
        }
        ProcessEnd::RecorderLost { swept: before } => ProcessEnd::RecorderLost {
            swept: before.saturating_add(swept),
        },
        ProcessEnd::RecorderUnresponsive { limit, .. } => {
            ProcessEnd::RecorderUnresponsive { limit, swept }
        }
        other => other,
    }
}

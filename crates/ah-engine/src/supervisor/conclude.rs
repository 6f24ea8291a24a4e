//! Saying the last word on a session.

use std::time::Duration;

use ah_lifecycle::Change;
use ah_lifecycle::end::{self, Departure};
use ah_lifecycle::ingest::Told;
use ah_rest_api_contract::{EventPayload, Log, LogLevel, Timestamp};
use ah_store::{Ending, JournalPosition, NewEvent, StoreError};

use super::{Commit, DECISION_ATTEMPTS, Supervisor, Trouble};
use crate::executor::ExecutorError;

/// The longest wait between two attempts to end what is left of a session.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Says the last word on a session whose agent's end the journal tells.
    pub(super) async fn conclude_as_told(&mut self, told: Told) -> Result<(), Trouble> {
        let Told { end, at, next } = told;
        self.write_last_word(Departure::Told(end), at, Some(next))
            .await
    }

    /// Says the last word on a session of whose end nobody told.
    pub(super) async fn conclude(&mut self, departure: Departure) -> Result<(), Trouble> {
        let now = self.core.clock.now();
        self.write_last_word(departure, now, None).await
    }

    /// Makes sure that nothing of the session is left, keeps or gives up its work, and writes how
    /// and when it ended, with the journal's position if the journal told.
    async fn write_last_word(
        &mut self,
        departure: Departure,
        at: Timestamp,
        position: Option<JournalPosition>,
    ) -> Result<(), Trouble> {
        let swept = self.sweep().await?;
        let departure = with_swept(departure, swept);
        for attempt in 0..DECISION_ATTEMPTS {
            // A session can be cancelled while it is being stopped, so this is judged each time.
            let mut change = if self.view.record.ending == Some(Ending::Cancel) {
                self.discard(at).await
            } else {
                self.seal(at).await
            };
            change.patch.journal = position;
            change.merge(end::decide(
                &self.view.record,
                &self.view.permissions,
                &departure,
                at,
            )?);
            self.view.apply(&change);
            if self.commit(change, attempt).await? == Commit::Written {
                self.say_caught_up();
                return Ok(());
            }
        }
        Err(StoreError::Conflict {
            id: self.id.to_string(),
        }
        .into())
    }

    /// Ends what is left of the session's processes. While that fails the session is not over, so
    /// it is tried until it works or the engine shuts down.
    pub(super) async fn sweep(&self) -> Result<u32, Trouble> {
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
                () = self.shutdown.cancelled() => return Err(Trouble::Shutdown),
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(SWEEP_WAIT_MAX),
            }
        }
    }

    /// Keeps what the session has changed. That it could not be kept does not change how the
    /// session ended, but it is said.
    async fn seal(&self, now: Timestamp) -> Change {
        let mut change = Change::default();
        if self.view.record.session.workspace.is_none() {
            return change;
        }
        match self.core.executor.seal(self.id).await {
            Ok(changes) => change.patch.changes = Some(changes),
            Err(error) => {
                change
                    .events
                    .push(failure("what was changed could not be kept", &error, now));
            }
        }
        change
    }

    /// Removes the session's workspace. That it could not be removed does not keep the session from
    /// being over, but it is said.
    async fn discard(&self, now: Timestamp) -> Change {
        let mut change = Change::default();
        if let Err(error) = self.core.executor.discard(self.id).await {
            change
                .events
                .push(failure("the workspace could not be removed", &error, now));
        }
        change
    }
}

fn failure(what: &str, error: &ExecutorError, now: Timestamp) -> NewEvent {
    NewEvent {
        ts: now,
        payload: EventPayload::Log(Log {
            level: LogLevel::Error,
            message: format!("{what}: {}", ah_rest_api_contract::error_chain(error)),
            tool_execution_id: None,
        }),
    }
}

/// What the host found left over counts with what the recorder had found.
fn with_swept(departure: Departure, swept: u32) -> Departure {
    match departure {
        Departure::Told(mut end) => {
            end.swept = end.swept.saturating_add(swept);
            Departure::Told(end)
        }
        Departure::RecorderLost { swept: before } => Departure::RecorderLost {
            swept: before.saturating_add(swept),
        },
        other => other,
    }
}

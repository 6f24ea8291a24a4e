//! Storing the changes of a session at its end.

use std::time::Duration;

use ah_executor::{ExecutorError, SealedChanges};
use ah_lifecycle::{Change, Decision, storing};
use ah_rest_api_contract::{EventPayload, Log, LogLevel, error_chain};
use ah_store::{Ending, NewEvent};
use tokio::time::Instant;

use super::{Supervisor, SupervisorError};
use crate::shortage;

/// The longest wait between two attempts to store the changes of a session.
const SEAL_WAIT_MAX: Duration = Duration::from_secs(5);
/// The maximum time for which a shortage of the host, such as a full disk, delays the end of a
/// session until its changes can be stored.
const SHORTAGE_MAX: Duration = Duration::from_secs(10 * 60);
/// The maximum duration of an attempt to store the changes of a session.
const SEAL_MAX: Duration = Duration::from_secs(3 * 60);
/// The time after which the log says that the changes are being stored, and the slot is freed. A
/// shorter time is not worth a write.
const SEAL_LOGGED_AFTER: Duration = Duration::from_secs(2);

/// The result of storing the changes of a session.
pub(super) enum Sealing {
    /// The session was cancelled, so its changes are discarded.
    Cancelled,
    /// The session has no workspace.
    Unneeded,
    /// The changes are stored.
    Done(SealedChanges),
    /// The changes could not be stored.
    Failed(ExecutorError),
}

impl Supervisor {
    /// Stores the session's changes. Retries during a shortage of the host, at most
    /// [`SHORTAGE_MAX`], or until the session is cancelled or, meanwhile, stopped.
    pub(super) async fn seal(&mut self) -> Result<Sealing, SupervisorError> {
        let give_up_at = Instant::now() + SHORTAGE_MAX;
        let mut wait = Duration::from_millis(100);
        loop {
            if self.view.record.ending == Some(Ending::Cancel) {
                return Ok(Sealing::Cancelled);
            }
            if self.view.record.session.workspace.is_none() {
                return Ok(Sealing::Unneeded);
            }
            let error = match self.seal_once().await? {
                Sealing::Failed(error)
                    if shortage::caused(&error) && Instant::now() < give_up_at =>
                {
                    error
                }
                sealing => return Ok(sealing),
            };
            let reason = error_chain(&error);
            tracing::warn!(session.id = %self.id, reason, "the changes cannot be stored yet");
            self.core.supervisors.note_error(self.id, reason);
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(SupervisorError::Shutdown),
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(SEAL_WAIT_MAX),
            }
            self.reload().await?;
        }
    }

    /// Stores the session's changes within [`SEAL_MAX`]. A cancellation interrupts it at once, and a
    /// stop that is requested meanwhile after the grace of a stop.
    async fn seal_once(&mut self) -> Result<Sealing, SupervisorError> {
        let executor = self.core.executor.clone();
        let sealing = executor.seal(self.id);
        tokio::pin!(sealing);
        let was_stopped = self.view.record.ending == Some(Ending::Stop);
        let began = Instant::now();
        let (mut is_logged, mut give_up_at) = (false, began + SEAL_MAX);
        let mut reason = format!("that took longer than {} s", SEAL_MAX.as_secs());
        loop {
            tokio::select! {
                sealed = &mut sealing => return Ok(match sealed {
                    Ok(changes) => Sealing::Done(changes),
                    Err(error) => Sealing::Failed(error),
                }),
                () = self.shutdown.cancelled() => return Err(SupervisorError::Shutdown),
                moved = self.head.changed() => {
                    if moved.is_err() {
                        return Err(SupervisorError::Shutdown);
                    }
                    let version = self.head.borrow_and_update().version;
                    if version != self.view.record.version {
                        self.reload().await?;
                    }
                }
                () = tokio::time::sleep_until(began + SEAL_LOGGED_AFTER), if !is_logged => {
                    is_logged = true;
                    self.log_sealing().await?;
                }
                () = tokio::time::sleep_until(give_up_at) => {
                    return Ok(Sealing::Failed(ExecutorError::new(reason)));
                }
            }
            match self.view.record.ending {
                Some(Ending::Cancel) => return Ok(Sealing::Cancelled),
                Some(Ending::Stop) if !was_stopped => {
                    let limit = Instant::now() + self.core.config.stop_grace;
                    give_up_at = give_up_at.min(limit);
                    reason = "the session was stopped meanwhile".to_owned();
                }
                _ => {}
            }
        }
    }

    /// Frees the slot of the session, and adds to the log that the changes are being stored.
    async fn log_sealing(&mut self) -> Result<(), SupervisorError> {
        let message = "The agent has ended, and its changes are being stored.";
        let now = self.core.clock.now();
        self.decide(|view| {
            let mut change = match storing::decide(&view.record, now) {
                Decision::Change(change) => *change,
                Decision::Unchanged => Change::default(),
            };
            change.events.push(NewEvent {
                ts: now,
                payload: EventPayload::Log(Log::new(LogLevel::Info, message)),
            });
            Ok(Decision::from(change))
        })
        .await?;
        Ok(())
    }
}

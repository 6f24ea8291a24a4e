//! The end of a recorder that does not end its session.
//!
//! A recorder ends its agent step by step. A recorder that hangs (it is stopped, or blocked by a dead
//! disk) takes no step, so the supervisor kills it after a limit. The sweep then ends the rest.

use std::time::Duration;

use ah_lifecycle::Ending;
use ah_lifecycle::end::ProcessEnd;
use ah_rest_api_contract::Timestamp;

use super::{Supervisor, SupervisorError};

/// The steps by which a recorder ends an agent, each with the grace period of the configuration:
/// cancel, close its input, SIGINT and SIGTERM.
const STEPS: u32 = 4;
/// The time that a recorder has beside these steps, for the sweep and its last records.
const SWEEP_ALLOWANCE: Duration = Duration::from_secs(15);
/// The time between two checks of a recorder that waits until the disk takes its last records.
const DISK_CHECK_EVERY: Duration = Duration::from_secs(5);
/// The time that a recorder has to kill the processes of a cancelled session.
const CANCEL_ALLOWANCE: Duration = Duration::from_secs(10);

/// The limit for a recorder to end its session.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndLimit {
    /// The time at which the recorder is killed.
    at: Timestamp,
    /// The duration until then.
    within: Duration,
}

impl Supervisor {
    /// Returns the time at which the recorder is killed; `None` while the session is not to end. The
    /// limit begins when this supervisor first sees that the session is to end, and a cancellation
    /// shortens it.
    pub(super) fn escalates_at(&mut self) -> Option<Timestamp> {
        let within = match self.view.record.ending.as_ref()? {
            Ending::Cancel => CANCEL_ALLOWANCE,
            Ending::Stop | Ending::Fail { .. } | Ending::Complete => {
                self.core.config.stop_grace * STEPS + SWEEP_ALLOWANCE
            }
        };
        let at = self.core.clock.now().plus(within);
        let limit = match self.end_limit {
            Some(limit) if limit.at <= at => limit,
            _ => *self.end_limit.insert(EndLimit { at, within }),
        };
        Some(limit.at)
    }

    /// Kills the recorder if it has exceeded its limit. Returns true if so. A recorder that waits for
    /// a full disk is spared: it has the last records of the session, and ends once they are
    /// written.
    pub(super) async fn escalate(&mut self) -> Result<bool, SupervisorError> {
        let Some(at) = self.escalates_at() else {
            return Ok(false);
        };
        let now = self.core.clock.now();
        if now < at {
            return Ok(false);
        }
        if self.recorder_waits_for_disk().await {
            if let Some(limit) = &mut self.end_limit {
                limit.at = now.plus(DISK_CHECK_EVERY);
            }
            return Ok(false);
        }
        tracing::warn!(session.id = %self.id, "the recorder does not answer and is killed");
        self.core.executor.kill_recorder(self.id).await?;
        self.was_killed = true;
        Ok(true)
    }

    /// Returns true if the recorder answers that its records wait for the disk. The records of a
    /// cancelled session are not worth the wait.
    async fn recorder_waits_for_disk(&self) -> bool {
        if self.view.record.ending == Some(Ending::Cancel) {
            return false;
        }
        let info = self.core.executor.recorder_info(self.id).await;
        matches!(info, Ok(Some(info)) if info.is_waiting_for_disk)
    }

    /// Returns the end of a recorder that left no record of it.
    pub(super) fn loss(&self) -> ProcessEnd {
        match self.end_limit {
            Some(limit) if self.was_killed => ProcessEnd::RecorderUnresponsive {
                limit: limit.within,
                swept: 0,
            },
            _ => ProcessEnd::RecorderLost { swept: 0 },
        }
    }
}

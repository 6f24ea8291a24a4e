//! The effects of inputs: records, messages to the agent, and ephemeral events.

use std::time::Duration;

use ah_lifecycle::turns::Effects;
use ah_rest_api_contract::LogLevel;
use tokio::time::Instant;

use super::RecordedSession;
use crate::clock;
use crate::journal::JournalError;
use crate::server::{JournalHead, PendingEphemeral};
use crate::shutdown::ShutdownCause;

/// The time between two attempts to write to a disk that takes no data.
const DISK_LOOK_EVERY: Duration = Duration::from_millis(500);

/// The results of inputs that wait until the disk takes data.
pub(super) struct Withheld {
    effects: Effects,
    since: Instant,
    pub(super) retry_at: Instant,
}

impl RecordedSession {
    /// Appends the records, sends the messages to the agent, and shows the ephemeral events.
    ///
    /// If the disk is full or read-only, everything is withheld and tried again. If they
    /// cannot be written for another reason, nothing is sent or shown: the session is lost and the
    /// agent is killed, rather than running unrecorded.
    pub(super) fn put_into_effect(&mut self, effects: Effects) {
        let (effects, since) = match self.withheld.take() {
            None => (effects, None),
            Some(Withheld {
                effects: mut earlier,
                since,
                ..
            }) => {
                earlier.extend(effects);
                (earlier, Some(since))
            }
        };
        let before = self.journal.len();
        let ends = match self.journal.append(&effects.records) {
            Ok(ends) => ends,
            Err(error) if error.is_passing() => {
                self.withhold(effects, since, &error);
                return;
            }
            Err(error) => {
                self.journal_lost.get_or_insert(error);
                self.shut_down(ShutdownCause::JournalLost);
                return;
            }
        };
        let Effects {
            to_agent,
            ephemeral,
            ..
        } = effects;
        let len = ends.last().copied().unwrap_or(before);
        if len > before {
            self.head.send_replace(JournalHead {
                len,
                is_final: false,
            });
        }
        for (records_before, event) in ephemeral {
            let after = match records_before.checked_sub(1) {
                Some(last) => ends.get(last).copied().unwrap_or(len),
                None => before,
            };
            self.attendant_slot.show(PendingEphemeral { after, event });
        }
        self.send_to_agent(to_agent);
        if let Some(since) = since {
            let waited = since.elapsed().as_secs();
            tracing::info!(waited_s = waited, "the journal can be written again");
            let mut note = Effects::default();
            let message = format!(
                "the disk took no data for {waited} s; the agent waited meanwhile, and nothing is lost"
            );
            note.log(clock::now(), LogLevel::Warn, message);
            self.put_into_effect(note);
        }
    }

    /// Keeps the results of inputs until the disk takes data again.
    fn withhold(&mut self, effects: Effects, since: Option<Instant>, error: &JournalError) {
        let now = Instant::now();
        if since.is_none() {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "the agent waits until the disk takes data");
        }
        self.withheld = Some(Withheld {
            effects,
            since: since.unwrap_or(now),
            retry_at: now + DISK_LOOK_EVERY,
        });
    }

    fn send_to_agent(&mut self, message: Vec<u8>) {
        if message.is_empty() {
            return;
        }
        if let Some(Err(why)) = self.agent.as_ref().map(|agent| agent.send(message)) {
            let mut note = Effects::default();
            note.error(
                clock::now(),
                format!("a message could not be sent to the agent: {why}"),
            );
            self.put_into_effect(note);
        }
    }
}

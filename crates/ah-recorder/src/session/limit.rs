//! The limits of an agent's lifetime: without an attendant, and those of its session.

use std::time::Duration;

use tokio::time::Instant;

use ah_lifecycle::turns::Effects;

use super::RecordedSession;
use crate::clock;
use crate::ending::ShutdownCause;

/// The delay of a limit while an attendant is attached. An attendant enforces the same limits,
/// knows more, and acts first; the recorder acts if it does not.
const ATTENDANT_FIRST: Duration = Duration::from_secs(5);

impl RecordedSession {
    /// Returns the next limit and its cause, as of now.
    pub(super) fn limit(&self) -> Option<(Instant, ShutdownCause)> {
        if self.ending.is_some() {
            return None;
        }
        let limits = [
            self.unattended_deadline()
                .map(|due| (due, ShutdownCause::Unattended)),
            self.time_limit().map(|due| (due, ShutdownCause::TimedOut)),
            self.idle_limit().map(|due| (due, ShutdownCause::Idle)),
            self.ready_limit().map(|due| (due, ShutdownCause::NotReady)),
        ];
        limits.into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    /// Returns the end of the idle time without an attendant, which is the only source of prompts.
    fn unattended_deadline(&self) -> Option<Instant> {
        if self.spec.interactive || self.frozen.is_some() {
            return None;
        }
        let idle_since = Instant::from_std(self.conversation.idle_since()?);
        let alone_since = self.attendant_slot.alone_since()?;
        let patience = Duration::from_millis(self.spec.orphan_idle_ms);
        idle_since.max(alone_since).checked_add(patience)
    }

    /// Returns the time limit of the whole session; it includes pauses.
    fn time_limit(&self) -> Option<Instant> {
        let limit = Duration::from_millis(self.spec.timeout_ms?);
        self.after_the_attendant(self.started_at?.checked_add(limit)?)
    }

    fn idle_limit(&self) -> Option<Instant> {
        if !self.spec.interactive || self.frozen.is_some() {
            return None;
        }
        let limit = Duration::from_millis(self.spec.idle_ms?);
        let idle_since = Instant::from_std(self.conversation.idle_since()?);
        self.after_the_attendant(idle_since.checked_add(limit)?)
    }

    /// Returns the limit of the time until the agent is ready. Only the recorder enforces it.
    fn ready_limit(&self) -> Option<Instant> {
        if !self.conversation.is_starting() || self.frozen.is_some() {
            return None;
        }
        let limit = Duration::from_millis(self.spec.ready_ms);
        self.started_at?.checked_add(limit)
    }

    /// Shuts the agent down because of a limit.
    pub(super) fn end_at_limit(&mut self, cause: ShutdownCause) {
        if cause == ShutdownCause::NotReady {
            let reason = format!(
                "the agent did not become ready within {} s",
                Duration::from_millis(self.spec.ready_ms).as_secs_f64()
            );
            let mut effects = Effects::default();
            self.conversation
                .give_up_waiting(reason, clock::now(), &mut effects);
            self.put_into_effect(effects);
        }
        self.end(cause);
    }

    fn after_the_attendant(&self, due: Instant) -> Option<Instant> {
        match self.attendant_slot.alone_since() {
            Some(_) => Some(due),
            None => due.checked_add(ATTENDANT_FIRST),
        }
    }
}

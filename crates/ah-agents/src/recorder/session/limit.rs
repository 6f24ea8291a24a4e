//! How long an agent is kept: when nobody attends, and by the limits of its session.

use std::time::Duration;

use tokio::time::Instant;

use ah_lifecycle::turns::Effects;

use super::RecordedSession;
use crate::recorder::clock;
use crate::recorder::ending::Cause;

/// How much later than its time an agent is ended that somebody attends to. Whoever attends holds
/// it to the same limits, knows more, and is to go first; this is for one who does not.
const ATTENDANT_FIRST: Duration = Duration::from_secs(5);

impl RecordedSession {
    /// When the agent will have been kept for too long, as things stand, and why it is ended then.
    pub(super) fn limit(&self) -> Option<(Instant, Cause)> {
        if self.ending.is_some() {
            return None;
        }
        let limits = [
            self.unattended_deadline()
                .map(|due| (due, Cause::Unattended)),
            self.time_limit().map(|due| (due, Cause::TimedOut)),
            self.idle_limit().map(|due| (due, Cause::Idle)),
            self.ready_limit().map(|due| (due, Cause::NotReady)),
        ];
        limits.into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    /// Nobody is there who would give it anything to do.
    fn unattended_deadline(&self) -> Option<Instant> {
        if self.spec.interactive || self.frozen.is_some() {
            return None;
        }
        let idle_since = Instant::from_std(self.conversation.idle_since()?);
        let alone_since = self.attendance.alone_since()?;
        let patience = Duration::from_millis(self.spec.orphan_idle_ms);
        idle_since.max(alone_since).checked_add(patience)
    }

    /// The whole session's: it goes on in a pause.
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

    /// How long it may take until it can take a prompt. Nobody else holds it to that.
    fn ready_limit(&self) -> Option<Instant> {
        if !self.conversation.is_starting() || self.frozen.is_some() {
            return None;
        }
        let limit = Duration::from_millis(self.spec.ready_ms);
        self.started_at?.checked_add(limit)
    }

    /// Ends the agent because of a limit.
    pub(super) fn end_at_limit(&mut self, cause: Cause) {
        if cause == Cause::NotReady {
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
        match self.attendance.alone_since() {
            Some(_) => Some(due),
            None => due.checked_add(ATTENDANT_FIRST),
        }
    }
}

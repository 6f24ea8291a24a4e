//! The limits of an agent's lifetime: without an attendant, and those of its session.

use std::time::Duration;

use tokio::time::Instant;

use ah_lifecycle::turns::Effects;
use ah_rest_api_contract::LogLevel;

use super::{InterruptDeadline, RecordedSession};
use crate::clock;
use crate::shutdown::ShutdownCause;

/// The delay of a limit while an attendant is attached. An attendant enforces the same limits,
/// knows more, and acts first; the recorder acts if it does not.
const ATTENDANT_FIRST: Duration = Duration::from_secs(5);

/// The time between two looks at the session's folder.
const FOLDER_LOOK_EVERY: Duration = Duration::from_secs(10);

/// The looks at the session's folder.
pub(super) struct FolderWatch {
    /// The time of the next one.
    pub(super) due: Instant,
    /// The time of the first of those that found it lost, without one in between that did not.
    lost_since: Option<Instant>,
}

impl FolderWatch {
    pub(super) fn start() -> Self {
        Self {
            due: Instant::now(),
            lost_since: None,
        }
    }
}

impl RecordedSession {
    /// Returns the next limit and its cause, as of now.
    pub(super) fn limit(&self) -> Option<(Instant, ShutdownCause)> {
        if self.shutdown.is_some() {
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

    /// Ends an agent whose session folder was removed or replaced. Without its socket, no attendant
    /// can come any more, so nothing else would ever end it. The folder may come back, and an
    /// attendant that is attached has the control.
    pub(super) fn watch_folder(&mut self, now: Instant) {
        if now < self.folder_watch.due {
            return;
        }
        let patience = Duration::from_millis(self.spec.orphan_idle_ms);
        self.folder_watch.due = now + FOLDER_LOOK_EVERY.min(patience);
        if self.attendant_slot.alone_since().is_none() || !self.journal.is_lost() {
            self.folder_watch.lost_since = None;
            return;
        }
        let since = *self.folder_watch.lost_since.get_or_insert(now);
        if now.duration_since(since) >= patience && self.shutdown.is_none() {
            self.shut_down(ShutdownCause::FolderLost);
        }
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
        self.shut_down(cause);
    }

    /// Returns the time at which an interrupted turn must have ended.
    pub(super) fn interrupt_deadline(&self) -> Option<Instant> {
        let is_waiting =
            self.frozen.is_none() && self.shutdown.is_none() && self.conversation.is_interrupted();
        let deadline = self.interrupt_deadline.as_ref().filter(|_| is_waiting)?;
        Some(deadline.due)
    }

    /// Escalates the interruption of a turn that does not end: it is requested again, and then the
    /// agent is shut down.
    pub(super) fn watch_interrupt(&mut self, now: Instant) {
        if !self.conversation.is_interrupted() {
            self.interrupt_deadline = None;
            return;
        }
        let grace = Duration::from_millis(self.spec.stop_grace_ms);
        let deadline = self.interrupt_deadline.get_or_insert(InterruptDeadline {
            due: now + grace,
            is_repeated: false,
        });
        let is_repeated = deadline.is_repeated;
        if self.interrupt_deadline().is_none_or(|due| due > now) {
            return;
        }
        if is_repeated {
            self.shut_down(ShutdownCause::InterruptIgnored);
            return;
        }
        self.interrupt_deadline = Some(InterruptDeadline {
            due: now + grace,
            is_repeated: true,
        });
        let mut effects = Effects::default();
        let seconds = grace.as_secs_f64();
        let message = format!(
            "the agent has not ended its turn within {seconds} s of its interruption; it is \
             interrupted again, and shut down in another {seconds} s"
        );
        effects.log(clock::now(), LogLevel::Warn, message);
        self.conversation.interrupt_again(&mut effects);
        self.put_into_effect(effects);
    }

    fn after_the_attendant(&self, due: Instant) -> Option<Instant> {
        match self.attendant_slot.alone_since() {
            Some(_) => Some(due),
            None => due.checked_add(ATTENDANT_FIRST),
        }
    }
}

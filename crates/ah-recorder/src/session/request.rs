//! The requests of an attendant.

use ah_lifecycle::turns::{Effects, ProcessRequest};

use super::RecordedSession;
use crate::clock;
use crate::process::{descendants, freeze, signal, thaw};
use crate::protocol::{Fact, Request};
use crate::shutdown::ShutdownCause;

impl RecordedSession {
    pub(super) async fn on_request(&mut self, request: Request) {
        let at = clock::now();
        let mut effects = Effects::default();
        match self.conversation.on_request(request, at, &mut effects) {
            None => {}
            Some(ProcessRequest::Pause) => self.pause(&mut effects).await,
            Some(ProcessRequest::Resume) => self.resume(&mut effects),
            Some(ProcessRequest::Shutdown(manner)) => {
                self.shut_down(ShutdownCause::Requested(manner));
                return;
            }
        }
        self.put_into_effect(effects);
    }

    /// Stops every process. The session's own deadlines continue: a permission request expires in a
    /// pause as at any time.
    async fn pause(&mut self, effects: &mut Effects) {
        if self.frozen.is_some() || self.shutdown.is_some() {
            return;
        }
        let own = rustix::process::getpid();
        let frozen = freeze(|| std::future::ready(descendants(own)), signal).await;
        let at = clock::now();
        if frozen.restless == 0 && frozen.failure.is_none() {
            self.frozen = Some(frozen);
            effects.fact(at, Fact::Paused);
            return;
        }
        // A partial pause is undone, since it would be unknown which processes run.
        let mut reason = match (frozen.restless, &frozen.failure) {
            (0, Some(error)) => format!("the processes could not be stopped: {error}"),
            (count, Some(error)) => format!("{count} processes could not be stopped: {error}"),
            (count, None) => format!("{count} processes did not stop"),
        };
        if let Err(error) = thaw(&frozen, signal) {
            reason.push_str(&format!("; not all could be woken again: {error}"));
        }
        effects.fact(at, Fact::PauseFailed { reason });
    }

    fn resume(&mut self, effects: &mut Effects) {
        if self.wake() {
            effects.fact(clock::now(), Fact::Resumed);
        }
    }

    /// Resumes the stopped processes. Returns true if there were any.
    pub(super) fn wake(&mut self) -> bool {
        let Some(frozen) = self.frozen.take() else {
            return false;
        };
        if let Err(error) = thaw(&frozen, signal) {
            tracing::warn!(%error, "a process could not be woken");
        }
        true
    }
}

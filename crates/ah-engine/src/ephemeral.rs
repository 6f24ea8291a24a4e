//! What readers are shown besides the log: passed on while it happens, and lost when nobody looks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ah_rest_api_contract::{EphemeralEvent, SessionId};
use tokio::sync::broadcast;

/// How many events a reader may be behind before it loses some.
const BEHIND_MAX: usize = 256;

/// Where supervisors put ephemeral events and readers find them.
#[derive(Debug, Default)]
pub(crate) struct EphemeralHub {
    /// The channel of each session that somebody reads. It protects only the map: nothing waits
    /// while it is held.
    channels: Mutex<HashMap<SessionId, broadcast::Sender<EphemeralEvent>>>,
}

impl EphemeralHub {
    /// What comes from now on.
    pub(crate) fn subscribe(&self, session: SessionId) -> broadcast::Receiver<EphemeralEvent> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|_, channel| channel.receiver_count() > 0);
        channels
            .entry(session)
            .or_insert_with(|| broadcast::channel(BEHIND_MAX).0)
            .subscribe()
    }

    /// Shows an event to whoever reads the session.
    pub(crate) fn publish(&self, session: SessionId, event: EphemeralEvent) {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&session) {
            // It fails when the last reader has just left, which is no loss.
            channel.send(event).ok();
        }
    }
}

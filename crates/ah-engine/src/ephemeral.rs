//! Ephemeral events, which are not in the log. Events without a subscriber are dropped.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ah_rest_api_contract::{EphemeralEvent, SessionId};
use tokio::sync::broadcast;

/// The maximum number of events that a subscriber can lag behind. Older ones are dropped.
const BEHIND_MAX: usize = 256;

/// Passes ephemeral events from supervisors to subscribers.
#[derive(Debug, Default)]
pub(crate) struct EphemeralHub {
    /// The channels of sessions with subscribers. The lock protects only the map and is not held
    /// across waits.
    channels: Mutex<HashMap<SessionId, broadcast::Sender<EphemeralEvent>>>,
}

impl EphemeralHub {
    /// Subscribes to the events of a session that are published from now on.
    pub(crate) fn subscribe(&self, session: SessionId) -> broadcast::Receiver<EphemeralEvent> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|_, channel| channel.receiver_count() > 0);
        channels
            .entry(session)
            .or_insert_with(|| broadcast::channel(BEHIND_MAX).0)
            .subscribe()
    }

    /// Sends an event to the subscribers of a session.
    pub(crate) fn publish(&self, session: SessionId, event: EphemeralEvent) {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&session) {
            // Sending fails if the last subscriber has just been dropped, so nothing is lost.
            channel.send(event).ok();
        }
    }
}

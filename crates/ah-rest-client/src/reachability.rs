//! The reachability of a server, for display.

use tokio::sync::watch;

use crate::client::RestClient;

/// The reachability of an access point, according to the last attempt of any clone of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reachability {
    /// No attempt was made yet.
    #[default]
    Unknown,
    /// The last attempt got a response, which may be an error.
    Reachable,
    /// The last attempt got no response, or the connection of an event stream broke and is not
    /// replaced yet.
    Unreachable,
}

impl RestClient {
    /// Returns the reachability of the server, and notifies of its changes.
    ///
    /// Event streams reconnect without an error, so that a program that shows a stream learns of an
    /// outage only here. Without open streams and calls, the value is that of the last attempt.
    #[must_use]
    pub fn reachability(&self) -> watch::Receiver<Reachability> {
        self.reachability_sender().subscribe()
    }

    /// Records the result of an attempt.
    pub(crate) fn set_reachability(&self, is_reachable: bool) {
        let now = if is_reachable {
            Reachability::Reachable
        } else {
            Reachability::Unreachable
        };
        self.reachability_sender()
            .send_if_modified(|known| std::mem::replace(known, now) != now);
    }
}

//! Claims: the ownership of sessions by engines.

use std::collections::BTreeSet;

use ah_lifecycle::{EngineId, SessionRecord};
use ah_rest_api_contract::Timestamp;
use async_trait::async_trait;
use tokio::sync::watch;

use crate::StoreError;

/// The owner of claims, and the time at which they expire unless renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The engine.
    pub engine: EngineId,
    /// The expiry.
    pub expires_at: Timestamp,
}

/// The kind of session to claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The next queued session, by priority, then age, if fewer than `slots` sessions hold a slot
    /// ([`holds_slot`](ah_rest_api_contract::SessionStatus::holds_slot)) and are not
    /// [storing](ah_rest_api_contract::Activity::Storing). It becomes *provisioning*, with its
    /// `status` event.
    NextQueued {
        /// The number of sessions that may hold a slot at once.
        slots: u32,
    },
    /// The oldest session that holds a slot and has lost its owner. Either it has no owner, or
    /// another engine owns it whose lease has expired or which is one of `dead`.
    Orphan {
        /// Engines known to be gone, regardless of their leases.
        dead: BTreeSet<EngineId>,
    },
}

/// The claims of engines on sessions.
#[async_trait]
pub trait Claims: Send + Sync {
    /// Claims a session for an engine and increments its fence. Returns `None` if there is none.
    async fn claim(
        &self,
        claim: Claim,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Extends every claim of the lease's engine to its new expiry.
    async fn renew(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Releases every claim of an engine, so that another engine can claim at once.
    async fn release(&self, engine: &EngineId) -> Result<(), StoreError>;

    /// Returns the engines that own sessions.
    async fn owners(&self) -> Result<BTreeSet<EngineId>, StoreError>;

    /// Subscribes to a revision counter that grows whenever a session is created, or changes its
    /// status or owner, in any process. It wakes the scheduler.
    fn watch_work(&self) -> watch::Receiver<u64>;
}

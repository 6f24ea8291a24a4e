//! The suite of the contract, through the client.
//!
//! On the engine only: the suite advances the clock, and the mock follows that of the runtime, which
//! connections need as well. The mock itself runs the suite in its own crate.

use std::sync::Arc;
use std::time::Duration;

use ah_conformance::Harness;
use ah_engine::ManualClock;
use ah_engine::testing::Behavior;
use ah_rest_api_contract::{SessionStatus, TaskManager, Timestamp};
use ah_rest_client::RestClient;
use async_trait::async_trait;

use crate::world::{Server, World};

/// The number of sessions that may hold a slot at once.
const SLOTS: usize = 4;

struct Remote {
    world: World,
    clock: Arc<ManualClock>,
    server: Server,
    manager: RestClient,
}

impl Remote {
    async fn start() -> Self {
        let start = Timestamp::from_unix_millis(1_800_000_000_000);
        let clock = Arc::new(ManualClock::at(start));
        let world = World::of(clock.clone(), Behavior::Scripted)
            .with("limits.max-concurrent-tasks", &SLOTS.to_string())
            // The suite polls for changes without an event.
            .with("limits.requests-per-minute", "1000000")
            .with("limits.burst", "1000000");
        let server = world.server().await;
        let mut client = RestClient::builder(&format!("http://{}", server.address));
        if let Some(key) = &server.client.key {
            client = client.api_key(key.clone());
        }
        let manager = client.build().unwrap();
        Self {
            world,
            clock,
            server,
            manager,
        }
    }
}

#[async_trait]
impl Harness for Remote {
    fn manager(&self) -> Arc<dyn TaskManager> {
        Arc::new(self.manager.clone())
    }

    fn slots(&self) -> usize {
        SLOTS
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.world.agents.host().expire();
    }

    async fn hold(&self, status: SessionStatus) {
        self.world.agents.host().hold(status);
    }

    async fn release(&self, status: SessionStatus) {
        self.world.agents.host().release(status);
    }

    async fn end(&self) {
        self.server.shut_down();
    }
}

ah_conformance::suite!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    Remote::start().await
);

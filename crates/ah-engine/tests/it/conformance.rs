//! The suite of the contract, with scripted agents and a manual clock.

use std::sync::Arc;
use std::time::Duration;

use ah_conformance::Harness;
use ah_engine::LocalTaskManager;
use ah_engine::testing::Behavior;
use ah_rest_api_contract::{SessionStatus, TaskManager};
use async_trait::async_trait;

use crate::world::World;

struct Engine {
    world: World,
    engine: LocalTaskManager,
}

impl Engine {
    async fn start() -> Self {
        let mut world = World::new(Behavior::Scripted);
        world.slots = 4;
        let engine = world.engine().await;
        Self { world, engine }
    }
}

#[async_trait]
impl Harness for Engine {
    fn manager(&self) -> Arc<dyn TaskManager> {
        Arc::new(self.engine.clone())
    }

    fn slots(&self) -> usize {
        self.world.slots as usize
    }

    async fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
        self.world.host.expire();
    }

    async fn hold(&self, status: SessionStatus) {
        self.world.host.hold(status);
    }

    async fn release(&self, status: SessionStatus) {
        self.world.host.release(status);
    }

    async fn end(&self) {
        self.engine.shutdown().await;
    }
}

ah_conformance::suite!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    Engine::start().await
);

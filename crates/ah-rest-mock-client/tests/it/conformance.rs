//! The conformance suite.

use std::sync::Arc;
use std::time::Duration;

use ah_conformance::Harness;
use ah_rest_api_contract::{SessionStatus, TaskManager};
use ah_rest_mock_client::MockTaskManager;
use async_trait::async_trait;

struct Mock(MockTaskManager);

impl Mock {
    fn new() -> Self {
        Self(MockTaskManager::builder().slots(4).build())
    }
}

#[async_trait]
impl Harness for Mock {
    fn manager(&self) -> Arc<dyn TaskManager> {
        Arc::new(self.0.clone())
    }

    fn slots(&self) -> usize {
        4
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    async fn hold(&self, status: SessionStatus) {
        self.0.hold(status);
    }

    async fn release(&self, status: SessionStatus) {
        self.0.release(status);
    }
}

ah_conformance::suite!(
    #[tokio::test(start_paused = true)]
    Mock::new()
);

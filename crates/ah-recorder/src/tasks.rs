//! The tasks of a recorder besides the owner of the session.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The tasks of a recorder. All of them end when the recorder has served its last attendant.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecorderTasks {
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

impl RecorderTasks {
    /// Runs a task until it ends or the recorder shuts down. Its records in the log have the current
    /// span.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let shutdown = self.shutdown.clone();
        let task = async move { shutdown.run_until_cancelled(task).await };
        self.tracker.spawn(task.in_current_span())
    }

    /// Ends all tasks and waits for them. They stop at their next wait.
    pub(crate) async fn shut_down(&self) {
        self.shutdown.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

//! The tasks of a recorder besides the owner of the session.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The maximum wait for the tasks to end. No task holds unwritten state, and the process ends next.
const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(5);

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

    /// Ends all tasks, which stop at their next wait, and waits for them at most
    /// [`SHUTDOWN_WAIT_MAX`].
    pub(crate) async fn shut_down(&self) {
        self.shutdown.cancel();
        self.tracker.close();
        let ended = tokio::time::timeout(SHUTDOWN_WAIT_MAX, self.tracker.wait()).await;
        if ended.is_err() {
            let left = self.tracker.len();
            tracing::warn!(left, "some tasks of the recorder did not end in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_ends_waiting_tasks_at_once() {
        let tasks = RecorderTasks::default();
        let endless = tasks.spawn(std::future::pending::<()>());
        let began = Instant::now();
        tasks.shut_down().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(endless.await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_does_not_wait_longer_than_its_limit() {
        let tasks = RecorderTasks::default();
        // Counts as a task that does not end.
        let _stuck = tasks.tracker.token();
        let began = Instant::now();
        tasks.shut_down().await;
        assert_eq!(began.elapsed(), SHUTDOWN_WAIT_MAX);
    }
}

//! The conformance suite on the engine with real recorders: each session has a recorder process,
//! the built-in agent as a process, a workspace and a journal on disk. It uses neither HTTP nor the
//! network.

mod executor;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ah_agents::{Catalog, SessionFolder};
use ah_conformance::Harness;
use ah_engine::{Clock, EngineConfig, IdSource, LocalTaskManager, SystemClock};
use ah_executor_local::LocalExecutor;
use ah_recorder::RecorderCommand;
use ah_rest_api_contract::{
    PageRequest, RepositorySource, SessionQuery, SessionStatus, TaskManager, Timestamp,
};
use ah_store_sqlite::SqliteStore;
use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::setting::git_in;
use executor::HoldingExecutor;

/// Limits the number of concurrent cases, since each starts several processes.
static CONCURRENT_CASES: Semaphore = Semaphore::const_new(4);

/// The maximum number of running sessions.
const SLOTS: u32 = 3;

struct RealEngine {
    engine: LocalTaskManager,
    executor: HoldingExecutor,
    clock: Arc<OffsetClock>,
    folder: TempDir,
    _permit: SemaphorePermit<'static>,
}

impl RealEngine {
    async fn start() -> Self {
        let permit = CONCURRENT_CASES.acquire().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_owned();
        let store = SqliteStore::open(&home.join("state.db")).await.unwrap();
        let ah = env!("CARGO_BIN_EXE_ah");
        let recorder = RecorderCommand {
            program: PathBuf::from(ah),
            args: ["agent", "record", "--folder"].map(str::to_owned).to_vec(),
        };
        let agent = [ah, "agent", "scenario"].map(str::to_owned).to_vec();
        let executor = LocalExecutor::new(home.clone(), recorder, Catalog::scripted(agent));
        let executor = HoldingExecutor::new(executor, remote(&home));
        let clock = Arc::new(OffsetClock::default());
        let mut config = EngineConfig::new(home);
        config.max_concurrent_tasks = NonZeroU32::new(SLOTS).unwrap();
        let engine = LocalTaskManager::start(
            config,
            Arc::new(store),
            Arc::new(executor.clone()),
            clock.clone(),
            IdSource::system(),
        )
        .await
        .unwrap();
        Self {
            engine,
            executor,
            clock,
            folder,
            _permit: permit,
        }
    }

    fn sessions(&self) -> PathBuf {
        self.folder.path().join("sessions")
    }
}

#[async_trait]
impl Harness for RealEngine {
    fn manager(&self) -> Arc<dyn TaskManager> {
        Arc::new(self.engine.clone())
    }

    fn slots(&self) -> usize {
        SLOTS as usize
    }

    /// Advances the engine's clock. A recorder has the host's clock, but the engine that is attached
    /// to it enforces every limit of a session first.
    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn hold(&self, status: SessionStatus) {
        self.executor.hold(status);
    }

    async fn release(&self, status: SessionStatus) {
        self.executor.release(status);
    }

    async fn end(&self) {
        let query = SessionQuery {
            page: PageRequest::largest(),
            ..SessionQuery::default()
        };
        let sessions = self.engine.list_sessions(query).await.unwrap();
        for session in sessions.items {
            if !session.status.is_terminal() {
                // The session may have ended meanwhile: the refusal is expected.
                self.engine.cancel_session(session.id).await.ok();
            }
        }
        self.engine.shutdown().await;
    }
}

impl Drop for RealEngine {
    /// Kills the recorders that are left. The kernel kills the agent of each.
    fn drop(&mut self) {
        let Ok(folders) = std::fs::read_dir(self.sessions()) else {
            return;
        };
        for folder in folders.flatten() {
            kill_recorder(&folder.path());
        }
    }
}

/// Creates the repository that is read in place of remote ones.
fn remote(home: &Path) -> RepositorySource {
    let repository = home.join("remote");
    std::fs::create_dir(&repository).unwrap();
    git_in(&repository, &["init", "-q", "-b", "main"]);
    git_in(
        &repository,
        &["commit", "-q", "--allow-empty", "-m", "Begin"],
    );
    RepositorySource::parse(&format!("file://{}", repository.display())).unwrap()
}

fn kill_recorder(folder: &Path) {
    let pid = ah_recorder::pid(&SessionFolder::at(folder)).ok().flatten();
    let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        // The recorder may have ended meanwhile.
        kill_process(pid, Signal::KILL).ok();
    }
}

/// The host's clock with an offset that a case increases.
#[derive(Debug)]
struct OffsetClock(watch::Sender<Duration>);

impl Default for OffsetClock {
    fn default() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }
}

impl OffsetClock {
    fn advance(&self, by: Duration) {
        self.0.send_modify(|offset| *offset += by);
    }
}

#[async_trait]
impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(*self.0.borrow())
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let mut offset = self.0.subscribe();
        loop {
            let left = moment.since(SystemClock.now().plus(*offset.borrow_and_update()));
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                changed = offset.changed() => changed.expect("the clock outlives its sleepers"),
            }
        }
    }
}

ah_conformance::suite!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    RealEngine::start().await
);

//! The `TaskManager` in this process: its start and its shutdown.

mod commands;
mod queries;
mod serving;
mod task_manager;

use std::sync::Arc;
use std::time::Duration;

use ah_executor::Executor;
use ah_rest_api_contract::Caller;
use ah_store::{EngineId, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::condition::ConditionWatch;
use crate::config::{EngineConfig, Scheduling};
use crate::engine::Core;
use crate::ephemeral::EphemeralHub;
use crate::error::StartError;
use crate::feed::Feeds;
use crate::identity::IdSource;
use crate::liveness::Liveness;
use crate::scheduler::Scheduler;
use crate::supervisors::Supervisors;

/// The maximum wait of a starting engine for adopted sessions to catch up. Slower sessions catch up
/// while the engine serves.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);
/// The default caller.
const LOCAL_USER: &str = "user";
/// The maximum wait of a stopping engine for its tasks. No task holds unwritten state.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Runs sessions in this process, over a store and a host.
///
/// It acts for one caller, initially the local user. [`LocalTaskManager::on_behalf_of`] returns the
/// same engine for another caller.
///
/// Several engines may share one store, in one or more processes. Each session has one of them as
/// its owner, and any of them accepts commands for it.
#[derive(Clone)]
pub struct LocalTaskManager {
    core: Arc<Core>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    caller: Caller,
}

impl LocalTaskManager {
    /// Starts an engine. It claims the sessions of dead engines, ingests what their agents did
    /// meanwhile, and begins to serve.
    ///
    /// # Errors
    /// The state folder or the store cannot be used.
    pub async fn start(
        config: EngineConfig,
        store: Arc<dyn Store>,
        executor: Arc<dyn Executor>,
        clock: Arc<dyn Clock>,
        ids: IdSource,
    ) -> Result<Self, StartError> {
        let engine = EngineId(ids.next(clock.now()).to_string());
        let home = config.home.clone();
        let liveness = Liveness::declare(&home, engine.clone())
            .map_err(|source| StartError::Home { path: home, source })?;
        let hub = EphemeralHub::default();
        let core = Arc::new(Core {
            store,
            executor,
            clock,
            ids,
            config,
            engine,
            hub,
            feeds: Feeds::default(),
            supervisors: Supervisors::default(),
            condition: ConditionWatch::default(),
        });
        let tasks = TaskTracker::new();
        let shutdown = CancellationToken::new();
        let scheduler = Scheduler {
            core: core.clone(),
            liveness,
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
        };
        let adopted = match scheduler.adopt().await {
            // The sessions can be read, and are claimed once the store takes writes again.
            Err(StoreError::Unavailable { reason }) => {
                tracing::warn!(
                    reason,
                    "no session was claimed, because nothing can be written"
                );
                Vec::new()
            }
            adopted => adopted?,
        };
        let caught_up = futures::future::join_all(adopted);
        if tokio::time::timeout(CATCH_UP_MAX, caught_up).await.is_err() {
            tracing::info!("some sessions are still being caught up with");
        }
        tasks.spawn(scheduler.run());
        if core.config.scheduling == Scheduling::Serve {
            // Damage is otherwise noticed when it is read, which may be much later.
            let (core, shutdown) = (core.clone(), shutdown.clone());
            tasks.spawn(async move {
                let look = serving::look_for_damage(core.store.as_ref());
                shutdown.run_until_cancelled(look).await;
            });
        }
        Ok(Self {
            core,
            tasks,
            shutdown,
            caller: Caller::named(LOCAL_USER),
        })
    }

    /// Stops the engine. It releases its sessions, so that another engine can claim them at once.
    /// The agents keep running under their recorders.
    pub async fn shutdown(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_MAX, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some tasks of the engine did not end in time");
        }
        if let Err(error) = self.core.store.release(&self.core.engine).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the claims are not released and will expire");
        }
        self.core.store.close().await;
    }

    /// Returns the same engine, acting for `caller`.
    #[must_use]
    pub fn on_behalf_of(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }
}

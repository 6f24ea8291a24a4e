//! The engine in this process, wired: the one file that knows what stands behind the task manager.

use std::sync::Arc;

use ah_agents::Catalog;
use ah_agents::recorder::RecorderCommand;
use ah_engine::{EngineConfig, IdSource, LocalExecutor, LocalTaskManager, SystemClock};
use ah_rest_api_contract::TaskManager;
use ah_store_sqlite::SqliteStore;

pub(crate) use ah_engine::Scheduling;

use crate::environment::Settings;
use crate::failure::Failure;

/// The store's file, in the state folder.
const STORE_FILE: &str = "state.db";

/// A task manager, and what has to be closed after it.
pub(crate) struct Access {
    manager: Arc<dyn TaskManager>,
    engine: Arc<LocalTaskManager>,
}

impl Access {
    /// The task manager.
    pub(crate) const fn manager(&self) -> &Arc<dyn TaskManager> {
        &self.manager
    }

    /// Gives the engine's sessions up, for the next engine to take; their agents go on.
    pub(crate) async fn close(self) {
        self.engine.shutdown().await;
    }
}

/// Opens the state folder, and starts an engine on it.
pub(crate) async fn open(settings: &Settings, scheduling: Scheduling) -> Result<Access, Failure> {
    settings.make_home()?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::configuration("the path of this program cannot be told").caused_by(error)
    })?;
    let path = settings.home.join(STORE_FILE);
    let store = SqliteStore::open(&path).await.map_err(|error| {
        Failure::configuration(format!(
            "the store {} cannot be opened: {error}",
            path.display()
        ))
        .caused_by(error)
    })?;
    let mut config = EngineConfig::new(settings.home.clone());
    config.scheduling = scheduling;
    config.max_concurrent_tasks = settings.max_concurrent_tasks;
    let program_name = program.to_str().ok_or_else(|| {
        Failure::configuration(format!("the path {} is not UTF-8", program.display()))
    })?;
    let scenario_agent = [program_name, "agent", "scenario"]
        .map(str::to_owned)
        .to_vec();
    let recorder = RecorderCommand {
        args: ["agent", "record", "--folder"].map(str::to_owned).to_vec(),
        program: program.clone(),
    };
    let engine = LocalTaskManager::start(
        config,
        Arc::new(store),
        Arc::new(LocalExecutor::new(settings.home.clone(), recorder)),
        Catalog::builtin(scenario_agent),
        Arc::new(SystemClock),
        IdSource::system(),
    )
    .await
    .map_err(|error| {
        Failure::configuration(format!("the engine cannot start: {error}")).caused_by(error)
    })?;
    let engine = Arc::new(engine);
    Ok(Access {
        manager: engine.clone(),
        engine,
    })
}

//! An engine in this process: the setup for embedding one.

use std::path::Path;
use std::sync::Arc;

use ah_agents::Catalog;
use ah_engine::{EngineConfig, IdSource, LocalTaskManager, SystemClock};
use ah_executor_local::LocalExecutor;
use ah_recorder::RecorderCommand;
use ah_rest_api_contract::TaskManager;
use ah_store_sqlite::SqliteStore;
use anyhow::Context as _;

/// An engine and its sessions.
pub(crate) struct Engine(Arc<LocalTaskManager>);

impl Engine {
    /// Starts an engine with the scripted agent only, and its state in `home`, which is created if
    /// missing. It may be the state folder of `ah`, which then shares its sessions.
    pub(crate) async fn start(home: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(home)
            .with_context(|| format!("failed to make {}", home.display()))?;
        let home = home
            .canonicalize()
            .with_context(|| format!("failed to find {}", home.display()))?;
        let store = SqliteStore::open(&home.join("state.db")).await?;
        // This program is its own recorder and built-in agent.
        let program = std::env::current_exe().context("failed to find this program")?;
        let name = program.to_str().context("its path is not UTF-8")?;
        let actor = [name, "act"].map(str::to_owned).to_vec();
        let recorder = RecorderCommand {
            args: ["record", "--folder"].map(str::to_owned).to_vec(),
            program: program.clone(),
        };
        let engine = LocalTaskManager::start(
            EngineConfig::new(home.clone()),
            Arc::new(store),
            Arc::new(LocalExecutor::new(home, recorder, Catalog::scripted(actor))),
            Arc::new(SystemClock),
            IdSource::system(),
        )
        .await?;
        Ok(Self(Arc::new(engine)))
    }

    pub(crate) fn manager(&self) -> Arc<dyn TaskManager> {
        self.0.clone()
    }

    /// Releases its sessions for the next engine. Their agents keep running under their recorders.
    pub(crate) async fn shutdown(self) {
        self.0.shutdown().await;
    }
}

//! An engine in this process: what whoever embeds one has to say once.

use std::path::Path;
use std::sync::Arc;

use ah_agents::Catalog;
use ah_agents::recorder::RecorderCommand;
use ah_engine::{EngineConfig, IdSource, LocalExecutor, LocalTaskManager, SystemClock};
use ah_rest_api_contract::TaskManager;
use ah_store_sqlite::SqliteStore;
use anyhow::Context as _;

/// An engine, and the sessions that it attends to.
pub(crate) struct Engine(Arc<LocalTaskManager>);

impl Engine {
    /// Starts an engine that has the scripted agent and no other, with its state in `home`, which is
    /// made if it is not there. It may be that of an `ah`, whose sessions it then shares.
    pub(crate) async fn start(home: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(home)
            .with_context(|| format!("failed to make {}", home.display()))?;
        let home = home
            .canonicalize()
            .with_context(|| format!("failed to find {}", home.display()))?;
        let store = SqliteStore::open(&home.join("state.db")).await?;
        // This program is its own recorder and its own built-in agent.
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
            Arc::new(LocalExecutor::new(home, recorder)),
            Catalog::scripted(actor),
            Arc::new(SystemClock),
            IdSource::system(),
        )
        .await?;
        Ok(Self(Arc::new(engine)))
    }

    pub(crate) fn manager(&self) -> Arc<dyn TaskManager> {
        self.0.clone()
    }

    /// Gives its sessions up for the next engine; their agents go on under their recorders.
    pub(crate) async fn shutdown(self) {
        self.0.shutdown().await;
    }
}

//! The access point with the agent that prints the time, the only difference to the shipped `ah`.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ah_agents::Catalog;
use ah_engine::{Clock as _, EngineConfig, IdSource, LocalTaskManager, StartError, SystemClock};
use ah_executor_local::LocalExecutor;
use ah_recorder::RecorderCommand;
use ah_rest_api_contract::AccessPoint;
use ah_rest_server::{Config, Host, ServerClock, Sources};
use ah_store_sqlite::SqliteStore;
use clap::Args;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::agent::Pace;
use crate::server;

/// The number of sessions that run at once, above that of any measurement.
const SLOTS: NonZeroU32 = NonZeroU32::new(64).unwrap();

/// An access point.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The state folder
    #[arg(long)]
    home: PathBuf,
    /// The `ah` binary, which is the recorder
    #[arg(long)]
    ah: PathBuf,
    #[command(flatten)]
    pace: Pace,
}

/// Serves until SIGTERM.
pub(crate) async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { home, ah, pace } = arguments;
    let config = Config::load(&Sources {
        home: &home,
        file: None,
        environment: &[],
        flags: &[
            ("server.port", "0".to_owned()),
            // The rate limiter is active, with a limit that no measurement reaches.
            ("limits.requests-per-minute", "1000000".to_owned()),
            ("limits.burst", "1000000".to_owned()),
        ],
    })?;
    let lock = ah_rest_server::lock_home(&home).await?;
    let store = Arc::new(SqliteStore::open(&home.join("state.db")).await?);
    let host = Host {
        lock,
        keys: store.clone(),
        clock: ServerClock::new(|| SystemClock.now()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    // The configuration sets nothing for sessions.
    let mut engine = EngineConfig::new(home);
    engine.max_concurrent_tasks = SLOTS;
    let agent = pace.command_line()?;
    let (listening, address) = oneshot::channel();
    let shutdown = CancellationToken::new();
    let start = async {
        let engine = start(engine, store, &ah, agent).await?;
        if let Ok(address) = address.await {
            server::announce(address);
        }
        Ok::<Arc<dyn AccessPoint>, StartError>(Arc::new(engine))
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let serving = ah_rest_server::serve(config, host, start, listening, shutdown.clone());
    let ending = async {
        terminate.recv().await;
        shutdown.cancel();
        std::future::pending().await
    };
    tokio::select! {
        served = serving => Ok(served?),
        never = ending => never,
    }
}

/// Starts an engine in this process, with this program as its scenario agent.
pub(crate) async fn start(
    config: EngineConfig,
    store: Arc<SqliteStore>,
    ah: &Path,
    agent: Vec<String>,
) -> Result<LocalTaskManager, StartError> {
    let recorder = RecorderCommand {
        program: ah.to_owned(),
        args: ["agent", "record", "--folder"].map(str::to_owned).to_vec(),
    };
    let executor = LocalExecutor::new(config.home.clone(), recorder, Catalog::scripted(agent));
    LocalTaskManager::start(
        config,
        store,
        Arc::new(executor),
        Arc::new(SystemClock),
        IdSource::system(),
    )
    .await
}

/// Returns the command of this server.
pub(crate) fn command(home: &Path, ah: &Path, pace: Pace) -> anyhow::Result<Command> {
    let mut command = server::this_program("serve-session")?;
    command
        .arg("--home")
        .arg(home)
        .arg("--ah")
        .arg(ah)
        .args(pace.arguments());
    Ok(command)
}

//! Creates the engine in this process, for one command or for a server. This is the only file that
//! names the implementation behind the task manager.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ah_agents::{Catalog, ConfiguredAgents, HostEnvironment};
use ah_engine::{EngineConfig, IdSource, LocalTaskManager, StartError, SystemClock};
use ah_executor_local::{LocalExecutor, Protection, PushPolicy, toolchain_places};
use ah_recorder::RecorderCommand;
use ah_rest_api_contract::{AccessPoint, Agent, TaskManager, error_chain};
use ah_rest_server::{
    Config, Host, SandboxSettings, ServeError, ServerClock, SessionSettings, WorkspaceSettings,
};
use ah_store::{Sessions as _, Store as _, StoreError};
use ah_store_sqlite::SqliteStore;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use ah_engine::Scheduling;

use crate::environment::CommandSettings;
use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// The file name of the store in the state folder.
const STORE_FILE: &str = "state.db";

/// A task manager, and the engine to close after it.
pub(crate) struct LocalAccess {
    manager: Arc<dyn TaskManager>,
    engine: Arc<LocalTaskManager>,
}

impl LocalAccess {
    /// Returns the task manager.
    pub(crate) const fn manager(&self) -> &Arc<dyn TaskManager> {
        &self.manager
    }

    /// Waits until the state folder is no longer the one that the engine uses, and returns the
    /// reason.
    pub(crate) async fn lost(&self) -> String {
        self.engine.lost().await
    }

    /// Releases the engine's sessions for the next engine. Their agents keep running.
    pub(crate) async fn close(self) {
        self.engine.shutdown().await;
    }
}

/// Opens the state folder and starts an engine on it.
pub(crate) async fn open(
    settings: &CommandSettings,
    scheduling: Scheduling,
) -> Result<LocalAccess, Failure> {
    settings.make_home()?;
    let program = Program::find()?;
    let catalog = catalog(&program, settings.agents().clone());
    let store = open_store(settings).await?;
    let mut config = EngineConfig::new(settings.home.clone());
    config.scheduling = scheduling;
    config.max_concurrent_tasks = settings.max_concurrent_tasks();
    config.runtimes = settings.runtimes();
    config.sandbox = settings.sandbox().profile;
    let host = HostSettings {
        workspaces: settings.workspaces(),
        sandbox: sandbox(settings.sandbox())?,
    };
    let engine = start(config, store, program, catalog, host)
        .await
        .map_err(|error| {
            Failure::configuration(format!(
                "failed to start the engine: {}",
                error_chain(&error)
            ))
            .caused_by(error)
        })?;
    let engine = Arc::new(engine);
    Ok(LocalAccess {
        manager: engine.clone(),
        engine,
    })
}

/// Serves the state folder, which must exist, until `shutdown` is cancelled. `listening` receives
/// the address, and `ready` is notified once requests are accepted.
pub(crate) async fn serve(
    settings: &CommandSettings,
    config: Config,
    listening: oneshot::Sender<SocketAddr>,
    ready: oneshot::Sender<()>,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let refused = |error: ServeError| {
        let code = match &error {
            ServeError::PortTaken { .. } => ExitCode::Resource,
            _ => ExitCode::Configuration,
        };
        Failure::new(code, error_chain(&error)).caused_by(error)
    };
    let lock = ah_rest_server::lock_home(&settings.home)
        .await
        .map_err(refused)?;
    let store = open_store(settings).await?;
    let program = Program::find()?;
    let host = Host {
        lock,
        keys: store.clone(),
        clock: ServerClock::new(crate::clock::now),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let SessionSettings {
        max_concurrent_tasks,
        idle_timeout,
        stop_grace,
        allowed_env,
        runtimes,
    } = config.sessions();
    let engine = EngineConfig {
        max_concurrent_tasks,
        idle_timeout,
        stop_grace,
        allowed_env,
        runtimes,
        sandbox: config.sandbox().profile,
        ..EngineConfig::new(settings.home.clone())
    };
    let catalog = catalog(&program, config.agents().clone());
    let host_settings = HostSettings {
        workspaces: config.workspace(),
        sandbox: sandbox(config.sandbox())?,
    };
    let background = TaskTracker::new();
    let stop = shutdown.child_token();
    let (tracker, stopped) = (background.clone(), stop.clone());
    let start = async move {
        let asking = catalog.clone();
        let engine = start(engine, store, program, catalog, host_settings).await?;
        // Version checks run in the background, so that requests for the list of agents do not
        // wait.
        tracker.spawn(async move { stopped.run_until_cancelled(asking.ask_versions()).await });
        // The receiver may be gone.
        ready.send(()).ok();
        Ok::<Arc<dyn AccessPoint>, StartError>(Arc::new(engine))
    };
    let served = ah_rest_server::serve(config, host, start, listening, shutdown).await;
    stop.cancel();
    background.close();
    background.wait().await;
    served.map_err(refused)
}

/// Returns the agents of this host, without their versions.
pub(crate) fn agents(settings: &CommandSettings) -> Result<Vec<Agent>, Failure> {
    Ok(catalog(&Program::find()?, settings.agents().clone()).list())
}

async fn open_store(settings: &CommandSettings) -> Result<Arc<SqliteStore>, Failure> {
    let path = settings.home.join(STORE_FILE);
    let failed = |error: StoreError| {
        Failure::configuration(format!(
            "failed to open the store {}: {}",
            path.display(),
            error_chain(&error)
        ))
        .caused_by(error)
    };
    let leftovers = leftovers(&settings.home);
    // A new file has no content yet.
    let is_new = std::fs::metadata(&path).map_or(true, |found| found.len() == 0);
    if let Some(leftovers) = &leftovers
        && is_new
        && !has_log(&path)
    {
        return Err(empty_store(&path, leftovers));
    }
    let is_lost = is_new && !has_log(&path) && was_used(&settings.home);
    let store = SqliteStore::open(&path).await.map_err(failed)?;
    if is_lost {
        tracing::error!(
            store = %path.display(),
            "the store is new, but the state folder is not: earlier sessions, drafts and keys are \
             lost, unless you restore the store from a backup"
        );
    }
    if let Some(leftovers) = &leftovers
        && store.count_sessions().await.map_err(failed)?.is_empty()
    {
        store.close().await;
        return Err(empty_store(&path, leftovers));
    }
    Ok(Arc::new(store))
}

/// Returns a folder of the state folder with the work of sessions, if there is one. The store of
/// such a state folder has sessions.
fn leftovers(home: &Path) -> Option<PathBuf> {
    ["sessions", "worktrees"]
        .map(|name| home.join(name))
        .into_iter()
        .find(|folder| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()))
}

/// Returns true if the state folder had a store before: these are created after it.
fn was_used(home: &Path) -> bool {
    ["engines", "access-point.key"]
        .iter()
        .any(|name| home.join(name).exists())
}

/// Returns true if the write-ahead log of the store may have content.
fn has_log(store: &Path) -> bool {
    let mut log = store.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|found| found.len() > 0)
}

/// Returns the failure of a store without sessions beside the work of some.
fn empty_store(store: &Path, leftovers: &Path) -> Failure {
    Failure::configuration(format!(
        "the store {} has no sessions, but {} has work of some: the store was lost or replaced",
        store.display(),
        leftovers.display()
    ))
    .hint(
        "restore the store from a backup; or, to begin anew, end the agents that still run, and \
         move the folders `sessions`, `worktrees` and `repos` away",
    )
}

/// The path of the running executable, which also serves as recorder and built-in agent.
struct Program {
    path: PathBuf,
    name: String,
}

impl Program {
    fn find() -> Result<Self, Failure> {
        let path = std::env::current_exe().map_err(|error| {
            Failure::configuration("cannot determine the path of the `ah` executable")
                .caused_by(error)
        })?;
        let name = path.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::configuration(format!("the path {} is not valid UTF-8", path.display()))
        })?;
        Ok(Self { path, name })
    }
}

/// Returns the catalogue of agents, including the one built into this executable.
fn catalog(program: &Program, configured: ConfiguredAgents) -> Catalog {
    let scenario_agent = [&program.name, "agent", "scenario"]
        .map(str::to_owned)
        .to_vec();
    let host_environment = HostEnvironment {
        search_path: std::env::var_os("PATH").unwrap_or_default(),
        is_root: rustix::process::geteuid().is_root(),
    };
    Catalog::new(scenario_agent, configured, host_environment)
}

/// The settings of the host of sessions.
struct HostSettings {
    workspaces: WorkspaceSettings,
    sandbox: ah_executor_local::SandboxSettings,
}

/// Returns the settings of the sandbox for this user.
fn sandbox(settings: SandboxSettings) -> Result<ah_executor_local::SandboxSettings, Failure> {
    let is_optional = settings.is_optional();
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|home| home.is_absolute());
    let absolute = |key: &str, paths: Vec<PathBuf>| {
        let path = |path: PathBuf| match (path.strip_prefix("~"), &home) {
            (Ok(rest), Some(home)) => Ok(home.join(rest)),
            (Ok(_), None) => Err(Failure::configuration(format!(
                "`{key}` contains `{}`, but HOME is not set",
                path.display()
            ))
            .hint("set HOME, or use absolute paths")),
            (Err(_), _) => Ok(path),
        };
        paths.into_iter().map(path).collect::<Result<Vec<_>, _>>()
    };
    let named = |name: &String| {
        Protection::named(name)
            .ok_or_else(|| Failure::configuration(format!("there is no protection `{name}`")))
    };
    Ok(ah_executor_local::SandboxSettings {
        profile: settings.profile,
        is_optional,
        require: settings
            .require
            .iter()
            .map(named)
            .collect::<Result<_, _>>()?,
        tools: toolchain_places(|name| std::env::var_os(name)),
        read: absolute("sandbox.read", settings.read)?,
        write: absolute("sandbox.write", settings.write)?,
        deny: absolute("sandbox.deny", settings.deny)?,
        home,
    })
}

async fn start(
    config: EngineConfig,
    store: Arc<SqliteStore>,
    program: Program,
    catalog: Catalog,
    host: HostSettings,
) -> Result<LocalTaskManager, StartError> {
    let recorder = RecorderCommand {
        args: ["agent", "record", "--folder"].map(str::to_owned).to_vec(),
        program: program.path,
    };
    let HostSettings {
        workspaces,
        sandbox,
    } = host;
    let push = match workspaces.may_push {
        true => PushPolicy::Allowed,
        false => PushPolicy::Refused,
    };
    let executor = LocalExecutor::new(config.home.clone(), recorder, catalog)
        .with_workspaces(|host| {
            host.set_push(push);
            host.set_file_limit(workspaces.file_bytes_max);
            host.set_providers(workspaces.providers);
            host.set_bases_limit(workspaces.base_bytes_max);
        })
        .with_sandbox(sandbox);
    LocalTaskManager::start(
        config,
        store,
        Arc::new(executor),
        Arc::new(SystemClock),
        IdSource::system(),
    )
    .await
}

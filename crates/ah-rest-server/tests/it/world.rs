//! A state folder, agents controlled by the test, and servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ah_engine::testing::{Behavior, FakeHost};
use ah_engine::{Clock, EngineConfig, IdSource, LocalTaskManager, StartError, SystemClock};
use ah_rest_api_contract::{
    AccessPoint, EphemeralEvent, EventPayload, Log, LogLevel, SessionId, Thought,
};
use ah_rest_mock_client::{MockTaskManager, ScriptBuilder};
use ah_rest_server::{
    Config, Host, ServeError, ServerClock, SessionSettings, Sources, lock_home, read_published,
    serve,
};
use ah_store::Store;
use ah_store_sqlite::SqliteStore;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::Client;

/// The maximum wait before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The number of turns that an agent of the mock waits in.
const TURNS_MAX: usize = 8;

/// The access point behind the server of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// The engine, with a store and the agents of a [`FakeHost`].
    Engine,
    /// The mock.
    Mock,
}

/// Declares a test per [`Backend`] for each of these functions.
macro_rules! on_each_backend {
    (@ $module:ident $backend:ident $($test:ident)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::world::Backend::$backend).await;
                }
            )+
        }
    };
    ($($test:ident),+ $(,)?) => {
        on_each_backend!(@ engine Engine $($test)+);
        on_each_backend!(@ mock Mock $($test)+);
    };
}
pub(crate) use on_each_backend;

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) agents: Agents,
    clock: Arc<dyn Clock>,
    settings: Vec<(&'static str, String)>,
    server_clock: ServerClock,
}

/// The agents of a world. They outlive its servers.
#[derive(Clone)]
pub(crate) enum Agents {
    Engine(FakeHost),
    Mock(MockTaskManager),
}

impl Agents {
    /// Returns the host of the engine's agents.
    pub(crate) fn host(&self) -> &FakeHost {
        match self {
            Self::Engine(host) => host,
            Self::Mock(_) => panic!("the mock has no host"),
        }
    }

    /// Appends an event of the agent.
    pub(crate) fn event(&self, id: SessionId, event: EventPayload) {
        match self {
            Self::Engine(host) => host.event(id, event),
            Self::Mock(mock) => mock.emit(id, event).unwrap(),
        }
    }

    /// Appends a thought of the agent.
    pub(crate) fn thought(&self, id: SessionId, text: &str) {
        let thought = Thought::new(text.to_owned());
        self.event(id, EventPayload::Thought(thought));
    }

    /// Appends a log line of the agent.
    pub(crate) fn log(&self, id: SessionId, level: LogLevel, message: &str) {
        let log = Log::new(level, message.to_owned());
        self.event(id, EventPayload::Log(log));
    }

    /// Sends an ephemeral event of the agent.
    pub(crate) fn show(&self, id: SessionId, event: EphemeralEvent) {
        match self {
            Self::Engine(host) => host.show(id, event),
            Self::Mock(mock) => mock.emit_ephemeral(id, event).unwrap(),
        }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl World {
    /// Creates a world on the host's clock, with agents controlled by the test.
    pub(crate) fn new(backend: Backend) -> Self {
        Self::on(backend, Behavior::Directed)
    }

    /// Creates a world on the host's clock, with agents that play the scenarios of their settings.
    pub(crate) fn scripted(backend: Backend) -> Self {
        Self::on(backend, Behavior::Scripted)
    }

    fn on(backend: Backend, behavior: Behavior) -> Self {
        match backend {
            Backend::Engine => Self::of(Arc::new(SystemClock), behavior),
            Backend::Mock => Self::with_agents(Agents::Mock(mock()), Arc::new(SystemClock)),
        }
    }

    /// Creates a world of the engine on this clock.
    pub(crate) fn of(clock: Arc<dyn Clock>, behavior: Behavior) -> Self {
        let host = FakeHost::new(clock.clone(), behavior);
        Self::with_agents(Agents::Engine(host), clock)
    }

    fn with_agents(agents: Agents, clock: Arc<dyn Clock>) -> Self {
        let server_clock = clock.clone();
        Self {
            home: tempfile::tempdir().unwrap(),
            agents,
            clock,
            settings: vec![
                ("server.port", "0".into()),
                ("sessions.allowed-env", "GREETING".into()),
            ],
            server_clock: ServerClock::new(move || server_clock.now()),
        }
    }

    /// Sets a key of the configuration.
    pub(crate) fn with(mut self, key: &'static str, value: &str) -> Self {
        self.settings.push((key, value.to_owned()));
        self
    }

    /// Sets the clock of the server; the access point keeps the clock of the world.
    pub(crate) fn with_clock(mut self, clock: ServerClock) -> Self {
        self.server_clock = clock;
        self
    }

    pub(crate) fn config(&self) -> Config {
        Config::load(&Sources {
            home: self.home.path(),
            file: None,
            environment: &[],
            flags: &self.settings,
        })
        .unwrap()
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let path = self.home.path().join("state.db");
        Arc::new(SqliteStore::open(&path).await.unwrap())
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn server(&self) -> Server {
        let server = self.begin().await.unwrap();
        server.ready().await;
        server
    }

    /// Starts a server that listens.
    pub(crate) async fn begin(&self) -> Result<Server, ServeError> {
        self.begin_after(std::future::ready(())).await
    }

    /// Starts a server that listens. Its access point starts once `gate` is open.
    pub(crate) async fn begin_after(
        &self,
        gate: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Server, ServeError> {
        let config = self.config();
        let lock = lock_home(self.home.path()).await?;
        let store = self.store().await;
        let access = self.access_point(&config, store.clone());
        let host = Host {
            lock,
            keys: store,
            clock: self.server_clock.clone(),
            version: "1.2.3".into(),
        };
        let (listening, address) = oneshot::channel();
        let shutdown = CancellationToken::new();
        let start = async move {
            gate.await;
            access.await
        };
        let serving = serve(config, host, start, listening, shutdown.clone());
        let serving = tokio::spawn(serving);
        let Ok(address) = address.await else {
            serving.await.unwrap()?;
            panic!("the server ended before it listened");
        };
        let published = read_published(self.home.path()).unwrap().unwrap();
        let key = published.api_key.map(|key| key.expose().to_owned());
        Ok(Server {
            address,
            client: Client::new(address, key),
            shutdown,
            serving,
        })
    }

    /// Starts the access point.
    fn access_point(
        &self,
        config: &Config,
        store: Arc<dyn Store>,
    ) -> impl Future<Output = Result<Arc<dyn AccessPoint>, StartError>> + Send + 'static {
        let SessionSettings {
            max_concurrent_tasks,
            allowed_env,
            ..
        } = config.sessions();
        let engine = EngineConfig {
            max_concurrent_tasks,
            allowed_env,
            ..EngineConfig::new(self.home.path().to_owned())
        };
        let clock = self.clock.clone();
        let agents = self.agents.clone();
        async move {
            Ok(match agents {
                Agents::Mock(mock) => Arc::new(mock) as Arc<dyn AccessPoint>,
                Agents::Engine(host) => {
                    let ids = IdSource::system();
                    let host = Arc::new(host);
                    Arc::new(LocalTaskManager::start(engine, store, host, clock, ids).await?)
                }
            })
        }
    }
}

/// Creates a mock whose agents wait in their turns, unless their settings name a scenario.
fn mock() -> MockTaskManager {
    let script = (0..TURNS_MAX).fold(ScriptBuilder::new("directed"), |script, _| {
        script.hang().next_turn()
    });
    MockTaskManager::builder()
        .starting_at(SystemClock.now())
        .allow_env("GREETING")
        .script(script.build())
        .build()
}

impl Server {
    /// Waits until the server is ready.
    pub(crate) async fn ready(&self) {
        let ready = async {
            while self.client.get("/ready").await.status != 200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.unwrap();
    }

    /// Launches a session whose agent is controlled by the test.
    pub(crate) async fn launch(&self) -> SessionId {
        self.launch_task(&a_task()).await
    }

    /// Launches a task of one session.
    pub(crate) async fn launch_task(&self, task: &serde_json::Value) -> SessionId {
        let answer = self.client.post("/api/v1/tasks", task).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["session_ids"][0]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Launches a session and waits until its agent is in a turn.
    pub(crate) async fn running(&self) -> SessionId {
        let id = self.launch().await;
        self.until(id, "running").await;
        id
    }

    /// Waits until the session's log contains this status.
    pub(crate) async fn until(&self, id: SessionId, status: &str) {
        let mut events = self
            .client
            .events(&format!("/api/v1/sessions/{id}/events?type=status"))
            .await;
        while let Some(frame) = events.next().await {
            if frame.json()["status"] == status {
                return;
            }
        }
        panic!("the session {id} was never {status}");
    }

    /// Shuts the server down and returns its result.
    pub(crate) async fn end(self) -> Result<(), ServeError> {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap()
    }

    /// Waits until the server ends by itself, and returns its result.
    pub(crate) async fn ended(self) -> Result<(), ServeError> {
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) fn shut_down(&self) {
        self.shutdown.cancel();
    }
}

/// Returns a task of one session that waits for prompts.
pub(crate) fn a_task() -> serde_json::Value {
    json!({
        "prompt": "do it",
        "repo": {"mode": "none"},
        "agents": [{"type": "scenario"}],
        "interactive": true,
    })
}

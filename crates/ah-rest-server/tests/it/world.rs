//! A state folder, a host with agents controlled by the test, and servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ah_engine::fake_host::{Behavior, FakeHost};
use ah_engine::{Clock, EngineConfig, IdSource, LocalTaskManager, StartError, SystemClock};
use ah_rest_api_contract::{AccessPoint, SessionId};
use ah_rest_server::{Config, Host, ServeError, Sources, read_published, serve};
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

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) host: FakeHost,
    clock: Arc<dyn Clock>,
    settings: Vec<(&'static str, String)>,
    server_clock: Arc<dyn Clock>,
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
    pub(crate) fn new() -> Self {
        Self::of(Arc::new(SystemClock), Behavior::Directed)
    }

    pub(crate) fn of(clock: Arc<dyn Clock>, behavior: Behavior) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            host: FakeHost::new(clock.clone(), behavior),
            clock: clock.clone(),
            settings: vec![
                ("server.port", "0".into()),
                ("sessions.allowed-env", "GREETING".into()),
            ],
            server_clock: clock,
        }
    }

    /// Sets a key of the configuration.
    pub(crate) fn with(mut self, key: &'static str, value: &str) -> Self {
        self.settings.push((key, value.to_owned()));
        self
    }

    /// Sets the clock of the server; the engine keeps the clock of the world.
    pub(crate) fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
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

    /// Starts a server that listens. Its engine starts once `gate` is open.
    pub(crate) async fn begin_after(
        &self,
        gate: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Server, ServeError> {
        let config = self.config();
        let store = self.store().await;
        let engine = config.engine_config(EngineConfig::new(self.home.path().to_owned()));
        let start = LocalTaskManager::start(
            engine,
            store.clone(),
            Arc::new(self.host.clone()),
            self.clock.clone(),
            IdSource::system(),
        );
        let host = Host {
            home: self.home.path().to_owned(),
            keys: store,
            clock: self.server_clock.clone(),
            version: "1.2.3".into(),
        };
        let (listening, address) = oneshot::channel();
        let shutdown = CancellationToken::new();
        let start = async move {
            gate.await;
            let engine = start.await?;
            Ok::<Arc<dyn AccessPoint>, StartError>(Arc::new(engine))
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
        let answer = self.client.post("/api/v1/tasks", &a_task()).await;
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

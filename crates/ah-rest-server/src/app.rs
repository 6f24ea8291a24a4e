//! What every request is answered with: the engine, once it has started, and all around it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ah_engine::{Clock, IdSource, LocalTaskManager};
use ah_rest_api_contract::{ErrorKind, Timestamp};
use ah_store::Store;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::auth::{Keys, Names};
use crate::config::Config;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::problem::ApiError;
use crate::streams::Frames;

/// The server's state, shared by all requests.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    config: Config,
    home: PathBuf,
    version: String,
    store: Arc<dyn Store>,
    engine: OnceLock<LocalTaskManager>,
    clock: Arc<dyn Clock>,
    ids: IdSource,
    keys: Keys,
    names: Names,
    limits: Limits,
    metrics: Metrics,
    frames: Frames,
    openapi: Bytes,
    closing: CancellationToken,
}

/// What an [`App`] is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) home: PathBuf,
    pub(crate) version: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) openapi: Bytes,
    pub(crate) closing: CancellationToken,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            keys: Keys::new(parts.store.clone()),
            names: Names::of(&parts.config),
            limits: Limits::new(&parts.config.limits),
            frames: Frames::default(),
            engine: OnceLock::new(),
            ids: IdSource::system(),
            config: parts.config,
            home: parts.home,
            version: parts.version,
            store: parts.store,
            clock: parts.clock,
            metrics: parts.metrics,
            openapi: parts.openapi,
            closing: parts.closing,
        }))
    }

    /// The engine has started, and requests are served from now on.
    pub(crate) fn engine_started(&self, engine: LocalTaskManager) {
        // There is one engine a server, so the first is the only one.
        if self.0.engine.set(engine).is_err() {
            tracing::warn!("the engine was started twice; the first one serves");
        }
    }

    /// The engine, while it serves.
    pub(crate) fn engine(&self) -> Result<&LocalTaskManager, ApiError> {
        if self.0.closing.is_cancelled() {
            return Err(unavailable("the server is shutting down"));
        }
        self.0
            .engine
            .get()
            .ok_or_else(|| unavailable("the server is starting"))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn home(&self) -> &Path {
        &self.0.home
    }

    pub(crate) fn version(&self) -> &str {
        &self.0.version
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A new id, for what has none.
    pub(crate) fn new_id(&self) -> String {
        self.0.ids.next(self.now()).to_string()
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn frames(&self) -> &Frames {
        &self.0.frames
    }

    /// The OpenAPI document, as JSON.
    pub(crate) fn openapi(&self) -> Bytes {
        self.0.openapi.clone()
    }

    /// Cancelled when the server begins to shut down.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }
}

fn unavailable(detail: &str) -> ApiError {
    ApiError::new(
        ErrorKind::Unavailable,
        format!("{detail}; try again in a moment"),
    )
}

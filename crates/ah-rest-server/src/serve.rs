//! The server's life: one a state folder, listening before its engine has started, and gone
//! without a trace but the log.

mod connections;
mod patient;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ah_engine::{Clock, LocalTaskManager, StartError};
use ah_rest_api_contract::{AccessPointFile, ApiKeyText};
use ah_store::Store;
use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Parts};
use crate::auth::{FileError, KeyError, local_key, publish, withdraw};
use crate::config::Config;
use crate::lock::{HomeLock, LockError};
use crate::metrics::{Metrics, UPKEEP_EVERY};
use crate::openapi;
use crate::router::router;

/// How many connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 4096;
/// How often a lock that is held is tried again, and how far apart.
const LOCK_TRIES: u32 = 10;
const LOCK_TRY_EVERY: Duration = Duration::from_millis(20);
/// How long requests that are being answered may take when the server shuts down.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What a server stands on.
pub struct Host {
    /// The state folder, which must be there.
    pub home: PathBuf,
    /// The store that the engine uses as well; the engine closes it.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The version of the program, for `/api/v1/version`.
    pub version: String,
}

/// Why a server does not run, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another server runs on the state folder.
    #[error(
        "another access point runs on {home}{}; stop it first, or set AH_HOME to another folder",
        pid.map(|pid| format!(" as process {pid}")).unwrap_or_default()
    )]
    AlreadyRunning {
        /// The state folder.
        home: PathBuf,
        /// The other server's process, when it says so.
        pid: Option<u32>,
    },
    /// The state folder cannot be used.
    #[error("the state folder {home} cannot be used")]
    Home {
        /// The folder.
        home: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another program listens there.
    #[error(
        "port {port} of {address} is taken by another program; choose another port, or 0 for any \
         that is free"
    )]
    PortTaken {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no key for this host's user.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Where the server is cannot be published.
    #[error(transparent)]
    Publish(#[from] FileError),
    /// The engine did not start.
    #[error("the engine cannot start")]
    Engine(#[from] StartError),
    /// The server's parts do not fit together.
    #[error("the server cannot be put together: {0}")]
    Assembly(String),
}

/// Serves until `shutdown` is cancelled, then ends in order: it takes no more connections, ends
/// its streams, lets requests come to their end for ten seconds, and stops the engine, whose agents
/// go on under their recorders.
///
/// It listens before `start`, the start of the engine, is through, so that whoever looks after it
/// sees that it is alive and not ready. `listening` is told the address once everything is
/// published; a receiver that is gone is no loss.
///
/// # Errors
/// When it cannot begin, and when the engine does not start.
pub async fn serve(
    config: Config,
    host: Host,
    start: impl Future<Output = Result<LocalTaskManager, StartError>>,
    listening: oneshot::Sender<SocketAddr>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let _lock = lock(&host).await?;
    let listener = listen(&config)?;
    let address = listener.local_addr().map_err(|source| ServeError::Listen {
        address: SocketAddr::new(config.server.bind, config.server.port),
        source,
    })?;
    let home = host.home.clone();
    let key = match config.auth.insecure_no_auth {
        true => None,
        false => Some(local_key(host.store.as_ref(), &home, host.clock.now()).await?),
    };
    publish(
        &home,
        &published(&host, address, key.map(|key| ApiKeyText::new(key.reveal())))?,
    )?;
    let closing = CancellationToken::new();
    let app = app(config, host, closing.clone())?;
    let accepting =
        connections::accept(listener, app.clone(), router(app.clone()), closing.clone());
    let accepting = tokio::spawn(accepting);
    tracing::info!(%address, "listening");
    // Nobody may be there to hear it.
    listening.send(address).ok();
    let ended = run(&app, start, &shutdown).await;
    // From here on nobody is to be sent here; commands that come meanwhile go without a server.
    let withdrawn = withdraw(&home);
    closing.cancel();
    if tokio::time::timeout(DRAIN_MAX, accepting).await.is_err() {
        tracing::warn!("some requests were cut off");
    }
    if let Ok(Some(engine)) = &ended {
        engine.shutdown().await;
    }
    withdrawn?;
    ended.map(drop)
}

/// Starts the engine and serves until the end; the engine is returned to be stopped.
async fn run(
    app: &App,
    start: impl Future<Output = Result<LocalTaskManager, StartError>>,
    shutdown: &CancellationToken,
) -> Result<Option<LocalTaskManager>, ServeError> {
    let engine = tokio::select! {
        engine = start => engine?,
        () = shutdown.cancelled() => return Ok(None),
    };
    app.engine_started(engine.clone());
    tracing::info!("ready");
    let metrics = app.metrics().clone();
    let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(Some(engine)),
            _ = upkeep.tick() => metrics.keep_up(),
        }
    }
}

/// Takes the state folder. Whoever looks whether a server runs holds its lock for a moment, so one
/// that is held is tried for a little while before it is taken for another server's.
async fn lock(host: &Host) -> Result<HomeLock, ServeError> {
    let mut tries = 0;
    loop {
        match HomeLock::take(&host.home) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held(_)) if tries < LOCK_TRIES => {
                tries += 1;
                tokio::time::sleep(LOCK_TRY_EVERY).await;
            }
            Err(LockError::Held(pid)) => {
                let home = host.home.clone();
                return Err(ServeError::AlreadyRunning { home, pid });
            }
            Err(LockError::Io(source)) => {
                let home = host.home.clone();
                return Err(ServeError::Home { home, source });
            }
        }
    }
}

fn listen(config: &Config) -> Result<TcpListener, ServeError> {
    let address = SocketAddr::new(config.server.bind, config.server.port);
    let open = || -> io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A server that was killed leaves connections behind that would keep its port for a while.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken {
            address: address.ip(),
            port: address.port(),
        },
        _ => ServeError::Listen { address, source },
    })
}

/// What clients of this host are told. A server that listens on all addresses is found on this
/// host's own.
fn published(
    host: &Host,
    address: SocketAddr,
    api_key: Option<ApiKeyText>,
) -> Result<AccessPointFile, ServeError> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let url = format!("http://{}", SocketAddr::new(ip, address.port()));
    Ok(AccessPointFile {
        url: url
            .parse()
            .map_err(|_| ServeError::Assembly(format!("`{url}` is no URL")))?,
        api_key,
        pid: std::process::id(),
        version: host.version.clone(),
    })
}

fn app(config: Config, host: Host, closing: CancellationToken) -> Result<App, ServeError> {
    let document = openapi_json().map_err(|error| ServeError::Assembly(error.to_string()))?;
    let metrics = Metrics::new().map_err(|error| ServeError::Assembly(error.to_string()))?;
    Ok(App::new(Parts {
        config,
        home: host.home,
        version: host.version,
        store: host.store,
        clock: host.clock,
        metrics,
        openapi: Bytes::from(document),
        closing,
    }))
}

/// The OpenAPI document of this server's API, as JSON.
///
/// # Errors
/// When it has no JSON, which is a defect.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    let (_, document) = crate::routes::all().split_for_parts();
    let document = openapi::complete(document, env!("CARGO_PKG_VERSION"));
    document.to_pretty_json().map(|text| text + "\n")
}

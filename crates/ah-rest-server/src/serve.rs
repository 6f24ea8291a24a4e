//! The lifecycle of the server: one per state folder, listening before its access point has
//! started.

mod connections;
mod descriptors;
mod memory;
mod write_timeout;

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ah_rest_api_contract::{AccessPoint, AccessPointFile, ApiKeyText};
use ah_store::Keys;
use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::app::{App, Steps};
use crate::auth::{
    FileError, Gate, KeyChecker, KeyError, MetricsAccess, Names, local_key, publish, withdraw,
};
use crate::clock::ServerClock;
use crate::config::Config;
use crate::cors::Cors;
use crate::lock::{HomeLock, LockError};
use crate::metrics::{Metrics, UPKEEP_EVERY};
use crate::openapi;
use crate::request::RequestIds;
use crate::router::Site;
use crate::routes::Routes;
use crate::state::{About, Facts};
use crate::throttle::Throttle;

/// The number of connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 4096;
/// The number of retries for a held lock.
const LOCK_TRIES: u32 = 10;
/// The time between two retries.
const LOCK_TRY_EVERY: Duration = Duration::from_millis(20);
/// The time for which a server that cannot go on reports the reason before it ends.
const LOST_SHOWN: Duration = Duration::from_secs(5);
/// The time that open requests have when the server shuts down.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// The environment of a server.
pub struct Host {
    /// The lock of the state folder.
    pub lock: HomeLock,
    /// The store of the API keys.
    pub keys: Arc<dyn Keys>,
    /// The clock.
    pub clock: ServerClock,
    /// The version of the program, for `/api/v1/version`.
    pub version: String,
}

/// The reason that a server cannot run.
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
        /// The other server's process, if known.
        pid: Option<u32>,
    },
    /// The state folder cannot be used.
    #[error("the state folder {home} cannot be used")]
    Home {
        /// The folder.
        home: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Another program listens on the address.
    #[error("port {port} of {address} is in use; choose another port, or 0 for a free one")]
    PortTaken {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// The server cannot listen on the address.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// There is no key for this host's user.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The address of the server cannot be published.
    #[error(transparent)]
    Publish(#[from] FileError),
    /// The access point did not start.
    #[error("the engine cannot start")]
    Start(#[source] Box<dyn Error + Send + Sync>),
    /// The access point lost what it stores.
    #[error("the access point cannot continue: {reason}; agents that still run have no supervisor")]
    Lost {
        /// The cause.
        reason: String,
    },
    /// The server's parts are inconsistent.
    #[error("the server's parts are inconsistent: {0}")]
    Assembly(String),
}

/// Serves until `shutdown` is cancelled. The server then accepts no more connections, ends its
/// streams, waits at most ten seconds for open requests, and shuts the access point down. Its
/// agents keep running under their recorders.
///
/// The server listens before `start` has started the access point, so that it is alive before it is
/// ready. `listening` receives the address once it is published.
///
/// # Errors
/// If the server cannot listen, or the access point does not start.
pub async fn serve<E>(
    config: Config,
    host: Host,
    start: impl Future<Output = Result<Arc<dyn AccessPoint>, E>>,
    listening: oneshot::Sender<SocketAddr>,
    shutdown: CancellationToken,
) -> Result<(), ServeError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let listener = listen(&config)?;
    let address = listener.local_addr().map_err(|source| ServeError::Listen {
        address: SocketAddr::new(config.server.bind, config.server.port),
        source,
    })?;
    let home = host.lock.home().to_owned();
    let key = match config.auth.insecure_no_auth {
        true => None,
        false => Some(local_key(host.keys.as_ref(), &home, host.clock.now()).await?),
    };
    let file = published(&host, address, key.map(|key| ApiKeyText::new(key.reveal())))?;
    let unpublished = try_publish(&home, &file)?.then_some((home.clone(), file));
    let limits = connections::ConnectionLimits {
        connections: descriptors::fitted(
            config.server.max_connections,
            config.limits.max_concurrent_tasks.get(),
        ),
        idle_timeout: Duration::from_millis(config.server.idle_timeout_ms),
        write_timeout: Duration::from_millis(config.server.write_timeout_ms),
    };
    let closing = CancellationToken::new();
    let site = site(&config, &host, closing.clone())?;
    let (phase, router) = watch::channel(site.unavailable("the server is starting").holding());
    let metrics = site.steps.metrics.clone();
    let accepting = connections::accept(listener, router, limits, metrics, closing.clone());
    #[expect(
        clippy::disallowed_methods,
        reason = "this function joins it, and aborts it when dropped"
    )]
    let accepting = AbortOnDropHandle::new(tokio::spawn(accepting));
    tracing::info!(%address, "listening");
    // The receiver may have been dropped.
    listening.send(address).ok();
    let ended = run(&site, &phase, start, unpublished, &shutdown).await;
    notify_service_manager(sd_notify::NotifyState::Stopping);
    drop(phase.send_replace(site.unavailable("the server is shutting down")));
    // From here on, commands find no running server.
    let withdrawn = withdraw(&home);
    closing.cancel();
    if tokio::time::timeout(DRAIN_MAX, accepting).await.is_err() {
        tracing::warn!("some requests were cut off");
    }
    let lost = match ended? {
        Ended::Early => None,
        Ended::Shutdown(access) => {
            access.shutdown().await;
            None
        }
        Ended::Lost(access, reason) => {
            access.shutdown().await;
            Some(reason)
        }
    };
    match lost {
        Some(reason) => Err(ServeError::Lost { reason }),
        None => Ok(withdrawn?),
    }
}

/// Publishes the address of the server. Returns true if it has to be repeated because the disk is
/// full, which does not keep a server from showing its sessions.
fn try_publish(home: &Path, file: &AccessPointFile) -> Result<bool, FileError> {
    match publish(home, file) {
        Ok(()) => Ok(false),
        Err(error) if error.is_of_full_disk() => {
            let error = &error as &dyn Error;
            tracing::warn!(
                error,
                "commands of this host do not find the server for now"
            );
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// The end of the phase in which a server serves.
enum Ended {
    /// The server was shut down before its access point had started.
    Early,
    /// The server is shut down.
    Shutdown(Arc<dyn AccessPoint>),
    /// The access point cannot go on, for this reason.
    Lost(Arc<dyn AccessPoint>, String),
}

/// Starts the access point and serves it until `shutdown`, or until it cannot go on. Publishes the
/// file in the folder `unpublished` as soon as that is possible.
async fn run<E>(
    site: &Site,
    phase: &watch::Sender<App>,
    start: impl Future<Output = Result<Arc<dyn AccessPoint>, E>>,
    mut unpublished: Option<(PathBuf, AccessPointFile)>,
    shutdown: &CancellationToken,
) -> Result<Ended, ServeError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let access = tokio::select! {
        started = start => started.map_err(|error| ServeError::Start(error.into()))?,
        () = shutdown.cancelled() => return Ok(Ended::Early),
    };
    drop(phase.send_replace(site.serving(access.clone())));
    notify_service_manager(sd_notify::NotifyState::Ready);
    tracing::info!("ready");
    let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
    let mut returned = 0;
    let reason = {
        let mut lost = access.lost();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break None,
                reason = &mut lost => break Some(reason),
                _ = upkeep.tick() => {
                    site.steps.metrics.keep_up();
                    memory::give_back(&mut returned);
                    if let Some((home, file)) = &unpublished && !try_publish(home, file)? {
                        unpublished = None;
                    }
                }
            }
        }
    };
    let Some(reason) = reason else {
        return Ok(Ended::Shutdown(access));
    };
    drop(phase.send_replace(site.unavailable(&reason)));
    // Those who watch the server learn the reason before it ends.
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(LOST_SHOWN) => {}
    }
    Ok(Ended::Lost(access, reason))
}

/// Reports the state of the server to the service manager, if one started it (`Type=notify`).
fn notify_service_manager(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(
            error = &error as &dyn Error,
            "the service manager cannot be notified"
        );
    }
}

/// Locks the state folder `home`, which must exist, for a server. A command that looks for a server
/// holds the lock briefly, so a held lock is retried before another server is assumed.
///
/// # Errors
/// [`ServeError::AlreadyRunning`] if another server holds it, and [`ServeError::Home`] if the folder
/// cannot be used.
pub async fn lock_home(home: &Path) -> Result<HomeLock, ServeError> {
    let mut tries = 0;
    loop {
        match HomeLock::take(home) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held(_)) if tries < LOCK_TRIES => {
                tries += 1;
                tokio::time::sleep(LOCK_TRY_EVERY).await;
            }
            Err(LockError::Held(pid)) => {
                let home = home.to_owned();
                return Err(ServeError::AlreadyRunning { home, pid });
            }
            Err(LockError::Io(source)) => {
                let home = home.to_owned();
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
        // Connections of a killed server would block the port for some time.
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

/// Returns the file for clients on this host. A server that listens on all addresses is reached
/// through the loopback address.
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

/// The parts of the server's routers.
fn site(config: &Config, host: &Host, closing: CancellationToken) -> Result<Site, ServeError> {
    let document = openapi_json().map_err(|error| ServeError::Assembly(error.to_string()))?;
    let ids = RequestIds::new().map_err(|error| ServeError::Assembly(error.to_string()))?;
    let metrics =
        Metrics::new(&host.version).map_err(|error| ServeError::Assembly(error.to_string()))?;
    let throttle = Throttle::new(&config.limits, metrics.clone(), host.clock.clone());
    let keys = (!config.auth.insecure_no_auth).then(|| KeyChecker::new(host.keys.clone()));
    let routes = Routes::new(&metrics).map_err(|error| ServeError::Assembly(error.to_string()))?;
    let names = Names::of(config);
    Ok(Site {
        about: About::new(Facts {
            version: host.version.clone().into(),
            home: host.lock.home().into(),
            openapi: Bytes::from(document),
            openapi_3_0: OnceLock::new(),
            clock: host.clock.clone(),
            metrics: metrics.clone(),
            access: None,
        }),
        steps: Arc::new(Steps {
            routes,
            ids,
            clock: host.clock.clone(),
            metrics,
            cors: Cors::new(&names),
            names,
            gate: Gate { keys },
            metrics_access: MetricsAccess {
                is_public: config.auth.public_metrics,
            },
            throttle,
            body_limit: config.server.body_limit,
            request_timeout: Duration::from_millis(config.server.request_timeout_ms),
        }),
        closing,
    })
}

/// The OpenAPI document of this server's API, as JSON.
///
/// # Errors
/// If it has no JSON, which is a defect.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    let document = openapi::document(env!("CARGO_PKG_VERSION"));
    document.to_pretty_json().map(|text| text + "\n")
}

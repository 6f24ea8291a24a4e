//! Accepting connections and responding to their requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::write_timeout::WriteTimeout;
use crate::metrics::Metrics;

/// The maximum time for a client to send the head of a request.
const HEADERS_MAX: Duration = Duration::from_secs(30);
/// The wait after a connection could not be accepted.
const REFUSED_FOR: Duration = Duration::from_millis(100);

/// The limits of connections.
pub(super) struct ConnectionLimits {
    /// The maximum number of open connections.
    pub(super) connections: usize,
    /// The time after which a peer that reads no data is disconnected.
    pub(super) write_timeout: Duration,
}

/// Serves connections until `closing`, each request with the router of the current phase. Then
/// waits for the open connections.
pub(super) async fn accept(
    listener: TcpListener,
    router: watch::Receiver<Router>,
    limits: ConnectionLimits,
    metrics: Metrics,
    closing: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let tasks = TaskTracker::new();
    while let Some((stream, peer, place)) = next(&listener, &places, &closing).await {
        let serving = serve(
            stream,
            peer,
            limits.write_timeout,
            router.clone(),
            &graceful,
        );
        let open = metrics.connection();
        tasks.spawn(async move {
            serving.await;
            drop((open, place));
        });
    }
    drop(listener);
    graceful.shutdown().await;
    tasks.close();
    tasks.wait().await;
}

/// Returns the next connection with its permit, or `None` after `closing`.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    closing: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accepted = async {
        // The semaphore is never closed.
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, place)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(REFUSED_FOR).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = closing.cancelled() => None,
        accepted = accepted => accepted,
    }
}

/// Serves one connection. A peer that reads no data for `write_timeout` is disconnected.
fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    write_timeout: Duration,
    router: watch::Receiver<Router>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    // Otherwise a frame would wait for the client's delayed acknowledgement of the previous one.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection is already gone"
        );
    }
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let current = router.borrow().clone();
        current.oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX);
    builder.http2().timer(TokioTimer::new());
    let io = TokioIo::new(WriteTimeout::new(stream, write_timeout));
    let connection = builder.serve_connection(io, TowerToHyperService::new(service));
    let connection = graceful.watch(connection.into_owned());
    async move {
        if let Err(error) = connection.await {
            // A client may disconnect at any time.
            tracing::debug!(%peer, %error, "a connection broke off");
        }
    }
}

//! Accepting connections, and answering what comes over them.

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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::patient::Patient;
use crate::app::App;

/// How long a client may take to say what it wants.
const HEADERS_MAX: Duration = Duration::from_secs(30);
/// How long to wait when the system has no room for a connection.
const REFUSED_FOR: Duration = Duration::from_millis(100);

/// Answers connections until `closing`, and then those that are open until they are done.
pub(super) async fn accept(
    listener: TcpListener,
    app: App,
    router: Router,
    closing: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(app.config().server.max_connections));
    let patience = Duration::from_millis(app.config().server.write_timeout_ms);
    let graceful = GracefulShutdown::new();
    while let Some((stream, peer, place)) = next(&listener, &places, &closing).await {
        let serving = serve(stream, peer, patience, router.clone(), &graceful);
        let open = app.metrics().connection();
        tokio::spawn(async move {
            serving.await;
            drop((open, place));
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection, with its place among those that may be open; `None` when it is over.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    closing: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accepted = async {
        // The semaphore is never closed, so there is a place sooner or later.
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

/// What answers one connection to its end. A peer that takes nothing for `patience` is given up.
fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    patience: Duration,
    router: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    // Without it a frame waits for the client's delayed acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection is already gone"
        );
    }
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX);
    builder.http2().timer(TokioTimer::new());
    let io = TokioIo::new(Patient::new(stream, patience));
    let connection = builder.serve_connection(io, TowerToHyperService::new(service));
    let connection = graceful.watch(connection.into_owned());
    async move {
        if let Err(error) = connection.await {
            // Clients go as they like; it is theirs to notice.
            tracing::debug!(%peer, %error, "a connection broke off");
        }
    }
}

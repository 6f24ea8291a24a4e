//! Accepting connections and responding to their requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::write_timeout::WriteTimeout;
use crate::app::App;
use crate::metrics::Metrics;
use crate::places::{BusyBody, Place, Places};
use crate::tails;

/// The wait after a connection could not be accepted.
const REFUSED_FOR: Duration = Duration::from_millis(100);
/// The minimum time between two log lines about connections that could not be accepted.
const REFUSED_LOG_EVERY: Duration = Duration::from_secs(10);

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    /// The maximum number of open connections.
    pub(super) connections: usize,
    /// The time after which a connection without a request is closed. It begins with the
    /// connection and includes the head of the request.
    pub(super) idle_timeout: Duration,
    /// The time after which a peer that reads no data is disconnected.
    pub(super) write_timeout: Duration,
}

/// Serves connections until `closing`, each request with the app of the current phase. Then
/// waits for the open connections.
pub(super) async fn accept(
    listener: TcpListener,
    app: watch::Receiver<App>,
    limits: ConnectionLimits,
    metrics: Metrics,
    closing: CancellationToken,
) {
    let places = Places::new(limits.connections);
    let graceful = GracefulShutdown::new();
    let tasks = TaskTracker::new();
    let mut refusals = Refusals::default();
    while let Some((stream, place)) = next(&listener, &places, &mut refusals, &closing).await {
        let serving = serve(stream, place, limits, app.clone(), &graceful);
        let open = metrics.connection();
        tasks.spawn(async move {
            serving.await;
            drop(open);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    tasks.close();
    tasks.wait().await;
}

/// Returns the next connection with its place, or `None` after `closing`.
async fn next(
    listener: &TcpListener,
    places: &Places,
    refusals: &mut Refusals,
    closing: &CancellationToken,
) -> Option<((TcpStream, SocketAddr), Place)> {
    let accepted = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return ((stream, peer), places.take(peer).await),
                Err(error) => {
                    refusals.log(&error);
                    // The likely cause is a lack of descriptors, of which one becomes free.
                    places.evict();
                    tokio::time::sleep(REFUSED_FOR).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = closing.cancelled() => None,
        accepted = accepted => Some(accepted),
    }
}

/// The log of connections that could not be accepted, which a lack of descriptors makes many.
#[derive(Debug, Default)]
struct Refusals {
    logged_at: Option<Instant>,
    unlogged: u64,
}

impl Refusals {
    fn log(&mut self, error: &std::io::Error) {
        self.unlogged += 1;
        let is_due = self
            .logged_at
            .is_none_or(|at| at.elapsed() >= REFUSED_LOG_EVERY);
        if is_due {
            let times = std::mem::take(&mut self.unlogged);
            tracing::warn!(%error, times, "a connection could not be accepted");
            self.logged_at = Some(Instant::now());
        }
    }
}

/// Serves one connection within `limits`.
fn serve(
    (stream, peer): (TcpStream, SocketAddr),
    place: Place,
    limits: ConnectionLimits,
    app: watch::Receiver<App>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    // Otherwise a frame would wait for the client's delayed acknowledgement of the previous one.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection is already gone"
        );
    }
    let use_of = place.connection().clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = use_of.busy();
        let mut request = request.map(Body::new);
        tails::join(request.uri_mut());
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(use_of.clone());
        let phase = app.clone();
        async move {
            let app = App::of_phase(phase, request.uri()).await;
            let response = app.respond(request).await;
            Ok::<_, Infallible>(response.map(|body| BusyBody::new(body, busy)))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // `overdue` ends a connection whose request does not arrive. A timer per request would cost more
    // than a small response.
    builder.http1().header_read_timeout(None);
    builder.http2().timer(TokioTimer::new());
    let stream = WriteTimeout::new(stream, limits.write_timeout, place.connection().clone());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection.into_owned());
    async move {
        tokio::select! {
            served = connection => if let Err(error) = served {
                // A client may disconnect at any time.
                tracing::debug!(%peer, %error, "a connection broke off");
            },
            // A connection is busy from the end of a request's head to the end of its response.
            reason = place.connection().overdue(limits.idle_timeout) => {
                tracing::debug!(%peer, reason, "a connection was closed");
            }
        }
    }
}

//! A server with the real HTTP protocols, with or without TLS, that records its requests.

use std::convert::Infallible;
use std::sync::Arc;

use ah_rest_api_contract::SessionStatus;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::samples::{frames, session};

/// A recorded request.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    pub(crate) path: String,
}

/// The server, which stops when dropped. It returns a session, and its three events for a stream
/// request.
pub(crate) struct Served {
    port: u16,
    seen: mpsc::UnboundedReceiver<Seen>,
    _tasks: JoinSet<()>,
}

impl Served {
    pub(crate) async fn start(tls: Option<TlsAcceptor>) -> Self {
        Self::start_with_streams(tls, 1).await
    }

    /// Starts a server that answers no request for a stream before it has `streams` of them. A
    /// stream that ends early could otherwise leave its connection to a later one.
    pub(crate) async fn start_with_streams(tls: Option<TlsAcceptor>, streams: usize) -> Self {
        let all_streams = Arc::new(Barrier::new(streams));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, sender) = (tls.clone(), sender.clone());
                let all_streams = Arc::clone(&all_streams);
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, connection, sender, all_streams).await,
                        Some(tls) => {
                            let stream = tls.accept(stream).await.unwrap();
                            serve(stream, connection, sender, all_streams).await;
                        }
                    }
                });
                connection += 1;
            }
        });
        Self {
            port,
            seen,
            _tasks: tasks,
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the requests so far.
    pub(crate) fn seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: usize,
    seen: mpsc::UnboundedSender<Seen>,
    all_streams: Arc<Barrier>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let path = request.uri().path().to_owned();
        let is_stream = path.ends_with("/events/stream");
        let (media_type, body) = if is_stream {
            ("text/event-stream", frames(0, 3))
        } else {
            let session = session(SessionStatus::Running, 1);
            ("application/json", session.to_string())
        };
        // The test may have stopped reading.
        seen.send(Seen {
            version: request.version(),
            connection,
            path,
        })
        .ok();
        let response = Response::builder()
            .header(CONTENT_TYPE, media_type)
            .body(Full::new(Bytes::from(body)));
        let all_streams = is_stream.then(|| Arc::clone(&all_streams));
        async move {
            if let Some(all_streams) = all_streams {
                all_streams.wait().await;
            }
            Ok::<_, Infallible>(response.unwrap())
        }
    });
    // The client may close the connection at any time.
    auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

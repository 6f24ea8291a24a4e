//! A kept-alive client connection with one request at a time.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The address of a server, and its API key.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) key: Option<String>,
}

/// A connection to a server.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    key: Option<String>,
}

impl Connection {
    pub(crate) async fn open(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(endpoint.address)
            .await
            .context("failed to connect to a server")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with the sender of the connection"
        )]
        tokio::spawn(async move {
            // A pending request reports the same failure.
            connection.await.ok();
        });
        Ok(Self {
            sender,
            key: endpoint.key.clone(),
        })
    }

    /// Returns the body at `path`, which must exist.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Bytes> {
        let (status, body) = self.send(Method::GET, path, None).await?;
        ensure!(
            status == 200,
            "{path} responded with {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }

    /// Posts JSON to `path`, which must accept it, and returns the response.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, body) = self.send(Method::POST, path, Some(body)).await?;
        ensure!(
            (200..300).contains(&status),
            "{path} responded with {status}: {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).with_context(|| format!("the response of {path} is not JSON"))
    }

    /// Sends a request and returns the status and the body of the response.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Bytes)> {
        self.sender.ready().await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("ApiKey {key}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let answer = self.sender.send_request(request.body(Full::new(body))?);
        let (head, body) = answer.await?.into_parts();
        Ok((head.status.as_u16(), body.collect().await?.to_bytes()))
    }
}

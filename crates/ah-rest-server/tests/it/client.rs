//! A client that shares no code with the server but the codec of events.

use std::collections::VecDeque;
use std::net::SocketAddr;

use ah_rest_api_contract::sse::{Decoded, Decoder, Frame};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::world::PATIENCE;

#[derive(Clone)]
pub(crate) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    pub(crate) key: Option<String>,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the problem and checks that it is complete.
    pub(crate) fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        for field in ["type", "title", "detail", "instance", "requestId"] {
            assert!(
                problem[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {problem}"
            );
        }
        assert_eq!(problem["requestId"], self.header("x-request-id"));
        problem
    }
}

/// A request that is built before it is sent.
pub(crate) struct Ask {
    client: Client,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    pub(crate) async fn open(self) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("http://{}{}", self.client.address, self.path));
        if let Some(key) = &self.client.key {
            request = request.header("authorization", format!("ApiKey {key}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body)).unwrap();
        let answer = self.client.pool.request(request);
        tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn send(self) -> HttpResponse {
        let (head, body) = self.open().await.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect())
            .await
            .unwrap();
        HttpResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn events(self) -> Events {
        let events = self.events_if_any().await;
        events.expect("the stream has not ended")
    }

    /// Opens a stream. `None` if it has nothing beyond the cursor, now or later.
    pub(crate) async fn events_if_any(self) -> Option<Events> {
        let response = self.header("accept", "text/event-stream").open().await;
        if response.status() == 204 {
            return None;
        }
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Some(Events {
            body: response.into_body(),
            decoder: Decoder::new(),
            comments: VecDeque::new(),
            is_cut: false,
        })
    }
}

/// A stream of events.
pub(crate) struct Events {
    body: Incoming,
    decoder: Decoder,
    pub(crate) comments: VecDeque<String>,
    /// True once the body has broken off.
    pub(crate) is_cut: bool,
}

/// A frame of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event(pub(crate) Frame);

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.0.data).unwrap()
    }

    pub(crate) fn seq(&self) -> u64 {
        self.json()["seq"].as_u64().unwrap()
    }
}

impl Events {
    /// Returns the next frame, or `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(PATIENCE, self.read())
            .await
            .expect("there is a frame or an end")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            match self.decoder.pop() {
                Some(Decoded::Frame(mut frame)) => {
                    // It belongs to the connection, and is in its first frame only.
                    frame.retry = None;
                    return Some(Event(frame));
                }
                Some(Decoded::Comment(text)) => self.comments.push_back(text),
                None => {
                    let Ok(chunk) = self.body.frame().await? else {
                        self.is_cut = true;
                        return None;
                    };
                    self.decoder.push(chunk.data_ref().unwrap()).unwrap();
                }
            }
        }
    }

    /// Returns the id from which the stream can be resumed.
    pub(crate) fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Returns all events until the end of the stream.
    pub(crate) async fn until_end(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, key: Option<String>) -> Self {
        Self {
            pool: Pool::builder(TokioExecutor::new()).build_http(),
            address,
            key,
        }
    }

    /// Returns the same client with this key, or none.
    pub(crate) fn with_key(&self, key: Option<&str>) -> Self {
        Self {
            key: key.map(str::to_owned),
            ..self.clone()
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask {
            client: self.clone(),
            method: method.parse().unwrap(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> HttpResponse {
        self.ask("GET", path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> HttpResponse {
        self.ask("POST", path).json(body).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> HttpResponse {
        self.ask("DELETE", path).send().await
    }

    pub(crate) async fn events(&self, path: &str) -> Events {
        self.ask("GET", path).events().await
    }
}

//! A server with byte-level control: it replies to each connection once, and then treats it as
//! told.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// A received request.
pub(crate) struct Request {
    pub(crate) head: String,
}

impl Request {
    /// Returns the method and the path with its query.
    pub(crate) fn line(&self) -> &str {
        self.head
            .lines()
            .next()
            .unwrap()
            .trim_end_matches(" HTTP/1.1")
    }

    /// Returns the value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found.eq_ignore_ascii_case(name)).then(|| value.trim())
        })
    }
}

/// The bytes of a reply, and the end of its connection.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    /// The connection stays open and silent until the server is dropped.
    Hold,
    /// The connection is reset, as by a process that dies with unread bytes (RST).
    Reset,
}

impl Reply {
    pub(crate) fn close(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            then: Then::Close,
        }
    }

    pub(crate) fn hold(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            then: Then::Hold,
        }
    }
}

/// Returns a response with a length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// The server, which stops when dropped.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
    tasks: JoinSet<()>,
}

impl Wire {
    /// Starts a server that handles the n-th connection (from 0) with `handler`.
    pub(crate) async fn start(
        handler: impl FnMut(&Request, usize) -> Reply + Send + 'static,
    ) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), handler)
    }

    /// Stops the server. Connections are refused until its port is listened on again.
    pub(crate) async fn stop(mut self) -> TcpSocket {
        self.tasks.shutdown().await;
        let port = TcpSocket::new_v4().unwrap();
        port.set_reuseaddr(true).unwrap();
        // Bound but not listening, so that the port stays reserved.
        port.bind(self.address).unwrap();
        port
    }

    pub(crate) fn listen(
        listener: TcpListener,
        handler: impl FnMut(&Request, usize) -> Reply + Send + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::unbounded_channel();
        let handler = Arc::new(Mutex::new(handler));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, seen) = (Arc::clone(&handler), seen.clone());
                connections.spawn(async move {
                    let Some(request) = read(stream).await else {
                        return;
                    };
                    let (request, stream) = request;
                    let reply = (handler.lock().await)(&request, number);
                    // The test may have stopped reading the requests.
                    seen.send(request).ok();
                    write(stream, reply).await;
                });
                number += 1;
            }
        });
        Self {
            address,
            requests,
            tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for the next request.
    pub(crate) async fn next_request(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    /// Returns the request lines so far.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(request) = self.requests.try_recv() {
            lines.push(request.line().to_owned());
        }
        lines
    }
}

/// Reads one request with its body; `None` if the client closed the connection.
async fn read(mut stream: TcpStream) -> Option<(Request, TcpStream)> {
    let mut bytes = Vec::new();
    loop {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let request = Request { head };
            let length = request
                .header("content-length")
                .map_or(0, |n| n.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some((request, stream));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

async fn write(mut stream: TcpStream, reply: Reply) {
    // Some tests close the connection early.
    stream.write_all(&reply.bytes).await.ok();
    match reply.then {
        Then::Close => {
            stream.shutdown().await.ok();
        }
        Then::Hold => std::future::pending().await,
        Then::Reset => stream.set_zero_linger().unwrap(),
    }
}

//! HTTP/1.1 and server-sent events on the wire, without any code of this project.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::setting::PATIENCE;

/// An HTTP client with its key.
#[derive(Clone)]
pub(crate) struct Http {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) key: Option<String>,
}

impl Http {
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        let ask = Ask {
            address: self.address.clone(),
            line: format!("{method} {path} HTTP/1.1"),
            headers: Vec::new(),
            body: Vec::new(),
        };
        match &self.key {
            Some(key) => ask.header("Authorization", &format!("ApiKey {key}")),
            None => ask,
        }
    }

    pub(crate) fn get(&self, path: &str) -> HttpResponse {
        self.ask("GET", path).send()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> HttpResponse {
        self.ask("POST", path).json(body).send()
    }

    /// Opens the events of a session after `seq`, as a browser resumes them.
    pub(crate) fn events(&self, id: &str, seq: u64) -> Events {
        let ask = self.ask("GET", &format!("/api/v1/sessions/{id}/events"));
        let ask = ask.header("Accept", "text/event-stream");
        match seq {
            0 => ask.events(),
            seq => ask.header("Last-Event-ID", &seq.to_string()).events(),
        }
    }
}

/// A request that can be modified before it is sent.
pub(crate) struct Ask {
    address: String,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// Sets a header, replacing one with the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(body.to_string())
    }

    /// Sets a body with the media type of JSON.
    pub(crate) fn text(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", "application/json")
    }

    /// Sends the request without waiting for the response.
    pub(crate) fn write(self) -> Connection {
        let mut head = format!("{}\r\n", self.line);
        let own = [
            ("Host", self.address.clone()),
            ("Connection", "close".to_owned()),
            ("Content-Length", self.body.len().to_string()),
        ];
        let is_given = |name: &str| {
            let mut given = self.headers.iter();
            given.any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        for (name, value) in own.iter().filter(|(name, _)| !is_given(name)) {
            head += &format!("{name}: {value}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.extend(self.body);
        Connection::open(&self.address, &bytes)
    }

    pub(crate) fn send(self) -> HttpResponse {
        self.write().answer()
    }

    pub(crate) fn events(self) -> Events {
        let mut connection = self.write();
        let head = connection.head();
        assert_eq!(
            head.status,
            200,
            "{head:?} {}",
            String::from_utf8_lossy(&connection.raw)
        );
        assert_eq!(head.header("content-type"), "text/event-stream");
        assert_eq!(head.header("transfer-encoding"), "chunked");
        Events {
            connection,
            body: Vec::new(),
        }
    }
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl HttpResponse {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// Returns the JSON of a response with this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Returns the problem of a response with this status.
    pub(crate) fn problem(&self, status: u16) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["requestId"], self.header("x-request-id"));
        for field in ["type", "title", "detail", "instance"] {
            let text = problem[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{field}: {problem}");
        }
        problem
    }
}

/// A connection with one request.
pub(crate) struct Connection {
    socket: TcpStream,
    /// The received bytes that are not parsed yet.
    raw: Vec<u8>,
}

/// The result of a read.
#[derive(PartialEq, Eq)]
enum Received {
    Bytes(usize),
    /// No data within the time limit.
    Nothing,
    /// The connection was closed.
    End,
}

impl Connection {
    /// Connects and sends exactly these bytes.
    pub(crate) fn open(address: &str, bytes: &[u8]) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        // A server may refuse a large request before reading all of it.
        socket.write_all(bytes).ok();
        Self {
            socket,
            raw: Vec::new(),
        }
    }

    fn receive(&mut self, most: usize, patience: Duration) -> Received {
        let mut bytes = vec![0; most];
        // A timeout of zero would disable the timeout.
        let patience = patience.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(patience)).unwrap();
        match self.socket.read(&mut bytes) {
            Ok(0) => Received::End,
            Ok(count) => {
                self.raw.extend(&bytes[..count]);
                Received::Bytes(count)
            }
            // A read with a timeout is not resumed after a signal.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Received::Nothing
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Received::End,
            Err(error) => panic!("{error}"),
        }
    }

    fn head(&mut self) -> HttpResponse {
        let end = loop {
            if let Some(end) = find(&self.raw, b"\r\n\r\n") {
                break end;
            }
            let received = self.receive(4096, PATIENCE);
            assert!(matches!(received, Received::Bytes(_)), "there is no answer");
        };
        let head: Vec<u8> = self.raw.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        HttpResponse {
            status: status.parse().unwrap(),
            headers: lines.map(header).collect(),
            body: Vec::new(),
        }
    }

    /// Reads the response, after which the server closes the connection.
    pub(crate) fn answer(mut self) -> HttpResponse {
        let mut answer = self.head();
        loop {
            match self.receive(65536, PATIENCE) {
                Received::Bytes(_) => {}
                Received::End => break,
                Received::Nothing => panic!("the answer does not end: {answer:?}"),
            }
        }
        answer.body = match answer.header("transfer-encoding") {
            "chunked" => {
                let mut body = Vec::new();
                while take_chunk(&mut self.raw, &mut body) {}
                body
            }
            _ => self.raw,
        };
        let length = answer.header("content-length");
        assert!(length.is_empty() || length == answer.body.len().to_string());
        answer
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Moves one whole chunk from `raw` to `body` (RFC 9112 §7.1); the last one is empty.
fn take_chunk(raw: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
    let Some(end) = find(raw, b"\r\n") else {
        return false;
    };
    let size = std::str::from_utf8(&raw[..end]).unwrap();
    let size = usize::from_str_radix(size, 16).unwrap();
    let (begin, after) = (end + 2, end + 2 + size + 2);
    if raw.len() < after {
        return false;
    }
    assert_eq!(&raw[begin + size..after], b"\r\n");
    body.extend(&raw[begin..begin + size]);
    raw.drain(..after);
    size > 0
}

/// An event stream.
pub(crate) struct Events {
    connection: Connection,
    /// The bytes of an incomplete frame.
    body: Vec<u8>,
}

impl Events {
    /// Returns the next complete event, if one has arrived.
    fn pop(&mut self) -> Option<Value> {
        while take_chunk(&mut self.connection.raw, &mut self.body) {}
        loop {
            let end = find(&self.body, b"\n\n")?;
            let frame: Vec<u8> = self.body.drain(..end + 2).collect();
            if let Some(event) = event(std::str::from_utf8(&frame).unwrap()) {
                return Some(event);
            }
        }
    }

    /// Returns the next event; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.pop() {
                return Some(event);
            }
            match self.connection.receive(65536, PATIENCE) {
                Received::Bytes(_) => {}
                Received::End => return None,
                Received::Nothing => panic!("nothing comes"),
            }
        }
    }

    /// Reads until `wanted` matches an event, and returns it. All events are added to `seen`.
    pub(crate) fn until(
        &mut self,
        seen: &mut Vec<Value>,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        while let Some(event) = self.next() {
            seen.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
        panic!("it did not come: {seen:#?}");
    }

    /// Reads for this time or number of bytes. Only complete events are added to `seen`.
    pub(crate) fn read(&mut self, seen: &mut Vec<Value>, time: Duration, mut bytes: usize) {
        let begun = Instant::now();
        while let Some(rest) = time.checked_sub(begun.elapsed())
            && bytes > 0
        {
            match self.connection.receive(bytes.min(65536), rest) {
                Received::Bytes(count) => bytes -= count,
                Received::Nothing => {}
                Received::End => break,
            }
        }
        seen.extend(std::iter::from_fn(|| self.pop()));
    }
}

/// Returns the event of a frame; a comment has none.
fn event(frame: &str) -> Option<Value> {
    let field = |name: &str| {
        let mut lines = frame.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let event: Value = serde_json::from_str(field("data")?).unwrap();
    // Browsers report a lost connection as an event named `error`.
    let name = match event["type"].as_str() {
        Some("error") => Some("agent_error"),
        other => other,
    };
    assert_eq!(field("event"), name, "{frame}");
    assert_eq!(
        field("id"),
        Some(event["seq"].to_string().as_str()),
        "{frame}"
    );
    Some(event)
}

//! A reader of an event stream directly at its socket, without an HTTP library in between.

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::agent::{micros_between, nanos_now};
use crate::connection::Endpoint;
use crate::server;

/// The text before the time in a line.
const MARK: &[u8] = b"\"message\":\"";
/// The size of a read.
const READ_BYTES: usize = 16 * 1024;

/// An open stream.
pub(crate) struct Subscriber {
    stream: TcpStream,
    /// Received bytes of an incomplete line.
    rest: Vec<u8>,
}

impl Subscriber {
    /// Opens the stream at `path` and waits for the response head.
    pub(crate) async fn open(endpoint: &Endpoint, path: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(endpoint.address)
            .await
            .context("failed to connect to a server")?;
        stream.set_nodelay(true)?;
        let key = endpoint
            .key
            .as_ref()
            .map(|key| format!("Authorization: ApiKey {key}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{}Connection: close\r\n\r\n",
            key.unwrap_or_default()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        ensure!(
            head.starts_with(b"HTTP/1.1 200 "),
            "{path} responded with {}",
            String::from_utf8_lossy(&head)
        );
        Ok(Self {
            stream,
            rest: Vec::new(),
        })
    }

    /// Returns the latency of `lines` lines of the agent to this socket, in microseconds.
    pub(crate) async fn micros(&mut self, lines: usize) -> anyhow::Result<Vec<f64>> {
        let arrivals = self.arrivals(lines).await?.into_iter();
        Ok(arrivals
            .map(|(printed, arrived)| micros_between(printed, arrived))
            .collect())
    }

    /// Returns the times at which `lines` lines of the agent were printed, and at which they arrived
    /// at this socket, in nanoseconds.
    pub(crate) async fn arrivals(&mut self, lines: usize) -> anyhow::Result<Vec<(u64, u64)>> {
        let mut took = Vec::with_capacity(lines);
        while took.len() < lines {
            self.rest.reserve(READ_BYTES);
            let read = self.stream.read_buf(&mut self.rest).await?;
            let now = nanos_now();
            ensure!(read > 0, "the stream ended after {} lines", took.len());
            let whole = self
                .rest
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1);
            took.extend(times(&self.rest[..whole]).map(|printed| (printed, now)));
            self.rest.drain(..whole);
        }
        Ok(took)
    }

    /// Reads until the end of the stream.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        tokio::time::timeout(server::MAX, self.stream.read_to_end(&mut self.rest))
            .await
            .context("a stream did not end in time")??;
        Ok(())
    }
}

/// Returns the times in the complete lines of a stream.
///
/// Chunk boundaries of the body do not matter, since no server splits a line.
fn times(lines: &[u8]) -> impl Iterator<Item = u64> {
    lines.split(|&byte| byte == b'\n').filter_map(|line| {
        let mark = line.windows(MARK.len()).position(|window| window == MARK)?;
        let digits = &line[mark + MARK.len()..];
        let end = digits.iter().position(|&byte| byte == b'"')?;
        std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_in_frames() {
        let stream =
            b"1f\r\nid: 3\nevent: log\ndata: {\"message\":\"17\",\"level\":\"info\"}\n\n\r\n\
                       data: {\"message\":\"no time\"}\n\ndata: {\"message\":\"18\"}\n";
        assert_eq!(times(stream).collect::<Vec<_>>(), [17, 18]);
    }
}

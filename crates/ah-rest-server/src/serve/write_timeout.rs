//! A stream whose writes have a time limit.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::places::{Busy, ConnectionUse};

/// A stream whose writes fail if the peer reads no data for some time. Its connection is busy while
/// a write waits.
pub(super) struct WriteTimeout<S> {
    stream: S,
    /// The maximum wait of a write for the peer (contract §0.5).
    limit: Duration,
    connection: ConnectionUse,
    /// Runs while a write waits.
    waiting: Option<(Pin<Box<Sleep>>, Busy)>,
}

impl<S> WriteTimeout<S> {
    pub(super) const fn new(stream: S, limit: Duration, connection: ConnectionUse) -> Self {
        Self {
            stream,
            limit,
            connection,
            waiting: None,
        }
    }

    /// Returns the result of a write, or an error if the write has waited for too long.
    fn check<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let (sleeping, _) = self
            .waiting
            .get_or_insert_with(|| (Box::pin(sleep(self.limit)), self.connection.busy()));
        ready!(sleeping.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer took no data for too long",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn stalled_peer_is_disconnected() {
        let (ours, _theirs) = duplex(4);
        let mut ours = WriteTimeout::new(ours, LIMIT, ConnectionUse::unplaced());
        let began = tokio::time::Instant::now();
        let error = ours.write_all(b"more than fits").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_peer_stays_connected() {
        let (ours, mut theirs) = duplex(1);
        let mut ours = WriteTimeout::new(ours, LIMIT, ConnectionUse::unplaced());
        let write = async { ours.write_all(b"abc").await };
        let read = async {
            for _ in 0..3 {
                sleep(LIMIT - Duration::from_secs(1)).await;
                theirs.read_u8().await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(write, read);
        written.unwrap();
    }
}

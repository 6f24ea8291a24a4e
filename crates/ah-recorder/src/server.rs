//! The recorder's end of the control socket: admission of connections, and the journal stream.
//!
//! A connection reads the journal's file from its own position and is woken when the file grows. It
//! holds one chunk, however far behind it is, and no event waits in a queue for it (design law 4).

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{EphemeralEvent, RecorderInfo};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::files::remove;
use crate::journal::JournalCursor;
use crate::process::descendants;
use crate::protocol::{FirstMessage, Hello, LINE_BYTES_MAX, RecorderFrame, Request};
use crate::tasks::RecorderTasks;
use ah_agents::SessionFolder;

/// The maximum time for a connection to send its [`Hello`].
const HELLO_WAIT_MAX: Duration = Duration::from_secs(5);

/// The maximum number of connections that have not sent their [`Hello`] yet.
const GREETINGS_MAX: usize = 16;

/// The size of one write, in bytes; a single record may exceed it.
const BATCH_BYTES: usize = 64 * 1024;

/// The requests of a connection, one per line.
pub(crate) type Requests = FramedRead<OwnedReadHalf, LinesCodec>;

/// A connection that has sent its [`Hello`].
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) hello: Hello,
    pub(crate) requests: Requests,
    pub(crate) output: OwnedWriteHalf,
}

/// The state of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JournalHead {
    /// Its length in bytes.
    pub(crate) len: u64,
    /// True if no more records follow.
    pub(crate) is_final: bool,
}

/// An ephemeral event to send once the journal was sent up to `after`.
#[derive(Debug)]
pub(crate) struct PendingEphemeral {
    pub(crate) after: u64,
    pub(crate) event: EphemeralEvent,
}

/// Listens on the control socket of `folder`. The socket of a dead recorder is replaced; the caller
/// holds the lock, so no other recorder is alive.
pub(crate) fn listen(folder: &SessionFolder) -> io::Result<UnixListener> {
    remove(&folder.socket())?;
    let directory = std::fs::File::open(folder.path())?;
    let listener = UnixListener::bind(short_path(&directory))?;
    std::fs::set_permissions(folder.socket(), std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Returns the path of the control socket in the open `directory`. A socket address holds at most
/// 107 bytes, which a session's folder may exceed; through `/proc` it is always short.
pub(crate) fn short_path(directory: &std::fs::File) -> String {
    format!("/proc/self/fd/{}/control.sock", directory.as_raw_fd())
}

/// Accepts connections for as long as the recorder lives. Passes on those that sent a [`Hello`], and
/// answers the others with the last state in `info`.
pub(crate) async fn accept(
    listener: UnixListener,
    arrivals: mpsc::Sender<Arrival>,
    info: watch::Receiver<RecorderInfo>,
    tasks: RecorderTasks,
) {
    let unanswered = Arc::new(Semaphore::new(GREETINGS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&unanswered).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((connection, _)) => {
                let (arrivals, info) = (arrivals.clone(), info.clone());
                tasks.spawn(async move {
                    serve(connection, &arrivals, &info).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Probably out of descriptors, which become available when a connection ends.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Reads the first message of a connection and acts on it.
async fn serve(
    connection: UnixStream,
    arrivals: &mpsc::Sender<Arrival>,
    info: &watch::Receiver<RecorderInfo>,
) {
    let Some((message, requests, mut output)) = read_first(connection).await else {
        return;
    };
    match message {
        FirstMessage::Hello(hello) => {
            let arrival = Arrival {
                hello,
                requests,
                output,
            };
            if arrivals.send(arrival).await.is_err() {
                tracing::debug!("a connection came when the recorder was about to end");
            }
        }
        FirstMessage::Info(_) => {
            let own = rustix::process::getpid();
            let mut info = info.borrow().clone();
            match descendants(own) {
                Ok(found) => info.processes = u32::try_from(found.len()).unwrap_or(u32::MAX),
                Err(error) => tracing::warn!(%error, "the processes could not be counted"),
            }
            let sent = tokio::time::timeout(HELLO_WAIT_MAX, send_line(&mut output, &info)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::debug!("the state could not be sent");
            }
        }
    }
}

/// Reads the first message; `None` for a peer of another user or one that violates the protocol.
async fn read_first(connection: UnixStream) -> Option<(FirstMessage, Requests, OwnedWriteHalf)> {
    let own = rustix::process::geteuid();
    let peer = match connection.peer_cred() {
        Ok(peer) => peer.uid(),
        Err(error) => {
            tracing::warn!(%error, "the user of a connection could not be determined");
            return None;
        }
    };
    if peer != own.as_raw() && peer != 0 {
        tracing::warn!(peer, "a connection of another user was refused");
        return None;
    }
    let (input, output) = connection.into_split();
    let codec = LinesCodec::new_with_max_length(LINE_BYTES_MAX);
    let mut requests = FramedRead::new(input, codec);
    let line = match tokio::time::timeout(HELLO_WAIT_MAX, requests.next()).await {
        Ok(Some(Ok(line))) => line,
        Ok(Some(Err(error))) => {
            tracing::warn!(%error, "the first message of a connection could not be read");
            return None;
        }
        Ok(None) => {
            tracing::warn!("a connection was closed before its first message");
            return None;
        }
        Err(_) => {
            tracing::warn!("a connection sent no message in time");
            return None;
        }
    };
    match serde_json::from_str(&line) {
        Ok(message) => Some((message, requests, output)),
        Err(error) => {
            tracing::warn!(%error, "the first message of a connection is not known");
            None
        }
    }
}

/// Reads requests until the connection ends, and passes each on with `generation`; `None` marks the
/// end.
pub(crate) async fn read_requests(
    mut requests: Requests,
    generation: u64,
    received: mpsc::Sender<(u64, Option<Request>)>,
) {
    while let Some(line) = requests.next().await {
        let request = match line.map(|line| serde_json::from_str(&line)) {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => {
                // It may be of a later protocol version; an unknown request is ignored.
                tracing::warn!(%error, "a request was not understood");
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "the requests could not be read");
                break;
            }
        };
        if received.send((generation, Some(request))).await.is_err() {
            return;
        }
    }
    if received.send((generation, None)).await.is_err() {
        tracing::debug!("an attendant left when the recorder was about to end");
    }
}

/// Sends the journal from `cursor` on, with the ephemeral events in their places, until all of the
/// final journal is sent.
pub(crate) async fn stream(
    mut output: OwnedWriteHalf,
    mut cursor: JournalCursor,
    mut head: watch::Receiver<JournalHead>,
    mut ephemerals: mpsc::Receiver<PendingEphemeral>,
) -> io::Result<()> {
    let mut caught_up_at = Some(head.borrow_and_update().len);
    let mut next_ephemeral: Option<PendingEphemeral> = None;
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    loop {
        let now = *head.borrow_and_update();
        let until = next_ephemeral
            .as_ref()
            .map_or(now.len, |ephemeral| ephemeral.after.min(now.len));
        while cursor.position() < until && batch.len() < BATCH_BYTES {
            let Some(line) = cursor.next_line()? else {
                return Err(io::Error::other("the journal is shorter than was written"));
            };
            // The cursor is past the line already; the line is borrowed from it.
            let line = line.to_vec();
            add_record(&mut batch, cursor.position(), &line);
        }
        if caught_up_at.is_some_and(|at| cursor.position() >= at) {
            caught_up_at = None;
            add_frame(&mut batch, &RecorderFrame::CaughtUp)?;
        }
        if let Some(ephemeral) =
            next_ephemeral.take_if(|ephemeral| ephemeral.after <= cursor.position())
        {
            add_frame(
                &mut batch,
                &RecorderFrame::Ephemeral {
                    event: ephemeral.event,
                },
            )?;
        }
        if next_ephemeral.is_none() {
            next_ephemeral = ephemerals.try_recv().ok();
        }
        let has_more = cursor.position() < now.len || next_ephemeral.is_some();
        if !has_more || batch.len() >= BATCH_BYTES {
            output.write_all(&batch).await?;
            batch.clear();
        }
        if has_more {
            continue;
        }
        if now.is_final {
            return output.shutdown().await;
        }
        tokio::select! {
            changed = head.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            Some(ephemeral) = ephemerals.recv() => next_ephemeral = Some(ephemeral),
        }
    }
}

/// Appends the frame of a record that is JSON already.
fn add_record(batch: &mut Vec<u8>, next: u64, line: &[u8]) {
    batch.extend_from_slice(b"{\"frame\":\"record\",\"next\":");
    batch.extend_from_slice(next.to_string().as_bytes());
    batch.extend_from_slice(b",\"record\":");
    batch.extend_from_slice(line);
    batch.extend_from_slice(b"}\n");
}

fn add_frame(batch: &mut Vec<u8>, frame: &RecorderFrame) -> io::Result<()> {
    serde_json::to_writer(&mut *batch, frame)?;
    batch.push(b'\n');
    Ok(())
}

/// Writes a message as a line.
pub(crate) async fn send_line(
    output: &mut OwnedWriteHalf,
    message: &impl serde::Serialize,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Fact, JournalEntry, JournalRecord};
    use ah_rest_api_contract::Timestamp;

    #[test]
    fn manually_encoded_record_frame_equals_serde_output() {
        let frame = RecorderFrame::Record {
            next: 77,
            record: JournalRecord {
                ts: Timestamp::from_unix_millis(5),
                entry: JournalEntry::Fact(Fact::Paused),
                raw: Some("{\"a\": 1}".to_owned()),
            },
        };
        let RecorderFrame::Record { next, record } = &frame else {
            unreachable!()
        };
        let mut by_hand = Vec::new();
        add_record(&mut by_hand, *next, &serde_json::to_vec(record).unwrap());
        let mut by_serde = Vec::new();
        add_frame(&mut by_serde, &frame).unwrap();
        assert_eq!(
            String::from_utf8(by_hand.clone()),
            String::from_utf8(by_serde)
        );
        assert_eq!(
            serde_json::from_slice::<RecorderFrame>(&by_hand).unwrap(),
            frame
        );
    }
}

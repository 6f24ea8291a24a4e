//! The attendant's end of a recorder's socket: reads the growing journal and sends requests.

use std::fs::File;
use std::io;

use ah_rest_api_contract::RecorderInfo;
use futures::{Stream, StreamExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use crate::protocol::{
    AttachRefusal, Hello, InfoRequest, LINE_BYTES_MAX, PROTOCOL_VERSION, RecorderFrame, Request,
    Welcome,
};
use crate::run::is_alive;
use crate::server::{send_line, short_path};
use ah_agents::SessionFolder;

/// The maximum time for a recorder to answer a [`Hello`].
const WELCOME_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// The maximum time for a recorder to answer an [`InfoRequest`].
const INFO_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// The maximum number of requests that wait to be written.
const REQUESTS_WAITING_MAX: usize = 64;

/// The error of a failed attachment to a recorder.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The session has no recorder; its journal can be read from the file.
    #[error("the session has no recorder")]
    NotRunning,
    /// The recorder refused the connection.
    #[error(transparent)]
    Refused(#[from] AttachRefusal),
    /// The connection failed.
    #[error("could not attach to the recorder")]
    Io(#[from] io::Error),
}

/// The error that ended a connection to a recorder.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The connection failed.
    #[error("the connection to the recorder has failed")]
    Connection(#[from] LinesCodecError),
    /// The recorder sent a line that is not a frame.
    #[error("the recorder sent something that is not a frame")]
    Malformed(#[from] serde_json::Error),
}

/// The error of a request that cannot be sent because the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the recorder is over")]
pub struct Disconnected;

/// A connection to a recorder. It is closed when this and every [`RequestSender`] are dropped; the
/// recorder and its agent continue.
#[derive(Debug)]
pub struct RecorderConnection {
    welcome: Welcome,
    frames: FramedRead<OwnedReadHalf, LinesCodec>,
    requests: RequestSender,
}

/// A sender of requests over a connection to a recorder.
#[derive(Clone, Debug)]
pub struct RequestSender(mpsc::Sender<(Request, oneshot::Sender<()>)>);

impl RequestSender {
    /// Sends a request to the recorder; its result is recorded in the journal. After the return the
    /// kernel delivers the request, even if this process ends. A call that is dropped before it
    /// returns sends the request either whole or not at all.
    ///
    /// # Errors
    /// Returns an error if the connection is closed. A request that was sent may still be lost with
    /// the connection later, so it must be repeated until the journal records its result.
    pub async fn send(&self, request: Request) -> Result<(), Disconnected> {
        let (written, is_written) = oneshot::channel();
        self.0
            .send((request, written))
            .await
            .map_err(|_| Disconnected)?;
        is_written.await.map_err(|_| Disconnected)
    }
}

impl RecorderConnection {
    /// Attaches to the recorder of `folder`, in place of an attendant whose fence is not higher.
    /// The recorder sends the journal from byte `from` on.
    ///
    /// # Errors
    /// Returns an error if there is no recorder, it refuses, or the connection fails.
    pub async fn attach(
        folder: &SessionFolder,
        fence: u64,
        from: u64,
    ) -> Result<Self, AttachError> {
        let connection = match connect(folder).await {
            Ok(connection) => connection,
            Err(_) if !is_alive(folder)? => return Err(AttachError::NotRunning),
            Err(error) => return Err(error.into()),
        };
        let (input, mut output) = connection.into_split();
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            fence,
            from,
        };
        let mut frames = FramedRead::new(input, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
        let handshake = async {
            send_line(&mut output, &hello).await?;
            match frames.next().await {
                Some(line) => line.map_err(io::Error::other),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        };
        let answer = tokio::time::timeout(WELCOME_WAIT_MAX, handshake)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let answer = match answer {
            Ok(answer) => answer,
            // The recorder ended during the attachment.
            Err(_) if !is_alive(folder)? => return Err(AttachError::NotRunning),
            Err(error) => return Err(error.into()),
        };
        let welcome = match serde_json::from_str::<Welcome>(&answer) {
            Ok(welcome) => welcome,
            Err(error) => {
                let refusal: AttachRefusal = serde_json::from_str(&answer)
                    .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, error))?;
                return Err(refusal.into());
            }
        };
        let (requests, waiting) = mpsc::channel(REQUESTS_WAITING_MAX);
        // The task ends when the senders are dropped or the connection breaks. It is not tracked,
        // since it holds no state but the messages of this connection.
        #[expect(
            clippy::disallowed_methods,
            reason = "the connection has no owner with a tracker; its senders bound its life"
        )]
        tokio::spawn(write_requests(output, waiting));
        Ok(Self {
            welcome,
            frames,
            requests: RequestSender(requests),
        })
    }

    /// Returns the recorder's welcome.
    #[must_use]
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Returns a sender of requests.
    #[must_use]
    pub fn requests(&self) -> RequestSender {
        self.requests.clone()
    }

    /// Sends a request to the recorder, as [`RequestSender::send`] does.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn send(&self, request: Request) -> Result<(), Disconnected> {
        self.requests.send(request).await
    }

    /// Returns the next frame, or `None` if the recorder closed the connection: after the journal's
    /// last record, or for a higher fence. Cancel safe: no frame is lost if the call is dropped.
    ///
    /// # Errors
    /// Returns an error if the connection fails or a frame cannot be parsed.
    pub async fn next(&mut self) -> Result<Option<RecorderFrame>, ConnectionError> {
        match self.frames.next().await {
            Some(line) => Ok(Some(serde_json::from_str(&line?)?)),
            None => Ok(None),
        }
    }

    /// Returns the frames as a stream, which ends when the recorder closes the connection.
    pub fn into_frames(
        self,
    ) -> impl Stream<Item = Result<RecorderFrame, ConnectionError>> + Send + 'static {
        self.frames.map(|line| Ok(serde_json::from_str(&line?)?))
    }
}

async fn connect(folder: &SessionFolder) -> io::Result<UnixStream> {
    let directory = File::open(folder.path())?;
    UnixStream::connect(short_path(&directory)).await
}

/// Returns the state of the recorder of `folder`, or `None` if there is none. It does not affect the
/// attendant.
///
/// # Errors
/// Returns an error if the recorder does not answer in time, or not with its state.
pub async fn info(folder: &SessionFolder) -> io::Result<Option<RecorderInfo>> {
    let ask = async {
        let (input, mut output) = connect(folder).await?.into_split();
        let request = InfoRequest {
            info: PROTOCOL_VERSION,
        };
        send_line(&mut output, &request).await?;
        let mut lines = FramedRead::new(input, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
        match lines.next().await {
            Some(line) => Ok(serde_json::from_str(&line.map_err(io::Error::other)?)?),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    let answer = tokio::time::timeout(INFO_WAIT_MAX, ask).await;
    match answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(info) => Ok(Some(info)),
        Err(_) if !is_alive(folder)? => Ok(None),
        Err(error) => Err(error),
    }
}

async fn write_requests(
    mut output: OwnedWriteHalf,
    mut requests: mpsc::Receiver<(Request, oneshot::Sender<()>)>,
) {
    while let Some((request, written)) = requests.recv().await {
        if let Err(error) = send_line(&mut output, &request).await {
            tracing::debug!(%error, "a request could not be sent");
            return;
        }
        // The sender may have stopped waiting.
        written.send(()).ok();
    }
}

//! Attending to a recorder: reading its journal as it grows, and asking it for things.

use std::fs::File;
use std::io;

use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use crate::SessionFolder;
use crate::protocol::{Frame, Hello, LINE_BYTES_MAX, PROTOCOL_VERSION, Refusal, Request, Welcome};
use crate::recorder::{is_alive, server::short_path};

/// How long a recorder may take to answer a greeting.
const WELCOME_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// How many requests wait to be written.
const REQUESTS_WAITING_MAX: usize = 64;

/// Why a recorder cannot be attended to.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is no recorder; its journal can be read.
    #[error("the session has no recorder")]
    NotRunning,
    /// It refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection failed.
    #[error("could not attach to the recorder")]
    Io(#[from] io::Error),
}

/// Why attending to a recorder went no further.
#[derive(Debug, thiserror::Error)]
pub enum AttendanceError {
    /// The connection failed.
    #[error("the connection to the recorder has failed")]
    Connection(#[from] LinesCodecError),
    /// The recorder sent what is not a frame.
    #[error("the recorder sent something that is not a frame")]
    Malformed(#[from] serde_json::Error),
}

/// That a request cannot be sent because the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the recorder is over")]
pub struct Disconnected;

/// A connection to a recorder. It is over when this and every [`RequestSender`] is dropped; the
/// recorder, and its agent, go on.
#[derive(Debug)]
pub struct Attendance {
    welcome: Welcome,
    frames: FramedRead<OwnedReadHalf, LinesCodec>,
    requests: RequestSender,
}

/// Sends requests over a connection to a recorder.
#[derive(Clone, Debug)]
pub struct RequestSender(mpsc::Sender<(Request, oneshot::Sender<()>)>);

impl RequestSender {
    /// Asks the recorder for something; what it leads to is told by the journal. When this
    /// returns, the request is the kernel's to deliver, even if this process ends. Dropped
    /// half-way, it is sent whole or not at all.
    ///
    /// # Errors
    /// When the connection is over. A request that was sent may be lost with the connection later,
    /// so it is to be sent again until the journal tells of it.
    pub async fn send(&self, request: Request) -> Result<(), Disconnected> {
        let (written, is_written) = oneshot::channel();
        self.0
            .send((request, written))
            .await
            .map_err(|_| Disconnected)?;
        is_written.await.map_err(|_| Disconnected)
    }
}

impl Attendance {
    /// Attends to the recorder of `folder`, in the place of whoever did with a fence no higher.
    /// The journal is sent from the byte `from` on.
    ///
    /// # Errors
    /// When there is no recorder, it refuses, or the connection fails.
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
        let greet = async {
            send_line(&mut output, &hello).await?;
            match frames.next().await {
                Some(line) => line.map_err(io::Error::other),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        };
        let answer = tokio::time::timeout(WELCOME_WAIT_MAX, greet)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let answer = match answer {
            Ok(answer) => answer,
            // It ended just when we came.
            Err(_) if !is_alive(folder)? => return Err(AttachError::NotRunning),
            Err(error) => return Err(error.into()),
        };
        let welcome = match serde_json::from_str::<Welcome>(&answer) {
            Ok(welcome) => welcome,
            Err(error) => {
                let refusal: Refusal = serde_json::from_str(&answer)
                    .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, error))?;
                return Err(refusal.into());
            }
        };
        let (requests, waiting) = mpsc::channel(REQUESTS_WAITING_MAX);
        tokio::spawn(write_requests(output, waiting));
        Ok(Self {
            welcome,
            frames,
            requests: RequestSender(requests),
        })
    }

    /// What the recorder said of itself.
    #[must_use]
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// What requests are sent with.
    #[must_use]
    pub fn requests(&self) -> RequestSender {
        self.requests.clone()
    }

    /// Asks the recorder for something, as [`RequestSender::send`] does.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn send(&self, request: Request) -> Result<(), Disconnected> {
        self.requests.send(request).await
    }

    /// The next frame; `None` when the recorder closed the connection: after the journal's last
    /// record, or because a higher fence came. Nothing is lost when this is dropped half-way.
    ///
    /// # Errors
    /// When the connection fails, or a frame cannot be read.
    pub async fn next(&mut self) -> Result<Option<Frame>, AttendanceError> {
        match self.frames.next().await {
            Some(line) => Ok(Some(serde_json::from_str(&line?)?)),
            None => Ok(None),
        }
    }
}

async fn connect(folder: &SessionFolder) -> io::Result<UnixStream> {
    let directory = File::open(folder.path())?;
    UnixStream::connect(short_path(&directory)).await
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
        // Whoever asked may no longer wait.
        written.send(()).ok();
    }
}

async fn send_line(output: &mut OwnedWriteHalf, message: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line).await
}

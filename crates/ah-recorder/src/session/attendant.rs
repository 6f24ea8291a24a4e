//! The attendant of the recorder: one connection at a time, the one with the highest fence.

use std::path::PathBuf;

use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use crate::journal::JournalCursor;
use crate::protocol::{AttachRefusal, PROTOCOL_VERSION, Request, Welcome};
use crate::server::{Arrival, JournalHead, PendingEphemeral, read_requests, send_line, stream};
use crate::tasks::RecorderTasks;
use ah_agents::{LaunchSpec, SessionFolder};

/// The maximum number of ephemeral events that wait for a slow attendant; further ones are dropped.
const EPHEMERALS_WAITING_MAX: usize = 256;

/// The current attendant, and the highest fence so far.
#[derive(Debug)]
pub(super) struct AttendantSlot {
    tasks: RecorderTasks,
    journal: PathBuf,
    received: mpsc::Sender<(u64, Option<Request>)>,
    /// The process id of the agent, for [`Welcome`].
    pub(super) agent_pid: Option<u32>,
    /// The highest fence so far.
    fence: u64,
    /// The number of attendants so far.
    generation: u64,
    current: Option<Attendant>,
    alone_since: Instant,
}

/// An attached connection.
#[derive(Debug)]
struct Attendant {
    ephemerals: mpsc::Sender<PendingEphemeral>,
    request_reader: AbortHandle,
    streaming: JoinHandle<Option<()>>,
}

impl AttendantSlot {
    /// Starts without an attendant; one with a fence below `fence` is refused.
    pub(super) fn new(
        folder: &SessionFolder,
        received: mpsc::Sender<(u64, Option<Request>)>,
        fence: Option<u64>,
        tasks: RecorderTasks,
    ) -> Self {
        Self {
            tasks,
            journal: folder.journal(),
            received,
            agent_pid: None,
            fence: fence.unwrap_or_default(),
            generation: 0,
            current: None,
            alone_since: Instant::now(),
        }
    }

    /// Returns the time since which no attendant is attached, or `None` if one is.
    pub(super) fn alone_since(&self) -> Option<Instant> {
        self.current.is_none().then_some(self.alone_since)
    }

    /// Attaches a new connection in place of the current one, or refuses it.
    pub(super) fn take_over(
        &mut self,
        arrival: Arrival,
        spec: &LaunchSpec,
        head: &watch::Sender<JournalHead>,
    ) {
        let journal_len = head.borrow().len;
        let cursor = match self.judge(&arrival, journal_len) {
            Ok(cursor) => cursor,
            Err(reason) => {
                tracing::warn!(
                    fence = arrival.hello.fence,
                    from = arrival.hello.from,
                    %reason,
                    "an attachment was refused"
                );
                self.tasks
                    .spawn(refuse(arrival.output, AttachRefusal { reason }));
                return;
            }
        };
        self.dismiss();
        self.fence = arrival.hello.fence;
        self.generation += 1;
        tracing::info!(
            fence = self.fence,
            from = arrival.hello.from,
            "an attendant was attached"
        );
        let welcome = Welcome {
            protocol: PROTOCOL_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            session_id: spec.session_id,
            pid: std::process::id(),
            agent_pid: self.agent_pid,
            journal_len,
        };
        let (ephemerals, shown) = mpsc::channel(EPHEMERALS_WAITING_MAX);
        let request_reader = self.tasks.spawn(read_requests(
            arrival.requests,
            self.generation,
            self.received.clone(),
        ));
        let head = head.subscribe();
        let mut output = arrival.output;
        let streaming = self.tasks.spawn(async move {
            let mut sent = send_line(&mut output, &welcome).await;
            if sent.is_ok() {
                sent = stream(output, cursor, head, shown).await;
            }
            if let Err(error) = sent {
                // The connection has ended, which the task that reads its requests reports too.
                tracing::debug!(%error, "the journal could not be sent on");
            }
        });
        self.current = Some(Attendant {
            ephemerals,
            request_reader: request_reader.abort_handle(),
            streaming,
        });
    }

    /// Returns the start of the connection's stream, or the reason to refuse it.
    pub(super) fn judge(
        &self,
        arrival: &Arrival,
        journal_len: u64,
    ) -> Result<JournalCursor, String> {
        let hello = &arrival.hello;
        if hello.protocol != PROTOCOL_VERSION {
            return Err(format!(
                "the recorder uses version {PROTOCOL_VERSION} of the protocol, not {}",
                hello.protocol
            ));
        }
        if hello.fence < self.fence {
            return Err(format!(
                "the fence {} is outdated; a later owner has {}",
                hello.fence, self.fence
            ));
        }
        let cursor = JournalCursor::open(&self.journal, hello.from)
            .map_err(|error| format!("the journal could not be opened: {error}"))?;
        if hello.from > journal_len || !cursor.is_between_lines().unwrap_or(false) {
            return Err(format!(
                "no record of the journal begins at byte {}",
                hello.from
            ));
        }
        Ok(cursor)
    }

    /// Returns the request if it is from the current attendant. Detaches the attendant at its end.
    pub(super) fn admit(&mut self, generation: u64, request: Option<Request>) -> Option<Request> {
        if generation != self.generation {
            // Late requests of a former owner are dropped.
            return None;
        }
        if request.is_none() {
            self.dismiss();
        }
        request
    }

    /// Sends an ephemeral event to the attendant, and drops it if the attendant is slow.
    pub(super) fn show(&self, ephemeral: PendingEphemeral) {
        if let Some(attendant) = &self.current
            && attendant.ephemerals.try_send(ephemeral).is_err()
        {
            tracing::trace!("the attendant is slow; something was not shown");
        }
    }

    fn dismiss(&mut self) {
        if let Some(attendant) = self.current.take() {
            attendant.request_reader.abort();
            attendant.streaming.abort();
        }
        self.alone_since = Instant::now();
    }

    /// Waits until the attendant was sent everything or has disconnected.
    pub(super) async fn all_sent(&mut self) {
        if let Some(attendant) = &mut self.current
            && let Err(error) = (&mut attendant.streaming).await
        {
            tracing::warn!(%error, "the sending of the journal has failed");
        }
    }
}

async fn refuse(mut output: OwnedWriteHalf, refusal: AttachRefusal) {
    if let Err(error) = send_line(&mut output, &refusal).await {
        tracing::debug!(%error, "a refusal could not be sent");
    }
}

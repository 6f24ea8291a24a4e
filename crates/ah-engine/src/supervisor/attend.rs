//! Attaching to a live recorder, and ingesting the journal of a dead one.

use std::time::Duration;

use ah_lifecycle::duty;
use ah_lifecycle::expire::{self, TimeLimits};
use ah_lifecycle::ingest::RecordedEnd;
use ah_lifecycle::{Change, Decision, JournalRecord, Request};
use ah_rest_api_contract::{ChangeSummary, SupervisorPhase, Timestamp, error_chain};
use ah_store::{Head, JournalPosition};
use futures::stream::FusedStream;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::task::JoinSet;

use super::{Supervisor, SupervisorError};
use crate::shortage;
use ah_executor::{Attachment, ExecutorError, RecorderMessage, RecorderRequests};

/// The maximum number of messages that are processed together, with one write to the log. A record
/// has at most three events, and a write at most 1,000.
const BATCH_MAX: usize = 256;
/// The size of records, in bytes of the journal, at which a batch takes no further message.
const BATCH_BYTES: u64 = 1024 * 1024;
/// The maximum duration of sending a request. A slower recorder counts as gone.
const SEND_MAX: Duration = Duration::from_secs(3);
/// The delay of a count after a change of files, so that a burst is counted once.
const MEASURE_DELAY: Duration = Duration::from_millis(500);

/// The outcome of a batch of messages.
enum Taken {
    /// The recorder continues.
    More,
    /// The recorder has finished, or the connection broke.
    Over,
}

/// The count of a session's changes.
///
/// The count is a task of its own, because it holds locks of the workspace that the end of the
/// session waits for: a future that this supervisor polls would not proceed meanwhile. Dropping it
/// aborts the task.
#[derive(Default)]
struct Measuring {
    due: Option<Timestamp>,
    running: JoinSet<Result<ChangeSummary, ExecutorError>>,
}

impl Supervisor {
    /// Attaches to the recorder and attends to it until it closes the connection.
    pub(super) async fn attend(&mut self) -> Result<(), SupervisorError> {
        self.enter(SupervisorPhase::Attaching);
        let record = &self.view.record;
        let attached = self
            .core
            .executor
            .attach(self.id, record.fence, record.journal)
            .await;
        let Attachment {
            messages,
            mut requests,
        } = match attached {
            Ok(attachment) => attachment,
            Err(error) if shortage::caused(&error) => {
                let error = ExecutorError::caused_by("its recorder cannot be reached", error);
                return Err(error.into());
            }
            Err(error) => {
                // The supervisor tries again, or finds that the recorder has ended.
                let error = &error as &dyn std::error::Error;
                tracing::warn!(session.id = %self.id, error, "the recorder cannot be attached to");
                let reason = error_chain(error);
                self.core.supervisors.note_error(self.id, reason);
                return Ok(());
            }
        };
        self.enter(SupervisorPhase::Attached);
        let mut messages = messages.fuse();
        let mut sent = Vec::new();
        let mut measuring = Measuring::default();
        loop {
            self.finish_if_done().await?;
            // A session that is about to end counts as caught up after its end.
            if self.is_caught_up && self.view.record.ending.is_none() {
                self.notify_caught_up();
            }
            if !self.send_due(&mut requests, &mut sent).await {
                return Ok(());
            }
            let limits = TimeLimits {
                idle: self.core.config.idle_timeout,
            };
            let wake = [
                expire::deadline(&self.view, limits),
                self.escalates_at(),
                measuring.next_due(),
            ];
            let wake = wake.into_iter().flatten().min();
            let clock = self.core.clock.clone();
            let from = self.view.record.journal;
            tokio::select! {
                () = self.shutdown.cancelled() => {
                    self.detach(&mut requests, &mut sent).await?;
                    return Err(SupervisorError::Shutdown);
                }
                messages = next_batch(&mut messages, from) => {
                    let Some(messages) = messages else { return Ok(()) };
                    match self.take(messages, &mut measuring).await? {
                        Taken::More => {}
                        Taken::Over => return Ok(()),
                    }
                }
                moved = self.head.changed() => {
                    if moved.is_err() {
                        return Err(SupervisorError::Shutdown);
                    }
                    let Head { version, .. } = *self.head.borrow_and_update();
                    if version != self.view.record.version {
                        self.reload().await?;
                    }
                }
                () = wait_for(clock.as_ref(), wake) => {
                    let now = clock.now();
                    if self.escalate().await? {
                        return Ok(());
                    }
                    self.decide(|view| expire::decide(view, limits, now)).await?;
                    self.measure(&mut measuring, now);
                }
                measured = measuring.done() => self.take_measure(measured).await?,
            }
        }
    }

    /// Sends the due requests that were not sent on this attachment. Returns false if sending
    /// failed.
    async fn send_due(&self, requests: &mut RecorderRequests, sent: &mut Vec<Request>) -> bool {
        let due = duty::requests(&self.view);
        sent.retain(|request| due.contains(request));
        for request in due {
            if !sent.contains(&request) {
                if let Err(error) = send(requests, &request).await {
                    tracing::debug!(session.id = %self.id, %error, "the recorder has hung up");
                    return false;
                }
                sent.push(request);
            }
        }
        true
    }

    /// Detaches: sends the due requests and hands queued prompts over to the recorder. The agent
    /// receives these prompts without an engine. They remain queued until it does.
    async fn detach(
        &mut self,
        requests: &mut RecorderRequests,
        sent: &mut Vec<Request>,
    ) -> Result<(), SupervisorError> {
        self.reload().await?;
        if !self.send_due(requests, sent).await {
            return Ok(());
        }
        for request in duty::hand_over(&self.view) {
            if let Err(error) = send(requests, &request).await {
                tracing::debug!(session.id = %self.id, %error, "the recorder has hung up");
                break;
            }
        }
        Ok(())
    }

    /// Processes messages of the recorder.
    async fn take(
        &mut self,
        messages: Vec<std::io::Result<RecorderMessage>>,
        measuring: &mut Measuring,
    ) -> Result<Taken, SupervisorError> {
        let mut records: Vec<(JournalRecord, JournalPosition)> = Vec::new();
        let mut caught_up = false;
        let mut taken = Taken::More;
        for message in messages {
            match message {
                Ok(RecorderMessage::Record { record, next }) => records.push((record, next)),
                Ok(RecorderMessage::CaughtUp) => caught_up = true,
                Ok(RecorderMessage::Ephemeral(event)) => self.core.hub.publish(self.id, event),
                // A malformed message stays malformed, so a retry is useless.
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    return Err(SupervisorError::Recorder(error));
                }
                Err(error) => {
                    tracing::debug!(session.id = %self.id, %error, "the connection broke");
                    taken = Taken::Over;
                }
            }
        }
        if !records.is_empty() {
            let ingested = self.ingest(&records).await?;
            if ingested.files_touched {
                measuring.want(self.core.clock.now().plus(MEASURE_DELAY));
            }
            if let Some(end_record) = ingested.ended {
                self.conclude_as_recorded(end_record).await?;
                taken = Taken::Over;
            }
        }
        self.is_caught_up |= caught_up;
        Ok(taken)
    }

    /// Ingests the rest of a dead recorder's journal and writes the end of the session.
    pub(super) async fn take_left_over(&mut self) -> Result<(), SupervisorError> {
        match self.ingest_left_over().await? {
            Some(end_record) => self.conclude_as_recorded(end_record).await,
            None => self.conclude(self.loss()).await,
        }
    }

    /// Ingests the rest of a dead recorder's journal, up to the agent's end if it contains one.
    pub(super) async fn ingest_left_over(
        &mut self,
    ) -> Result<Option<RecordedEnd>, SupervisorError> {
        loop {
            let from = self.view.record.journal;
            let records = self
                .core
                .executor
                .left_over(self.id, from, BATCH_MAX)
                .await?;
            if records.is_empty() {
                return Ok(None);
            }
            let ended = self.ingest(&records).await?.ended;
            if ended.is_some() {
                return Ok(ended);
            }
        }
    }

    fn measure(&self, measuring: &mut Measuring, now: Timestamp) {
        if measuring.next_due().is_none_or(|due| now < due) {
            return;
        }
        measuring.due = None;
        let executor = self.core.executor.clone();
        let id = self.id;
        measuring
            .running
            .spawn(async move { executor.changes(id).await.map(|(summary, _)| summary) });
    }

    async fn take_measure(
        &mut self,
        measured: Result<ChangeSummary, ExecutorError>,
    ) -> Result<(), SupervisorError> {
        match measured {
            Ok(count) => {
                let now = self.core.clock.now();
                self.decide(|view| {
                    let change = Change::of_count(&view.record.session, count, now);
                    Ok(match change == Change::default() {
                        true => Decision::Unchanged,
                        false => change.into(),
                    })
                })
                .await?;
            }
            // Until the end the count is only informative. A failure at the end is logged as an
            // event.
            Err(error) => {
                tracing::debug!(session.id = %self.id, %error, "changes could not be counted");
            }
        }
        Ok(())
    }
}

impl Measuring {
    /// Schedules a count at `due`, unless one is due earlier.
    fn want(&mut self, due: Timestamp) {
        self.due = Some(self.due.map_or(due, |wanted| wanted.min(due)));
    }

    /// Returns the time of the next count, or none while a count is running.
    fn next_due(&self) -> Option<Timestamp> {
        if self.running.is_empty() {
            self.due
        } else {
            None
        }
    }

    /// Waits for the running count.
    async fn done(&mut self) -> Result<ChangeSummary, ExecutorError> {
        loop {
            match self.running.join_next().await {
                Some(Ok(measured)) => return measured,
                Some(Err(error)) => {
                    tracing::warn!(%error, "the count of changes did not finish");
                }
                None => return std::future::pending().await,
            }
        }
    }
}

/// Waits for a message, and takes those that are ready behind it, up to the bounds of a batch.
/// `from` is the position in the journal before them. Returns `None` at the end.
async fn next_batch(
    messages: &mut (impl FusedStream<Item = std::io::Result<RecorderMessage>> + Unpin),
    from: JournalPosition,
) -> Option<Vec<std::io::Result<RecorderMessage>>> {
    let mut batch = Vec::new();
    let mut next = Some(messages.next().await?);
    while let Some(message) = next.take() {
        let bytes = match &message {
            Ok(RecorderMessage::Record { next, .. }) => next.0.saturating_sub(from.0),
            _ => 0,
        };
        batch.push(message);
        if batch.len() < BATCH_MAX && bytes < BATCH_BYTES {
            next = messages.next().now_or_never().flatten();
        }
    }
    Some(batch)
}

async fn wait_for(clock: &dyn crate::clock::Clock, moment: Option<Timestamp>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn send(requests: &mut RecorderRequests, request: &Request) -> std::io::Result<()> {
    tokio::time::timeout(SEND_MAX, requests.send(request.clone()))
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

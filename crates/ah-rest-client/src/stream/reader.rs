//! Reads a stream over as many connections as necessary.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use ah_rest_api_contract::sse::{Decoded, Decoder, FrameTooLarge};
use ah_rest_api_contract::{ErrorKind, TaskManagerError, error_chain};
use futures::{Stream, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep, timeout};

use super::losses::{CONNECTIONS_WITHOUT_PROGRESS_MAX, Losses, Lost};
use super::{StreamPosition, Verdict};
use crate::call::ApiCall;
use crate::chance;
use crate::client::RestClient;
use crate::failures;
use crate::retry::AttemptFailure;

/// The maximum delay that a server can request before a reconnect.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Connects and follows the stream from `place`.
///
/// # Errors
/// The stream does not start. Connecting is retried like any other request.
pub(crate) async fn follow<P: StreamPosition>(
    client: RestClient,
    place: P,
) -> Result<Pin<Box<dyn Stream<Item = Result<P::Item, TaskManagerError>> + Send>>, TaskManagerError>
{
    let call = place.call()?;
    let response = client.opened(&call).await?;
    let is_over = is_over(&response, &call)?;
    let reader = Reader {
        client,
        lost_at: place.cursor(),
        place,
        response: Some(response),
        connected: Instant::now(),
        decoder: Decoder::new(),
        broken: None,
        losses: Losses::default(),
        asked_wait: None,
        is_over,
    };
    Ok(Box::pin(stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((item, reader))
    })))
}

struct Reader<P: StreamPosition> {
    client: RestClient,
    place: P,
    /// The connection; `None` while disconnected.
    response: Option<Response>,
    decoder: Decoder,
    /// The error that ends the stream, once everything before it is yielded.
    broken: Option<FrameTooLarge>,
    /// The time of the connection.
    connected: Instant,
    /// The cursor at the last loss, or at the start.
    lost_at: P::Cursor,
    losses: Losses,
    /// The delay that the server requested before the next connection.
    asked_wait: Option<Duration>,
    is_over: bool,
}

impl<P: StreamPosition> Reader<P> {
    async fn next(&mut self) -> Option<Result<P::Item, TaskManagerError>> {
        if self.is_over {
            return None;
        }
        let item = self.read().await.transpose();
        if !matches!(item, Some(Ok(_))) {
            self.is_over = true;
        }
        item
    }

    /// Returns the next item; `None` at the end.
    ///
    /// It is cancel safe: each await leaves the reader in a consistent state.
    async fn read(&mut self) -> Result<Option<P::Item>, TaskManagerError> {
        loop {
            if let Some(item) = self.decoded()? {
                return Ok(Some(item));
            }
            let Some(response) = &mut self.response else {
                self.connect().await?;
                if self.is_over {
                    return Ok(None);
                }
                continue;
            };
            match timeout(self.client.timeouts().silence, response.chunk()).await {
                Ok(Ok(Some(chunk))) => self.broken = self.decoder.push(&chunk).err(),
                Ok(Ok(None)) => {
                    // An end inside a frame is not a regular end: the stream was cut.
                    let is_torn = self.decoder.is_within_frame();
                    self.disconnect("it ended")?;
                    if !is_torn && self.is_all().await? {
                        return Ok(None);
                    }
                }
                Ok(Err(error)) => {
                    self.client.set_reachability(false);
                    self.disconnect(&error_chain(&error.without_url()))?;
                }
                Err(_) => {
                    self.client.set_reachability(false);
                    self.disconnect("it was silent for too long")?;
                }
            }
        }
    }

    /// Returns the next item among the received frames.
    fn decoded(&mut self) -> Result<Option<P::Item>, TaskManagerError> {
        while let Some(decoded) = self.decoder.pop() {
            let Decoded::Frame(frame) = decoded else {
                continue;
            };
            let verdict = self.place.judge(&frame);
            let item = match verdict.map_err(|fault| self.unreadable(fault.kind(), fault))? {
                Verdict::Pass => continue,
                Verdict::Yield(item) => item,
                Verdict::Last(item) => {
                    self.is_over = true;
                    item
                }
            };
            return Ok(Some(item));
        }
        match self.broken.take() {
            None => Ok(None),
            Some(error) => Err(self.unreadable(ErrorKind::Internal, error)),
        }
    }

    /// Returns the error for a complete frame that cannot be parsed. The log does not change, so
    /// another connection would give the same frame.
    fn unreadable(
        &self,
        kind: ErrorKind,
        fault: impl Error + Send + Sync + 'static,
    ) -> TaskManagerError {
        let place = &self.place;
        TaskManagerError::new(kind, format!("{fault}; last position: {place}")).caused_by(fault)
    }

    /// Closes the connection. The next one continues from the current position.
    ///
    /// # Errors
    /// This connection and too many before it made no progress.
    fn disconnect(&mut self, why: &str) -> Result<(), TaskManagerError> {
        tracing::debug!(place = %self.place, why, "lost the connection of an event stream");
        self.place.leave(self.decoder.last_event_id());
        let cursor = self.place.cursor();
        let is_hopeless = self.losses.lost(Lost {
            has_moved: cursor != self.lost_at,
            is_torn: self.decoder.is_within_frame(),
            is_brief: self.connected.elapsed() <= self.client.retry_policy().delay_max,
        });
        self.lost_at = cursor;
        self.asked_wait = self.decoder.retry();
        self.decoder = Decoder::new();
        self.response = None;
        if !is_hopeless {
            return Ok(());
        }
        let base_url = self.client.base_url();
        let (place, url) = (&self.place, failures::shown(&base_url));
        Err(TaskManagerError::new(
            ErrorKind::Internal,
            format!(
                "the event stream of {url} broke after {place} \
                 {CONNECTIONS_WITHOUT_PROGRESS_MAX} times in a row \
                 ({why}); check for a proxy that cuts it, and the log of the access point"
            ),
        ))
    }

    /// Returns true if the end of the connection was the end of the stream. An unreachable server
    /// is retried.
    async fn is_all(&mut self) -> Result<bool, TaskManagerError> {
        match self.place.is_over(&self.client).await {
            Ok(is_over) => Ok(is_over),
            Err(failure) if failure.is_passing() => {
                self.note(&failure);
                Ok(false)
            }
            Err(failure) => Err(failure.error),
        }
    }

    /// Makes one attempt to connect, after a delay.
    async fn connect(&mut self) -> Result<(), TaskManagerError> {
        let drawn = self
            .client
            .retry_policy()
            .delay(self.losses.failures(), chance::draw()?);
        let asked = self.asked_wait.unwrap_or_default().min(WAIT_MAX);
        // In addition to the requested delay, so that clients do not reconnect simultaneously.
        sleep(asked.saturating_add(drawn)).await;
        self.losses.tried();
        let call = self.place.call()?;
        match self.client.opened_once(&call).await {
            Ok(response) => {
                self.is_over = is_over(&response, &call)?;
                self.response = Some(response);
                self.connected = Instant::now();
                Ok(())
            }
            Err(failure) if failure.is_passing() => {
                self.note(&failure);
                Ok(())
            }
            Err(failure) => Err(failure.error),
        }
    }

    fn note(&mut self, failure: &AttemptFailure) {
        tracing::debug!(
            place = %self.place,
            failures = self.losses.failures(),
            error = %failure.error,
            "failed to reconnect an event stream",
        );
        self.asked_wait = failure.retry_after.or(self.asked_wait);
    }
}

/// Returns true if the server reports that the stream has no more events, now or later.
///
/// # Errors
/// The response is not an event stream.
fn is_over(response: &Response, call: &ApiCall) -> Result<bool, TaskManagerError> {
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(true);
    }
    let media_type = response.headers().get(CONTENT_TYPE);
    let is_stream = media_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/event-stream"));
    if is_stream {
        Ok(false)
    } else {
        Err(failures::unexpected(call, "is not an event stream"))
    }
}

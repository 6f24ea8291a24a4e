//! Reading a stream over as many connections as it takes.

use std::pin::Pin;
use std::time::Duration;

use ah_rest_api_contract::sse::{Decoded, Decoder, FrameTooLarge};
use ah_rest_api_contract::{ErrorKind, TaskManagerError};
use futures::{Stream, stream};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::time::{Instant, sleep, timeout};

use super::{Place, Verdict};
use crate::call::Call;
use crate::chance;
use crate::client::RestClient;
use crate::failures;
use crate::retry::Failure;

/// The longest that a server can make a reader wait before it connects again.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Connects, and follows what there is from `place` on.
///
/// # Errors
/// When the stream does not begin: then the request is tried again like any other.
pub(crate) async fn follow<P: Place>(
    client: RestClient,
    place: P,
) -> Result<Pin<Box<dyn Stream<Item = Result<P::Item, TaskManagerError>> + Send>>, TaskManagerError>
{
    let call = place.call()?;
    let response = client.opened(&call).await?;
    check(&response, &call)?;
    let reader = Reader {
        client,
        place,
        response: Some(response),
        connected: Instant::now(),
        decoder: Decoder::new(),
        broken: None,
        failures: 0,
        asked_wait: None,
        is_over: false,
    };
    Ok(Box::pin(stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((item, reader))
    })))
}

struct Reader<P> {
    client: RestClient,
    place: P,
    /// The connection; `None` when one has to be made.
    response: Option<Response>,
    decoder: Decoder,
    /// What ends the stream once all that came before it is yielded.
    broken: Option<FrameTooLarge>,
    /// When the connection was made.
    connected: Instant,
    /// How many connections in a row have failed, or were of no use.
    failures: u32,
    /// How long the server asked to wait before the next connection.
    asked_wait: Option<Duration>,
    is_over: bool,
}

impl<P: Place> Reader<P> {
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

    /// The next item; `None` when there is no more.
    ///
    /// It may be dropped at any await: each step leaves the reader whole.
    async fn read(&mut self) -> Result<Option<P::Item>, TaskManagerError> {
        loop {
            if let Some(item) = self.decoded()? {
                return Ok(Some(item));
            }
            let Some(response) = &mut self.response else {
                self.connect().await?;
                continue;
            };
            match timeout(self.client.timeouts().silence, response.chunk()).await {
                Ok(Ok(Some(chunk))) => self.broken = self.decoder.push(&chunk).err(),
                Ok(Ok(None)) => {
                    self.disconnect("it ended");
                    if self.is_all().await? {
                        return Ok(None);
                    }
                }
                Ok(Err(error)) => self.disconnect(&error.without_url().to_string()),
                Err(_) => self.disconnect("it was silent for too long"),
            }
        }
    }

    /// The next item among the frames that have come.
    fn decoded(&mut self) -> Result<Option<P::Item>, TaskManagerError> {
        while let Some(decoded) = self.decoder.pop() {
            let Decoded::Frame(frame) = decoded else {
                continue;
            };
            let item = match self.place.judge(&frame)? {
                Verdict::Pass => continue,
                Verdict::Yield(item) => item,
                Verdict::Last(item) => {
                    self.is_over = true;
                    item
                }
            };
            self.failures = 0;
            return Ok(Some(item));
        }
        match self.broken.take() {
            None => Ok(None),
            Some(error) => {
                Err(TaskManagerError::new(ErrorKind::Internal, error.to_string()).caused_by(error))
            }
        }
    }

    fn disconnect(&mut self, why: &str) {
        tracing::debug!(why, "an event stream's connection is lost");
        // One on which nothing happened for long was of use all the same.
        if self.connected.elapsed() > self.client.retry_policy().delay_max {
            self.failures = 0;
        }
        self.asked_wait = self.decoder.retry();
        self.place.leave(self.decoder.last_event_id());
        self.decoder = Decoder::new();
        self.response = None;
    }

    /// Whether the end of the connection was the end of the stream. A server that is not there to
    /// tell is waited for like any other.
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

    /// Makes the next connection, after a wait; one attempt.
    async fn connect(&mut self) -> Result<(), TaskManagerError> {
        let drawn = self
            .client
            .retry_policy()
            .delay(self.failures, chance::draw()?);
        let asked = self.asked_wait.unwrap_or_default().min(WAIT_MAX);
        // On top of what was asked for, or all that were sent away at once would be back at once.
        sleep(asked.saturating_add(drawn)).await;
        self.failures = self.failures.saturating_add(1);
        let call = self.place.call()?;
        match self.client.opened_once(&call).await {
            Ok(response) => {
                check(&response, &call)?;
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

    fn note(&mut self, failure: &Failure) {
        tracing::debug!(
            failures = self.failures,
            error = %failure.error,
            "an event stream could not connect again",
        );
        self.asked_wait = failure.retry_after.or(self.asked_wait);
    }
}

/// Whether an answer is an event stream at all.
fn check(response: &Response, call: &Call) -> Result<(), TaskManagerError> {
    let media_type = response.headers().get(CONTENT_TYPE);
    let is_stream = media_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/event-stream"));
    if is_stream {
        Ok(())
    } else {
        Err(failures::unexpected(call, "is not an event stream"))
    }
}

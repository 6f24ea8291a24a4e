//! The client, and how one request of it is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{TaskManagerError, operations};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::answer;
use crate::builder::RestClientBuilder;
use crate::call::Call;
use crate::chance;
use crate::credential::Credential;
use crate::failures;
use crate::retry::{Attempts, Failure, RetryPolicy};
use crate::span::{RequestSpan, millis};
use crate::timeouts::Timeouts;

/// The client of an access point: the [`TaskManager`](ah_rest_api_contract::TaskManager) in another
/// process or on another host, and a method for each further operation of its API.
///
/// It is cheap to clone, and the clones share their connections. A request that fails is tried
/// again where that is safe, as its [`RetryPolicy`] says; one that makes something carries an
/// `Idempotency-Key`, so that it is done once however often it is sent. What a method says of its
/// errors is what [`ah_rest_api_contract::TaskManager`] says: the problem that the access point
/// answered with, or [`ErrorKind::Unreachable`](ah_rest_api_contract::ErrorKind::Unreachable) when
/// none answered.
#[derive(Clone)]
pub struct RestClient {
    shared: Arc<Shared>,
}

/// What the clones of a client share.
pub(crate) struct Shared {
    /// What requests with an answer go through. Over HTTP/2 they share a connection.
    pub(crate) answers: reqwest::Client,
    /// What event streams go through. Each has a connection of its own, so that one whose reader
    /// is slow holds up nobody else.
    pub(crate) streams: reqwest::Client,
    /// Without a slash at its end.
    pub(crate) base_url: Url,
    pub(crate) credential: Option<Credential>,
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: RetryPolicy,
}

impl fmt::Debug for RestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestClient")
            .field("base_url", &self.base_url().as_str())
            .field("credential", &self.shared.credential)
            .field("timeouts", &self.shared.timeouts)
            .field("retry", &self.shared.retry)
            .finish_non_exhaustive()
    }
}

impl RestClient {
    /// Begins a client of the access point at `base_url`, such as `http://127.0.0.1:3001`.
    #[must_use]
    pub fn builder(base_url: &str) -> RestClientBuilder {
        RestClientBuilder::new(base_url)
    }

    pub(crate) const fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Where the access point is.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.shared.base_url
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.shared.retry
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.shared.timeouts
    }

    /// The URL of a path from the server's root.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base_url().clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// The answer to a call, from JSON or, where the operation has none, from nothing.
    pub(crate) async fn answer<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<T, TaskManagerError> {
        let body = self.whole(&call).await?;
        let json = match call.operation().status {
            204 => b"null",
            _ => body.as_slice(),
        };
        serde_json::from_slice(json).map_err(|source| failures::malformed(&call, source))
    }

    /// The answer to a call as text.
    pub(crate) async fn text(&self, call: Call) -> Result<String, TaskManagerError> {
        let body = self.whole(&call).await?;
        String::from_utf8(body).map_err(|source| failures::malformed(&call, source))
    }

    /// One attempt at [`RestClient::answer`].
    pub(crate) async fn answer_once<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Failure> {
        let span = RequestSpan::begin(call);
        let body = self.once(call, &span, self.attempt(call, &span)).await?;
        serde_json::from_slice(&body)
            .map_err(|source| Failure::last(failures::malformed(call, source)))
    }

    /// The whole body of the answer to a call, tried again where that may help.
    async fn whole(&self, call: &Call) -> Result<Vec<u8>, TaskManagerError> {
        let span = RequestSpan::begin(call);
        self.repeatedly(call, &span, || self.attempt(call, &span))
            .await
    }

    async fn attempt(&self, call: &Call, span: &RequestSpan) -> Result<Vec<u8>, Failure> {
        let mut response = self.send(call, &self.shared.answers, span).await?;
        answer::whole_body(&mut response, self.base_url(), call).await
    }

    /// The answer to a call that goes on as a stream, tried again where that may help until it
    /// begins.
    pub(crate) async fn opened(&self, call: &Call) -> Result<Response, TaskManagerError> {
        let span = RequestSpan::begin(call);
        self.repeatedly(call, &span, || self.send(call, &self.shared.streams, &span))
            .await
    }

    /// One attempt at [`RestClient::opened`].
    pub(crate) async fn opened_once(&self, call: &Call) -> Result<Response, Failure> {
        let span = RequestSpan::begin(call);
        let attempt = self.send(call, &self.shared.streams, &span);
        self.once(call, &span, attempt).await
    }

    /// The outcome of the one attempt that is made.
    async fn once<T>(
        &self,
        call: &Call,
        span: &RequestSpan,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        span.attempt(1);
        span.within(self.in_time(self.patience(call, span), call, attempt))
            .await
    }

    /// The outcome of as many attempts as it takes.
    async fn repeatedly<T, A>(
        &self,
        call: &Call,
        span: &RequestSpan,
        attempt: impl Fn() -> A,
    ) -> Result<T, TaskManagerError>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let mut attempts = Attempts::new(&self.shared.retry, call.repeat());
        span.within(async {
            loop {
                span.attempt(attempts.number());
                let patience = self.patience(call, span);
                match self.in_time(patience, call, attempt()).await {
                    Ok(outcome) => return Ok(outcome),
                    Err(failure) => wait(&mut attempts, failure, span.begun()).await?,
                }
            }
        })
        .await
    }

    /// How long the next attempt may take.
    fn patience(&self, call: &Call, span: &RequestSpan) -> Duration {
        let left = self
            .shared
            .retry
            .deadline
            .saturating_sub(span.begun().elapsed());
        self.shared
            .timeouts
            .of(call)
            .map_or(left, |timeout| timeout.min(left))
    }

    /// The outcome of an attempt that may take so long.
    async fn in_time<T>(
        &self,
        patience: Duration,
        call: &Call,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout(patience, attempt)
            .await
            .unwrap_or_else(|_| Err(failures::timed_out(self.base_url(), call, patience)))
    }

    /// Sends a call once; a refusal is a failure with what the access point said.
    async fn send(
        &self,
        call: &Call,
        http: &reqwest::Client,
        span: &RequestSpan,
    ) -> Result<Response, Failure> {
        let sent = Instant::now();
        let mut response = http
            .execute(self.request(call))
            .await
            .map_err(|error| failures::not_answered(self.base_url(), call, error))?;
        span.answered(&response, sent.elapsed());
        if response.status().is_success() {
            return Ok(response);
        }
        let credential = self.shared.credential.as_ref();
        Err(answer::refusal(&mut response, self.base_url(), call, credential).await)
    }

    fn request(&self, call: &Call) -> reqwest::Request {
        let mut url = self.url(call.path());
        url.set_query(call.query());
        let method = match call.method() {
            operations::Method::Get => Method::GET,
            operations::Method::Post => Method::POST,
            operations::Method::Put => Method::PUT,
            operations::Method::Delete => Method::DELETE,
        };
        let mut request = reqwest::Request::new(method, url);
        let headers = request.headers_mut();
        for (name, value) in call.headers() {
            headers.insert(name, value.clone());
        }
        if let Some(body) = call.body() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_vec().into());
        }
        request
    }
}

/// Waits until a call may be tried again.
///
/// # Errors
/// Returns the failure's own error when it may not.
async fn wait(
    attempts: &mut Attempts<'_>,
    failure: Failure,
    begun: Instant,
) -> Result<(), TaskManagerError> {
    let Some(delay) = attempts.wait_after(&failure, begun.elapsed(), chance::draw()?) else {
        return Err(failure.error);
    };
    tracing::debug!(
        delay_ms = millis(delay),
        error = %failure.error,
        "the request is tried again",
    );
    sleep(delay).await;
    Ok(())
}

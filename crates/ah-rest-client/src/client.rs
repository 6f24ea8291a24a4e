//! The client, and the execution of a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{TaskManagerError, operations};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::answer;
use crate::call::ApiCall;
use crate::chance;
use crate::credential::Credential;
use crate::failures;
use crate::reachability::Reachability;
use crate::retry::{Attempts, Failure, RetryPolicy};
use crate::span::{RequestSpan, millis};
use crate::timeouts::Timeouts;

/// The client of an access point: the [`TaskManager`](ah_rest_api_contract::TaskManager) in another
/// process or on another host, and a method for each further operation of its API.
///
/// Cloning it is cheap, and clones share their connections. A failed request is retried if that is
/// safe, according to its [`RetryPolicy`]. A request that creates something has an
/// `Idempotency-Key`, so that it is executed once even if it is sent several times. Errors are
/// those of [`ah_rest_api_contract::TaskManager`]: the problem in the access point's response, or
/// [`ErrorKind::Unreachable`](ah_rest_api_contract::ErrorKind::Unreachable) without a response.
#[derive(Clone)]
pub struct RestClient {
    shared: Arc<Shared>,
}

/// The state shared by clones of a client.
pub(crate) struct Shared {
    /// The HTTP client for requests with a response. Over HTTP/2 they share a connection.
    pub(crate) answers: reqwest::Client,
    /// The HTTP client for event streams. Each has its own connection, so that a slow reader does
    /// not block others.
    pub(crate) streams: reqwest::Client,
    /// Without a trailing slash.
    pub(crate) base_url: Url,
    pub(crate) credential: Option<Credential>,
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: RetryPolicy,
    pub(crate) reachability: watch::Sender<Reachability>,
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
    pub(crate) const fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns the address of the access point.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.shared.base_url
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.shared.retry
    }

    /// Returns the reachability of the server, and notifies of its changes.
    ///
    /// Event streams reconnect without an error, so that a program that shows a stream learns of an
    /// outage only here. Without open streams and calls, the value is that of the last attempt.
    #[must_use]
    pub fn reachability(&self) -> watch::Receiver<Reachability> {
        self.shared.reachability.subscribe()
    }

    /// Records the result of an attempt.
    pub(crate) fn set_reachability(&self, is_reachable: bool) {
        let now = Reachability::of_attempt(is_reachable);
        self.shared
            .reachability
            .send_if_modified(|known| std::mem::replace(known, now) != now);
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.shared.timeouts
    }

    /// Returns the URL of a path from the server's root.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base_url().clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// Executes a call and parses its JSON response, or returns nothing for an operation without
    /// one.
    pub(crate) async fn answer<T: DeserializeOwned>(
        &self,
        call: ApiCall,
    ) -> Result<T, TaskManagerError> {
        let body = self.whole(&call).await?;
        let json = match call.operation().status {
            204 => b"null",
            _ => body.as_slice(),
        };
        serde_json::from_slice(json).map_err(|source| failures::malformed(&call, source))
    }

    /// Executes a call with a text response.
    pub(crate) async fn text(&self, call: ApiCall) -> Result<String, TaskManagerError> {
        let body = self.whole(&call).await?;
        String::from_utf8(body).map_err(|source| failures::malformed(&call, source))
    }

    /// Makes one attempt at [`RestClient::answer`].
    pub(crate) async fn answer_once<T: DeserializeOwned>(
        &self,
        call: &ApiCall,
    ) -> Result<T, Failure> {
        let span = RequestSpan::begin(call);
        let body = self.once(call, &span, self.attempt(call, &span)).await?;
        serde_json::from_slice(&body)
            .map_err(|source| Failure::last(failures::malformed(call, source)))
    }

    /// Executes a call, with retries, and returns the whole body of the response.
    async fn whole(&self, call: &ApiCall) -> Result<Vec<u8>, TaskManagerError> {
        let span = RequestSpan::begin(call);
        self.repeatedly(call, &span, || self.attempt(call, &span))
            .await
    }

    async fn attempt(&self, call: &ApiCall, span: &RequestSpan) -> Result<Vec<u8>, Failure> {
        let mut response = self.send(call, &self.shared.answers, span).await?;
        answer::whole_body(&mut response, self.base_url(), call).await
    }

    /// Executes a call with a stream as its response, with retries until it starts.
    pub(crate) async fn opened(&self, call: &ApiCall) -> Result<Response, TaskManagerError> {
        let span = RequestSpan::begin(call);
        self.repeatedly(call, &span, || self.send(call, &self.shared.streams, &span))
            .await
    }

    /// Makes one attempt at [`RestClient::opened`].
    pub(crate) async fn opened_once(&self, call: &ApiCall) -> Result<Response, Failure> {
        let span = RequestSpan::begin(call);
        let attempt = self.send(call, &self.shared.streams, &span);
        self.once(call, &span, attempt).await
    }

    /// Makes a single attempt.
    async fn once<T>(
        &self,
        call: &ApiCall,
        span: &RequestSpan,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        span.attempt(1);
        span.within(self.in_time(self.patience(call, span), call, attempt))
            .await
    }

    /// Makes attempts until one succeeds or the policy ends.
    async fn repeatedly<T, A>(
        &self,
        call: &ApiCall,
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

    /// Returns the time limit of the next attempt.
    fn patience(&self, call: &ApiCall, span: &RequestSpan) -> Duration {
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

    /// Runs an attempt with a time limit.
    async fn in_time<T>(
        &self,
        patience: Duration,
        call: &ApiCall,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout(patience, attempt)
            .await
            .unwrap_or_else(|_| Err(failures::timed_out(self.base_url(), call, patience)))
    }

    /// Sends a call once. An error response becomes a failure.
    async fn send(
        &self,
        call: &ApiCall,
        http: &reqwest::Client,
        span: &RequestSpan,
    ) -> Result<Response, Failure> {
        let sent = Instant::now();
        let response = http.execute(self.request(call)).await;
        self.set_reachability(response.is_ok());
        let mut response =
            response.map_err(|error| failures::not_answered(self.base_url(), call, error))?;
        span.answered(&response, sent.elapsed());
        if response.status().is_success() {
            return Ok(response);
        }
        let credential = self.shared.credential.as_ref();
        Err(answer::refusal(&mut response, self.base_url(), call, credential).await)
    }

    fn request(&self, call: &ApiCall) -> reqwest::Request {
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

/// Waits until a call may be retried.
///
/// # Errors
/// The failure's own error, if no retry is allowed.
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
        "retrying the request",
    );
    sleep(delay).await;
    Ok(())
}

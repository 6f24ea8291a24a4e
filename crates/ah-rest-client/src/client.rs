//! The client, and the execution of a request.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
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
use crate::connection::{Connection, FindServer};
use crate::failures;
use crate::reachability::Reachability;
use crate::retry::{AttemptFailure, Attempts, Cause, RetryPolicy};
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
    /// The present connection. The lock protects its replacement, and is held only to copy it.
    pub(crate) connection: RwLock<Arc<Connection>>,
    /// The present address of a server that may move.
    pub(crate) find_server: Option<FindServer>,
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: RetryPolicy,
    pub(crate) reachability: watch::Sender<Reachability>,
}

impl fmt::Debug for RestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.connection();
        f.debug_struct("RestClient")
            .field("base_url", &connection.base_url.as_str())
            .field("credential", &connection.credential)
            .field("timeouts", &self.shared.timeouts)
            .field("retry", &self.shared.retry)
            .finish_non_exhaustive()
    }
}

impl RestClient {
    pub(crate) const fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns the present address of the access point. It changes if the client follows a local
    /// server; see [`RestClient::local`].
    #[must_use]
    pub fn base_url(&self) -> Url {
        self.connection().base_url.clone()
    }

    pub(crate) fn connection(&self) -> Arc<Connection> {
        let connection = &self.shared.connection;
        Arc::clone(&connection.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_connection(&self, connection: Connection) {
        let current = &self.shared.connection;
        *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(connection);
    }

    /// Follows the server to its present address, after a failure of a request over `failed`.
    /// Returns true if requests use another connection than `failed` now.
    fn follow(&self, failed: &Connection, failure: &AttemptFailure) -> bool {
        let may_have_moved = match failure.cause {
            Cause::NotConnected | Cause::Broken => true,
            // A server that was set up anew has another key, or another server has the port.
            Cause::Final => failure.error.problem().status == 401,
            Cause::Busy | Cause::Fault => false,
        };
        let find_server = self.shared.find_server.as_ref();
        let found = find_server
            .filter(|_| may_have_moved)
            .and_then(|find| find());
        match found.filter(|found| !found.is_same(failed)) {
            Some(found) => {
                tracing::debug!(server = found.base_url.as_str(), "the server has moved");
                self.set_connection(found);
                true
            }
            None => false,
        }
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
    ) -> Result<T, AttemptFailure> {
        let span = RequestSpan::begin(call);
        let body = self.once(call, &span, self.attempt(call, &span)).await?;
        serde_json::from_slice(&body)
            .map_err(|source| AttemptFailure::last(failures::malformed(call, source)))
    }

    /// Executes a call, with retries, and returns the media type and the bytes of the response.
    pub(crate) async fn content(
        &self,
        call: &ApiCall,
    ) -> Result<(Option<String>, Vec<u8>), TaskManagerError> {
        let span = RequestSpan::begin(call);
        self.repeatedly(call, &span, || async {
            let mut response = self.send(call, |it| &it.answers, &span).await?;
            let media_type = response.headers().get(CONTENT_TYPE);
            let media_type = media_type.and_then(|it| it.to_str().ok().map(ToOwned::to_owned));
            let bytes = answer::whole_body(&mut response, &self.base_url(), call).await?;
            Ok((media_type, bytes))
        })
        .await
    }

    /// Executes a call, with retries, and returns the whole body of the response.
    async fn whole(&self, call: &ApiCall) -> Result<Vec<u8>, TaskManagerError> {
        let span = RequestSpan::begin(call);
        self.repeatedly(call, &span, || self.attempt(call, &span))
            .await
    }

    async fn attempt(&self, call: &ApiCall, span: &RequestSpan) -> Result<Vec<u8>, AttemptFailure> {
        let mut response = self.send(call, |it| &it.answers, span).await?;
        answer::whole_body(&mut response, &self.base_url(), call).await
    }

    /// Executes a call with a stream as its response, with retries until it starts.
    pub(crate) async fn opened(&self, call: &ApiCall) -> Result<Response, TaskManagerError> {
        let span = RequestSpan::begin(call);
        self.repeatedly(call, &span, || self.send(call, |it| &it.streams, &span))
            .await
    }

    /// Makes one attempt at [`RestClient::opened`].
    pub(crate) async fn opened_once(&self, call: &ApiCall) -> Result<Response, AttemptFailure> {
        let span = RequestSpan::begin(call);
        let attempt = self.send(call, |it| &it.streams, &span);
        self.once(call, &span, attempt).await
    }

    /// Makes a single attempt.
    async fn once<T>(
        &self,
        call: &ApiCall,
        span: &RequestSpan,
        attempt: impl Future<Output = Result<T, AttemptFailure>>,
    ) -> Result<T, AttemptFailure> {
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
        A: Future<Output = Result<T, AttemptFailure>>,
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
        attempt: impl Future<Output = Result<T, AttemptFailure>>,
    ) -> Result<T, AttemptFailure> {
        timeout(patience, attempt)
            .await
            .unwrap_or_else(|_| Err(failures::timed_out(&self.base_url(), call, patience)))
    }

    /// Sends a call once. An error response becomes a failure. A call that was not executed because
    /// the server has moved is sent again to its new address, once.
    async fn send(
        &self,
        call: &ApiCall,
        http: fn(&Connection) -> &reqwest::Client,
        span: &RequestSpan,
    ) -> Result<Response, AttemptFailure> {
        let connection = self.connection();
        let failure = match self.send_over(&connection, call, http, span).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        let has_moved = self.follow(&connection, &failure);
        if has_moved && failure.cause != Cause::Broken {
            return self.send_over(&self.connection(), call, http, span).await;
        }
        Err(failure)
    }

    async fn send_over(
        &self,
        connection: &Connection,
        call: &ApiCall,
        http: fn(&Connection) -> &reqwest::Client,
        span: &RequestSpan,
    ) -> Result<Response, AttemptFailure> {
        let sent = Instant::now();
        let response = http(connection).execute(request(connection, call)).await;
        self.set_reachability(response.is_ok());
        let base_url = &connection.base_url;
        let mut response =
            response.map_err(|error| failures::not_answered(base_url, call, error))?;
        span.answered(&response, sent.elapsed());
        if response.status().is_success() {
            return Ok(response);
        }
        let credential = connection.credential.as_ref();
        Err(answer::refusal(&mut response, base_url, call, credential).await)
    }
}

fn request(connection: &Connection, call: &ApiCall) -> reqwest::Request {
    let mut url = connection.url(call.path());
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

/// Waits until a call may be retried.
///
/// # Errors
/// The failure's own error, if no retry is allowed.
async fn wait(
    attempts: &mut Attempts<'_>,
    failure: AttemptFailure,
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

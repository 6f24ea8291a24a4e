//! The client, and how one request of it is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{TaskManagerError, routes};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::answer;
use crate::builder::{RestClientBuilder, Timeouts};
use crate::call::{Call, Patience};
use crate::chance;
use crate::credential::Credential;
use crate::failures;
use crate::retry::{Attempts, Failure, RetryPolicy};

/// The client of an access point: one method for each route of its API.
///
/// It is cheap to clone, and the clones share their connections. A request that fails is tried
/// again where that is safe, as its [`RetryPolicy`] says; one that makes something carries an
/// `Idempotency-Key`, so that it is done once however often it is sent. What a method says of its
/// errors is what [`ah_rest_api_contract::TaskManager`] says: the problem that the access point
/// answered with, or [`ah_rest_api_contract::ErrorKind::Unreachable`] when none answered.
#[derive(Clone)]
pub struct RestClient {
    shared: Arc<Shared>,
}

/// What the clones of a client share.
pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
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

    /// The JSON that a call is answered with.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<T, TaskManagerError> {
        let body = self.whole(&call).await?;
        serde_json::from_slice(&body).map_err(|source| failures::malformed(&call, source))
    }

    /// Makes a call whose answer has nothing to say.
    pub(crate) async fn done(&self, call: Call) -> Result<(), TaskManagerError> {
        self.whole(&call).await.map(drop)
    }

    /// The text that a call is answered with.
    pub(crate) async fn text(&self, call: Call) -> Result<String, TaskManagerError> {
        let body = self.whole(&call).await?;
        String::from_utf8(body).map_err(|source| failures::malformed(&call, source))
    }

    /// One attempt at [`RestClient::json`].
    pub(crate) async fn json_once<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Failure> {
        let body = self
            .within(self.shared.timeouts.answer, call, self.attempt(call))
            .await?;
        serde_json::from_slice(&body)
            .map_err(|source| Failure::last(failures::malformed(call, source)))
    }

    /// The whole body of the answer to a call, tried again where that may help.
    async fn whole(&self, call: &Call) -> Result<Vec<u8>, TaskManagerError> {
        let begun = Instant::now();
        let mut attempts = Attempts::new(&self.shared.retry, call.repeat());
        loop {
            let patience = self.patience(call, begun);
            match self.within(patience, call, self.attempt(call)).await {
                Ok(body) => return Ok(body),
                Err(failure) => self.wait(&mut attempts, failure, begun, call).await?,
            }
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Vec<u8>, Failure> {
        let mut response = self.send(call).await?;
        answer::whole_body(&mut response, self.base_url(), call).await
    }

    /// The answer to a call that goes on as a stream, tried again where that may help until it
    /// begins.
    pub(crate) async fn opened(&self, call: &Call) -> Result<Response, TaskManagerError> {
        let begun = Instant::now();
        let mut attempts = Attempts::new(&self.shared.retry, call.repeat());
        loop {
            let patience = self.patience(call, begun);
            match self.within(patience, call, self.send(call)).await {
                Ok(response) => return Ok(response),
                Err(failure) => self.wait(&mut attempts, failure, begun, call).await?,
            }
        }
    }

    /// One attempt at [`RestClient::opened`].
    pub(crate) async fn opened_once(&self, call: &Call) -> Result<Response, Failure> {
        self.within(self.shared.timeouts.answer, call, self.send(call))
            .await
    }

    /// How long the next attempt may take.
    fn patience(&self, call: &Call, begun: Instant) -> Duration {
        let left = self.shared.retry.deadline.saturating_sub(begun.elapsed());
        match call.patience() {
            Patience::Usual => left.min(self.shared.timeouts.answer),
            Patience::Long => left,
        }
    }

    /// The outcome of an attempt that may take so long.
    async fn within<T>(
        &self,
        patience: Duration,
        call: &Call,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout(patience, attempt)
            .await
            .unwrap_or_else(|_| Err(failures::timed_out(self.base_url(), call, patience)))
    }

    /// Waits until the call may be tried again.
    ///
    /// # Errors
    /// Returns the failure's own error when it may not.
    async fn wait(
        &self,
        attempts: &mut Attempts<'_>,
        failure: Failure,
        begun: Instant,
        call: &Call,
    ) -> Result<(), TaskManagerError> {
        let Some(delay) = attempts.wait_after(&failure, begun.elapsed(), chance::draw()?) else {
            return Err(failure.error);
        };
        tracing::debug!(
            method = call.method().as_str(),
            path = call.path(),
            delay_ms = delay.as_millis(),
            error = %failure.error,
            "the request is tried again",
        );
        sleep(delay).await;
        Ok(())
    }

    /// Sends a call once; a refusal is a failure with what the access point said.
    async fn send(&self, call: &Call) -> Result<Response, Failure> {
        let begun = Instant::now();
        let mut response = self
            .shared
            .http
            .execute(self.request(call))
            .await
            .map_err(|error| failures::not_answered(self.base_url(), call, error))?;
        let status = response.status();
        tracing::debug!(
            method = call.method().as_str(),
            path = call.path(),
            status = status.as_u16(),
            duration_ms = begun.elapsed().as_millis(),
            request_id = answer::request_id(response.headers()),
            "answered",
        );
        if status.is_success() {
            Ok(response)
        } else {
            Err(answer::refusal(&mut response, self.base_url(), call).await)
        }
    }

    fn request(&self, call: &Call) -> reqwest::Request {
        let mut url = self.url(call.path());
        url.set_query(call.query());
        let method = match call.method() {
            routes::Method::Get => Method::GET,
            routes::Method::Post => Method::POST,
            routes::Method::Put => Method::PUT,
            routes::Method::Delete => Method::DELETE,
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

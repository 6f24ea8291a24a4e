//! The service that every request passes: one function of all steps that requests have in common.
//!
//! It is outside of the router. A layer on a router is a box around each route, which is cloned for
//! each request, and eleven of them cost more than the requests themselves
//! (docs/decisions/0026). The steps, from the outermost: response headers, id, span and metrics;
//! the response to a panic; the accepted names; CORS; the key; the rate limit; the time limit.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ah_rest_api_contract::{ErrorKind, operations};
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use tokio::sync::watch;
use tower::{ServiceExt as _, service_fn};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::auth::{API_KEY_HEADER, Gate, MetricsAccess, Names};
use crate::clock::ServerClock;
use crate::cors::Cors;
use crate::metrics::Metrics;
use crate::places::ConnectionUse;
use crate::problem::{self, ApiError};
use crate::request::{REQUEST_ID, RequestIds, traceparent};
use crate::routes::{Route, Routes};
use crate::streams;
use crate::throttle::Throttle;

/// The maximum time that a starting server holds a request. Clients commonly wait for 30 s.
const HELD_MAX: Duration = Duration::from_secs(10);

/// The parts that the apps of all phases share.
pub(crate) struct Steps {
    pub(crate) routes: Routes,
    pub(crate) ids: RequestIds,
    pub(crate) clock: ServerClock,
    pub(crate) metrics: Metrics,
    pub(crate) names: Names,
    pub(crate) cors: Cors,
    pub(crate) gate: Gate,
    pub(crate) metrics_access: MetricsAccess,
    pub(crate) throttle: Throttle,
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
}

/// The routes of one phase of the server, behind the steps of every request.
#[derive(Clone)]
pub(crate) struct App {
    steps: Arc<Steps>,
    router: Router,
    /// True if requests that need an access point wait for the next phase.
    holds: bool,
}

impl App {
    pub(crate) const fn new(steps: Arc<Steps>, router: Router) -> Self {
        Self {
            steps,
            router,
            holds: false,
        }
    }

    /// Lets requests that need an access point wait for the next phase.
    pub(crate) fn holding(self) -> Self {
        Self {
            holds: true,
            ..self
        }
    }

    /// Returns the app for a request: the one of the current phase, or of the next phase if the
    /// current one holds the request. It is held for at most [`HELD_MAX`].
    ///
    /// A standard `EventSource` gives up for good when the response to its request is an error, and
    /// a starting server serves in a moment.
    pub(crate) async fn of_phase(mut phase: watch::Receiver<Self>, uri: &Uri) -> Self {
        let current = phase.borrow_and_update().clone();
        let route = current.steps.routes.find(uri.path());
        if !current.holds || !route.is_some_and(Route::needs_key) {
            return current;
        }
        let _in_flight = current.steps.metrics.in_flight();
        // The channel lives as long as the server.
        tokio::time::timeout(HELD_MAX, phase.changed()).await.ok();
        phase.borrow().clone()
    }

    /// Responds to a request.
    pub(crate) async fn respond(self, mut request: Request) -> Response {
        let started = Instant::now();
        let Self { steps, router, .. } = self;
        mark_sensitive(request.headers_mut());
        let route = steps.routes.find(request.uri().path());
        let method = request.method().clone();
        let uri = request.uri().clone();
        let id = steps.ids.of(request.headers(), &steps.clock);
        let span = tracing::info_span!(
            "request",
            http.method = %method,
            http.route = route.map(Route::path),
            http.status = Empty,
            request.id = id.as_str(),
            trace.parent = traceparent(request.headers()),
            duration_ms = Empty,
        );
        let in_flight = steps.metrics.in_flight();
        let admitted = AssertUnwindSafe(steps.admit(&router, route, request))
            .catch_unwind()
            .instrument(span.clone())
            .await;
        drop(in_flight);
        let response = admitted.unwrap_or_else(|panic| span.in_scope(|| panicked(&*panic)));
        let response = span.in_scope(|| problem::complete(response, uri.path(), id.as_str()));
        let took = started.elapsed();
        let status = response.status();
        span.record("http.status", status.as_u16());
        span.record("duration_ms", took.as_secs_f64() * 1000.0);
        span.in_scope(|| tracing::info!("answered"));
        let metrics = route.map_or(steps.routes.unmatched(), Route::metrics);
        metrics.answered(&method, status, took);
        finish(&method, id.into_header(), response)
    }
}

impl Steps {
    /// Passes on requests with an accepted `Host` and `Origin`, and refuses the others.
    async fn admit(&self, router: &Router, route: Option<&Route>, request: Request) -> Response {
        if let Err(error) = self.names.check(request.uri(), request.headers()) {
            return error.into_response();
        }
        if !Cors::concerns(&request) {
            let response = self.authenticate(router, route, request).await;
            return self.cors.describe(response);
        }
        let inner = service_fn(async |request| {
            Ok::<_, Infallible>(self.authenticate(router, route, request).await)
        });
        match self.cors.around(inner).oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Adds the principal to requests that need one, and refuses those without a valid key.
    async fn authenticate(
        &self,
        router: &Router,
        route: Option<&Route>,
        mut request: Request,
    ) -> Response {
        // A path without a route is a 404 with or without a key.
        let needs_key = |route: &&Route| {
            route.needs_key()
                || route.path() == operations::METRICS.path
                    && self.metrics_access.needs_key(&request)
        };
        let Some(route) = route.filter(needs_key) else {
            return self.time(router, request).await;
        };
        let principal = match self.gate.principal(request.headers()).await {
            Ok(principal) => principal,
            Err(error) => {
                return match self.throttle.check_stranger(&request) {
                    Ok(()) => error.into_response(),
                    Err(limited) => limited.into_response(),
                };
            }
        };
        if let Some(connection) = request.extensions().get::<ConnectionUse>() {
            connection.authenticate();
        }
        let limited = (!streams::is_requested(route, &request)).then(|| principal.id.clone());
        request.extensions_mut().insert(principal);
        match limited {
            // Streams do not count, since they are opened rarely and held long.
            None => self.time(router, request).await,
            Some(principal) => {
                self.throttle
                    .pass(&principal, self.time(router, request))
                    .await
            }
        }
    }

    /// Calls the route, and ends the handling of the request after the time limit. Its work is then
    /// done as a whole or not at all. The body of a response, and so a stream, has no such limit.
    async fn time(&self, router: &Router, mut request: Request) -> Response {
        DefaultBodyLimit::max(self.body_limit).apply(&mut request);
        let limit = self.request_timeout;
        match tokio::time::timeout(limit, router.clone().oneshot(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => ApiError::new(
                ErrorKind::Unavailable,
                format!(
                    "the request was not answered within {} ms; look at what it asked for before \
                     you repeat it",
                    limit.as_millis()
                ),
            )
            .into_response(),
        }
    }
}

/// Marks the credentials of a request, so that no log shows them.
fn mark_sensitive(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, API_KEY_HEADER] {
        if let axum::http::header::Entry::Occupied(mut values) = headers.entry(name) {
            for value in values.iter_mut() {
                value.set_sensitive(true);
            }
        }
    }
}

/// Adds the headers of every response. The router has done so for the length of the body, and has
/// removed the body of a response to HEAD, but a problem's document is written after it.
fn finish(method: &Method, id: Option<HeaderValue>, mut response: Response) -> Response {
    const LENGTH: HeaderName = CONTENT_LENGTH;
    let length = response.body().size_hint().exact();
    let headers = response.headers_mut();
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(const { HeaderValue::from_static("no-store") });
    if let Some(length) = length
        && !headers.contains_key(LENGTH)
    {
        headers.insert(LENGTH, HeaderValue::from(length));
    }
    if *method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// The response to a request whose handler panicked. The log has the message.
fn panicked(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(panic = message, "a request panicked");
    ApiError::new(ErrorKind::Internal, "a bug in the server ended the request").into_response()
}

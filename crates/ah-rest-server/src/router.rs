//! The routers of the server's phases, with the layers around them.
//!
//! A server is starting, serving or shutting down. Each phase has its own router, so that handlers
//! need not check for an access point.

use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::operations::ALL;
use ah_rest_api_contract::{AccessPoint, ErrorKind};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use axum::routing::on;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::api;
use crate::auth::{API_KEY_HEADER, Gate, Names, authenticate, check_names};
use crate::clock::ServerClock;
use crate::idempotency::Idempotency;
use crate::metrics::Metrics;
use crate::problem::ApiError;
use crate::request::{Observer, RequestIds, observe, panicked, time_out};
use crate::state::{About, Serving};
use crate::streams::Streams;
use crate::throttle::{Throttle, throttle};

/// The time for which a browser may cache the response to a preflight request.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(600);

/// The parts that the routers of all phases share.
pub(crate) struct Site {
    pub(crate) about: About,
    pub(crate) gate: Gate,
    pub(crate) names: Arc<Names>,
    pub(crate) throttle: Throttle,
    pub(crate) ids: Arc<RequestIds>,
    pub(crate) clock: ServerClock,
    pub(crate) metrics: Metrics,
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    /// Cancelled when the server begins to shut down.
    pub(crate) closing: CancellationToken,
}

impl Site {
    /// The router that serves `access`.
    pub(crate) fn serving(&self, access: Arc<dyn AccessPoint>) -> Router {
        let state = Serving {
            about: About {
                access: Some(access.clone()),
                ..self.about.clone()
            },
            idempotency: Idempotency {
                access: access.clone(),
                clock: self.clock.clone(),
                metrics: self.metrics.clone(),
            },
            streams: Streams::new(self.closing.clone(), self.metrics.clone()),
            access,
        };
        self.layered(api::all().with_state(state))
    }

    /// Returns the router of a phase without an access point. Routes that need one are unavailable.
    pub(crate) fn unavailable(&self, reason: &str) -> Router {
        let mut router = api::operational::<About>().with_state(self.about.clone());
        let detail: Arc<str> = format!("{reason}; try again in a moment").into();
        let refuse = move || async move { ApiError::new(ErrorKind::Unavailable, &*detail) };
        for operation in ALL {
            if !api::OPERATIONAL.contains(operation) {
                let refuse = on(api::filter(operation.method), refuse.clone());
                router = router.route(operation.path, refuse);
            }
        }
        self.layered(router)
    }

    /// The layers around the routes, of which the last one is the outermost.
    fn layered(&self, router: Router) -> Router {
        let observer = Observer {
            ids: self.ids.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        };
        router
            .fallback(api::not_found)
            .method_not_allowed_fallback(api::not_allowed)
            .layer(DefaultBodyLimit::max(self.body_limit))
            .layer(from_fn_with_state(self.request_timeout, time_out))
            .layer(from_fn_with_state(self.throttle.clone(), throttle))
            .layer(from_fn_with_state(self.gate.clone(), authenticate))
            .layer(cors(&self.names))
            .layer(from_fn_with_state(self.names.clone(), check_names))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(observer, observe))
            .layer(SetResponseHeaderLayer::overriding(
                X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ))
            .layer(SetResponseHeaderLayer::if_not_present(
                CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
            .layer(SetSensitiveRequestHeadersLayer::new([
                AUTHORIZATION,
                API_KEY_HEADER,
            ]))
    }
}

/// The CORS headers for pages whose origins are configured.
fn cors(names: &Names) -> CorsLayer {
    let origins: Vec<HeaderValue> = names
        .origins()
        .iter()
        .filter_map(|origin| HeaderValue::try_from(origin).ok())
        .collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("traceparent"),
            API_KEY_HEADER,
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("idempotency-replayed"),
            HeaderName::from_static("x-ratelimit-limit"),
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderName::from_static("x-ratelimit-reset"),
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(PREFLIGHT_KEPT)
}

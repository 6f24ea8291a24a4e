//! The routes with the layers around them, from the outermost: what is observed, panics, names,
//! CORS, keys, rates, time, and the size of bodies.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::app::App;
use crate::auth::{authenticate, check_names};
use crate::limits::limit;
use crate::request::{observe, panicked, time_out};
use crate::routes;

/// For how long a browser need not ask again what a page may do.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(600);

/// The whole service.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = routes::all().split_for_parts();
    router
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::not_allowed)
        .layer(DefaultBodyLimit::max(app.config().server.body_limit))
        .layer(from_fn_with_state(app.clone(), time_out))
        .layer(from_fn_with_state(app.clone(), limit))
        .layer(from_fn_with_state(app.clone(), authenticate))
        .layer(cors(&app))
        .layer(from_fn_with_state(app.clone(), check_names))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// What browsers are told of pages whose origin was configured.
fn cors(app: &App) -> CorsLayer {
    let origins: Vec<HeaderValue> = app
        .names()
        .origins()
        .iter()
        .filter_map(|origin| HeaderValue::try_from(origin).ok())
        .collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("x-api-key"),
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

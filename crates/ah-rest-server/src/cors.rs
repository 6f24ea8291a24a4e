//! Cross-origin requests: the headers for pages whose origins are configured.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{self, AUTHORIZATION, HeaderName, HeaderValue, ORIGIN, VARY};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures::FutureExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::{self, CorsLayer};

use crate::auth::{API_KEY_HEADER, Names};

/// The time for which a browser may cache the response to a preflight request.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(600);

/// The layer, and what it adds to responses to requests without an origin.
pub(crate) struct Cors {
    layer: CorsLayer,
    /// The layer costs more than a simple request, and its result is always the same.
    without_origin: HeaderMap,
}

impl Cors {
    pub(crate) fn new(names: &Names) -> Self {
        let layer = layer(names);
        let empty =
            service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::empty())));
        // A layer with a list of origins waits for nothing.
        let without_origin = layer
            .layer(empty)
            .oneshot(Request::new(Body::empty()))
            .now_or_never()
            .and_then(Result::ok)
            .map(|response: Response| response.headers().clone())
            .unwrap_or_default();
        Self {
            layer,
            without_origin,
        }
    }

    /// Returns true if the layer has to see a request: a preflight, or one of a page.
    pub(crate) fn concerns(request: &Request) -> bool {
        request.method() == Method::OPTIONS || request.headers().contains_key(ORIGIN)
    }

    /// Returns the layer around `inner`.
    pub(crate) fn around<S>(&self, inner: S) -> cors::Cors<S> {
        self.layer.layer(inner)
    }

    /// Adds the headers to the response to a request that does not concern the layer.
    pub(crate) fn describe(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        for (name, value) in &self.without_origin {
            if name == VARY {
                headers.append(name, value.clone());
            } else {
                headers.insert(name, value.clone());
            }
        }
        response
    }
}

fn layer(names: &Names) -> CorsLayer {
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
            header::CONTENT_DISPOSITION,
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("idempotency-replayed"),
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static("x-ratelimit-limit"),
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderName::from_static("x-ratelimit-reset"),
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(PREFLIGHT_KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_without_an_origin_have_the_headers_of_the_layer() {
        let cors = Cors {
            layer: CorsLayer::new(),
            without_origin: HeaderMap::new(),
        };
        assert!(
            cors.describe(Response::new(Body::empty()))
                .headers()
                .is_empty()
        );
        let mut response = Response::new(Body::empty());
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("accept"));
        let cors = Cors::new(&Names::default());
        let response = cors.describe(response);
        let headers = response.headers();
        assert_eq!(headers.get_all(VARY).iter().count(), 2);
        assert!(headers.contains_key("access-control-expose-headers"));
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

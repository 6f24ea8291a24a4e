//! Cross-origin requests: the headers for pages whose origins are configured.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{self, AUTHORIZATION, HeaderName, HeaderValue, ORIGIN, VARY};
use axum::response::Response;
use futures::FutureExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::{self, CorsLayer};

use crate::auth::{API_KEY_HEADER, Names};

/// The time for which a browser may cache the response to a preflight request.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(600);

/// The layer, and the header that caches need in responses to requests without an origin.
pub(crate) struct Cors {
    layer: CorsLayer,
    /// The layer costs more than a simple request, and its `Vary` is always the same.
    vary: Option<HeaderValue>,
}

impl Cors {
    pub(crate) fn new(names: &Names) -> Self {
        let layer = layer(names);
        let empty =
            service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::empty())));
        // A layer with a list of origins waits for nothing.
        let vary = layer
            .layer(empty)
            .oneshot(Request::new(Body::empty()))
            .now_or_never()
            .and_then(Result::ok)
            .and_then(|response: Response| response.headers().get(VARY).cloned());
        Self { layer, vary }
    }

    /// Returns true if the layer has to see a request: a preflight, or one of a page.
    pub(crate) fn concerns(request: &Request) -> bool {
        request.method() == Method::OPTIONS || request.headers().contains_key(ORIGIN)
    }

    /// Returns the layer around `inner`.
    pub(crate) fn around<S>(&self, inner: S) -> cors::Cors<S> {
        self.layer.layer(inner)
    }

    /// Marks the response to a request that does not concern the layer as one that depends on the
    /// origin. Only pages read the other headers of CORS, and their requests have an origin.
    pub(crate) fn describe(&self, mut response: Response) -> Response {
        if let Some(vary) = &self.vary {
            response.headers_mut().append(VARY, vary.clone());
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
    fn responses_without_an_origin_vary_by_it_and_have_no_other_header_of_the_layer() {
        let cors = Cors {
            layer: CorsLayer::new(),
            vary: None,
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
        let vary: Vec<_> = headers.get_all(VARY).iter().collect();
        assert_eq!(vary.len(), 2);
        assert!(vary[1].to_str().unwrap().contains("origin"));
        assert_eq!(headers.len(), 2);
    }
}

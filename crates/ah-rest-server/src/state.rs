//! The state of the handlers, one type per concern.

use std::path::Path;
use std::sync::Arc;

use ah_rest_api_contract::AccessPoint;
use axum::extract::FromRef;
use bytes::Bytes;

use crate::clock::ServerClock;
use crate::idempotency::Idempotency;
use crate::metrics::Metrics;
use crate::streams::Streams;

/// Facts about the server itself, available in every phase.
#[derive(Clone)]
pub(crate) struct About {
    pub(crate) version: Arc<str>,
    /// The state folder.
    pub(crate) home: Arc<Path>,
    /// The OpenAPI document, as JSON.
    pub(crate) openapi: Bytes,
    pub(crate) clock: ServerClock,
    pub(crate) metrics: Metrics,
    /// The access point, while the server serves it.
    pub(crate) access: Option<Arc<dyn AccessPoint>>,
}

/// The state of the router that serves an access point.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) about: About,
    pub(crate) access: Arc<dyn AccessPoint>,
    pub(crate) idempotency: Idempotency,
    pub(crate) streams: Streams,
}

impl FromRef<Serving> for About {
    fn from_ref(state: &Serving) -> Self {
        state.about.clone()
    }
}

impl FromRef<Serving> for Arc<dyn AccessPoint> {
    fn from_ref(state: &Serving) -> Self {
        state.access.clone()
    }
}

impl FromRef<Serving> for Idempotency {
    fn from_ref(state: &Serving) -> Self {
        state.idempotency.clone()
    }
}

impl FromRef<Serving> for Streams {
    fn from_ref(state: &Serving) -> Self {
        state.streams.clone()
    }
}

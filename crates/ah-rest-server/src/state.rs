//! The state of the handlers, one type per concern.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ah_rest_api_contract::AccessPoint;
use axum::extract::FromRef;
use bytes::Bytes;

use crate::clock::ServerClock;
use crate::idempotency::Idempotency;
use crate::metrics::Metrics;
use crate::streams::Streams;

/// Facts about the server itself, available in every phase. Clones share them, since each request
/// gets one.
#[derive(Clone)]
pub(crate) struct About(Arc<Facts>);

/// The facts of [`About`].
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) version: Arc<str>,
    /// The state folder.
    pub(crate) home: Arc<Path>,
    /// The OpenAPI document, as JSON.
    pub(crate) openapi: Bytes,
    /// The OpenAPI document in version 3.0, rendered by the first request for it.
    pub(crate) openapi_3_0: OnceLock<Bytes>,
    pub(crate) clock: ServerClock,
    pub(crate) metrics: Metrics,
    /// The access point, while the server serves it.
    pub(crate) access: Option<Arc<dyn AccessPoint>>,
}

impl About {
    pub(crate) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    /// Returns the same facts while the server serves `access`.
    pub(crate) fn serving(&self, access: Arc<dyn AccessPoint>) -> Self {
        Self::new(Facts {
            access: Some(access),
            ..Facts::clone(self)
        })
    }
}

impl Deref for About {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

/// The state of the router that serves an access point. Clones share it, since each request gets
/// one.
#[derive(Clone)]
pub(crate) struct Serving(Arc<Parts>);

/// The parts of [`Serving`].
pub(crate) struct Parts {
    pub(crate) about: About,
    pub(crate) access: Arc<dyn AccessPoint>,
    pub(crate) idempotency: Idempotency,
    pub(crate) streams: Streams,
}

impl Serving {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl FromRef<Serving> for About {
    fn from_ref(state: &Serving) -> Self {
        state.0.about.clone()
    }
}

impl FromRef<Serving> for Arc<dyn AccessPoint> {
    fn from_ref(state: &Serving) -> Self {
        state.0.access.clone()
    }
}

impl FromRef<Serving> for Idempotency {
    fn from_ref(state: &Serving) -> Self {
        state.0.idempotency.clone()
    }
}

impl FromRef<Serving> for Streams {
    fn from_ref(state: &Serving) -> Self {
        state.0.streams.clone()
    }
}

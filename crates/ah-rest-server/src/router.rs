//! The routers of the server's phases.
//!
//! A server is starting, serving or shutting down. Each phase has its own router, so that handlers
//! need not check for an access point.

use std::sync::Arc;

use ah_rest_api_contract::operations::ALL;
use ah_rest_api_contract::{AccessPoint, ErrorKind};
use axum::Router;
use axum::routing::{get, on};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::app::{App, Steps};
use crate::idempotency::Idempotency;
use crate::problem::ApiError;
use crate::state::{About, Parts, Serving};
use crate::streams::Streams;

/// The parts that the routers of all phases share.
pub(crate) struct Site {
    pub(crate) about: About,
    pub(crate) steps: Arc<Steps>,
    /// Cancelled when the server begins to shut down.
    pub(crate) closing: CancellationToken,
}

impl Site {
    /// The router that serves `access`.
    pub(crate) fn serving(&self, access: Arc<dyn AccessPoint>) -> App {
        let metrics = &self.steps.metrics;
        let state = Serving::new(Parts {
            about: self.about.serving(access.clone()),
            idempotency: Idempotency {
                access: access.clone(),
                clock: self.steps.clock.clone(),
                metrics: metrics.clone(),
            },
            streams: Streams::new(self.closing.clone(), metrics.clone()),
            access,
        });
        self.app(api::all().with_state(state))
    }

    /// Returns the router of a phase without an access point. Routes that need one are unavailable.
    pub(crate) fn unavailable(&self, reason: &str) -> App {
        let mut router = api::operational::<About>().with_state(self.about.clone());
        let detail: Arc<str> = format!("{reason}; try again in a moment").into();
        let refuse = move || async move { ApiError::new(ErrorKind::Unavailable, &*detail) };
        for operation in ALL {
            if !api::OPERATIONAL.contains(operation) {
                let refuse = on(api::filter(operation.method), refuse.clone());
                router = router.route(operation.path, refuse);
            }
        }
        self.app(router)
    }

    fn app(&self, router: Router) -> App {
        let router = router
            .route("/", get(api::root).with_state(self.about.clone()))
            .fallback(api::not_found)
            .method_not_allowed_fallback(api::not_allowed);
        App::new(self.steps.clone(), router)
    }
}

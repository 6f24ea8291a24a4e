//! The routes of the operations, found once for all steps of a request.

use std::sync::Arc;

use ah_rest_api_contract::operations::ALL;

use crate::metrics::{Metrics, NO_ROUTE, RouteMetrics};

/// The routes by path.
pub(crate) struct Routes {
    /// The matcher of the router, in its version and with its syntax.
    paths: matchit::Router<Route>,
    unmatched: RouteMetrics,
}

/// The properties of the operations with one path.
#[derive(Clone)]
pub(crate) struct Route {
    path: &'static str,
    needs_key: bool,
    metrics: Arc<RouteMetrics>,
}

impl Routes {
    /// Creates the routes of all operations.
    ///
    /// # Errors
    /// If two paths conflict, which is a defect of the table.
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, matchit::InsertError> {
        let mut paths = matchit::Router::new();
        for (index, operation) in ALL.iter().enumerate() {
            let path = operation.path;
            if ALL[..index].iter().any(|other| other.path == path) {
                continue;
            }
            let route = Route {
                path,
                needs_key: ALL
                    .iter()
                    .filter(|other| other.path == path)
                    .all(|operation| operation.needs_key()),
                metrics: Arc::new(metrics.of_route(path)),
            };
            paths.insert(path, route)?;
        }
        Ok(Self {
            paths,
            unmatched: metrics.of_route(NO_ROUTE),
        })
    }

    /// Returns the route that matches `path`.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        self.paths.at(path).ok().map(|found| found.value)
    }

    /// The metrics of requests that match no route.
    pub(crate) const fn unmatched(&self) -> &RouteMetrics {
        &self.unmatched
    }
}

impl Route {
    /// The pattern of the path.
    pub(crate) const fn path(&self) -> &'static str {
        self.path
    }

    /// Returns true if requests need a key.
    pub(crate) const fn needs_key(&self) -> bool {
        self.needs_key
    }

    /// The metrics of the requests.
    pub(crate) fn metrics(&self) -> &RouteMetrics {
        &self.metrics
    }
}

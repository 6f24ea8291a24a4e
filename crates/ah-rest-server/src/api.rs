//! The HTTP API: the product's routes under `v1`, and those that describe the server.
//!
//! A handler only translates its request into a call of the access point. `app` around
//! the router contains everything that requests have in common.

mod docs;
mod errors;
mod health;
mod v1;

use ah_rest_api_contract::operations::{self, Method as OperationMethod, Operation};
use ah_rest_api_contract::{ErrorKind, for_each_operation};
use axum::Router;
use axum::extract::FromRef;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{MethodFilter, get, on};

pub(crate) use docs::root;
pub(crate) use errors::ProblemKind;

use docs::*;
use errors::*;
use health::*;
use v1::*;

use crate::problem::ApiError;
use crate::state::{About, Serving};

/// Registers the handler of each operation, which has the operation's id as its name.
macro_rules! register {
    ($($group:ident { $(
        $id:ident $method:ident $path:literal $parameters:tt
        $(query $query:ty as $wire:ty,)?
        $(body $body:ty,)?
        $(fields $request:ident $fields:tt,)?
        -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal,
        $result:literal;
    )* })*) => {
        Router::new()$($(.route($path, on(filter(OperationMethod::$method), $id)))*)*
    };
}

/// Returns the routes of all operations.
pub(crate) fn all() -> Router<Serving> {
    for_each_operation!(register)
}

/// The operations that are served in every phase of the server's life.
pub(crate) const OPERATIONAL: [Operation; 8] = [
    operations::HEALTH,
    operations::METRICS,
    operations::DEEP_HEALTH,
    operations::VERSION,
    operations::OPENAPI,
    operations::OPENAPI_3_0,
    operations::DOCS,
    operations::EXPLAIN_ERROR,
];

/// Returns the routes of [`OPERATIONAL`].
pub(crate) fn operational<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    About: FromRef<S>,
{
    Router::new()
        .route(operations::HEALTH.path, get(health))
        .route(operations::METRICS.path, get(metrics))
        .route(operations::DEEP_HEALTH.path, get(deep_health))
        .route(operations::VERSION.path, get(version))
        .route(operations::OPENAPI.path, get(openapi))
        .route(operations::OPENAPI_3_0.path, get(openapi_3_0))
        .route(operations::DOCS.path, get(docs))
        .route(operations::EXPLAIN_ERROR.path, get(explain_error))
}

/// Returns the filter of a route for the method of an operation.
pub(crate) const fn filter(method: OperationMethod) -> MethodFilter {
    match method {
        OperationMethod::Get => MethodFilter::GET,
        OperationMethod::Post => MethodFilter::POST,
        OperationMethod::Put => MethodFilter::PUT,
        OperationMethod::Delete => MethodFilter::DELETE,
    }
}

/// The response to a request for a path without a route.
pub(crate) async fn not_found(uri: Uri) -> ApiError {
    let detail = format!(
        "there is no resource at `{}`; /api/docs lists the routes",
        uri.path()
    );
    ApiError::new(ErrorKind::NotFound, detail)
}

/// The response to a method that a route does not have. `Allow` lists its methods.
pub(crate) async fn not_allowed(method: Method) -> ApiError {
    ApiError::with_status(
        ErrorKind::BadRequest,
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not supported here; the `Allow` header lists the supported methods"),
    )
}

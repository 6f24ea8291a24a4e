//! The HTTP API: the product's routes under `v1`, and those that describe the server.
//!
//! A handler only translates its request into a call of the access point. The layers around the
//! router contain everything that requests have in common.

mod docs;
mod errors;
mod health;
mod v1;

use ah_rest_api_contract::ErrorKind;
use axum::extract::FromRef;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use errors::ProblemKind;

use docs::*;
use errors::*;
use health::*;
use v1::*;

use crate::problem::ApiError;
use crate::state::{About, Serving};

/// The result of a handler.
pub(crate) type ApiResult = Result<Response, ApiError>;

/// Registers the handler of each operation, which has the operation's id as its name.
macro_rules! register {
    ($($group:ident { $(
        $id:ident $method:ident $path:literal $parameters:tt
        $(query $query:ty as $wire:ty,)?
        $(body $body:ty,)?
        $(fields $request:ident $fields:tt,)?
        -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal;
    )* })*) => {
        OpenApiRouter::new()$($(.routes(routes!($id)))*)*
    };
}

/// The handlers of all operations with their descriptions.
pub(crate) fn all() -> OpenApiRouter<Serving> {
    ah_rest_api_contract::for_each_operation!(register)
}

/// The routes that are served in every phase of the server's life.
pub(crate) fn operational<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    About: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(metrics))
        .routes(routes!(deep_health))
        .routes(routes!(version))
        .routes(routes!(openapi))
        .routes(routes!(docs))
        .routes(routes!(explain_error))
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

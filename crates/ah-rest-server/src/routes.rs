//! The handlers of the operations: one file a resource. A handler says what its request means to the engine, and
//! nothing else; what all requests have in common is in the layers around them.

mod agents;
mod docs;
mod drafts;
mod errors;
mod events;
mod health;
mod permissions;
mod prompts;
mod repositories;
mod sessions;
mod tasks;
mod workspace;

use ah_rest_api_contract::ErrorKind;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use errors::ProblemKind;

use agents::*;
use docs::*;
use drafts::*;
use errors::*;
use events::*;
use health::*;
use permissions::*;
use prompts::*;
use repositories::*;
use sessions::*;
use tasks::*;
use workspace::*;

use crate::app::App;
use crate::problem::ApiError;

/// What handlers answer with.
pub(crate) type Answered = Result<Response, ApiError>;

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
pub(crate) fn all() -> OpenApiRouter<App> {
    ah_rest_api_contract::for_each_operation!(register)
}

/// What is no route.
pub(crate) async fn not_found(uri: Uri) -> ApiError {
    let detail = format!(
        "there is nothing at `{}`; /api/docs says what there is",
        uri.path()
    );
    ApiError::new(ErrorKind::NotFound, detail)
}

/// What a route does not do. `Allow` says what it does.
pub(crate) async fn not_allowed(method: Method) -> ApiError {
    ApiError::with_status(
        ErrorKind::BadRequest,
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not possible here; the `Allow` header says what is"),
    )
}

//! The routes: one file a resource. A handler says what its request means to the engine, and
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

use crate::app::App;
use crate::problem::ApiError;

/// What handlers answer with.
pub(crate) type Answered = Result<Response, ApiError>;

/// Every route with its description.
pub(crate) fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(tasks::launch_task))
        .routes(routes!(tasks::get_task))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::get_session, sessions::cancel_session))
        .routes(routes!(sessions::stop_session))
        .routes(routes!(sessions::interrupt_session))
        .routes(routes!(sessions::pause_session))
        .routes(routes!(sessions::resume_session))
        .routes(routes!(prompts::prompt_session))
        .routes(routes!(prompts::list_prompts))
        .routes(routes!(prompts::withdraw_prompt))
        .routes(routes!(permissions::list_permissions))
        .routes(routes!(permissions::answer_permission))
        .routes(routes!(events::session_events))
        .routes(routes!(events::list_session_logs))
        .routes(routes!(events::all_events))
        .routes(routes!(workspace::list_session_files))
        .routes(routes!(workspace::get_session_diff))
        .routes(routes!(drafts::create_draft, drafts::list_drafts))
        .routes(routes!(
            drafts::get_draft,
            drafts::update_draft,
            drafts::delete_draft
        ))
        .routes(routes!(repositories::list_repositories))
        .routes(routes!(repositories::list_repos))
        .routes(routes!(repositories::get_repository))
        .routes(routes!(repositories::list_branches))
        .routes(routes!(agents::list_agents))
        .routes(routes!(agents::get_agent_schema))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(health::deep_health))
        .routes(routes!(health::version))
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::docs))
        .routes(routes!(errors::explain_error))
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

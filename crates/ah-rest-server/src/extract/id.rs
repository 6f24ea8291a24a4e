//! Ids in paths.

use std::str::FromStr;

use ah_rest_api_contract::{
    AttachmentHash, DraftId, ErrorKind, FilePath, InvalidId, PermissionId, PromptId, RepositoryId,
    SessionId, TaskId,
};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::problem::ApiError;

/// The id in a path, at the place named for its kind. A malformed id matches nothing and is
/// therefore not found.
pub(crate) struct Id<T>(pub(crate) T);

/// An id, and the name of its place in a path.
pub(crate) trait PathId: FromStr<Err = InvalidId> {
    const PLACE: &'static str;
}

macro_rules! path_ids {
    ($($id:ty => $place:literal),+ $(,)?) => {
        $(impl PathId for $id {
            const PLACE: &'static str = $place;
        })+
    };
}

path_ids! {
    TaskId => "id",
    SessionId => "id",
    DraftId => "id",
    RepositoryId => "id",
    PromptId => "promptId",
    PermissionId => "requestId",
    AttachmentHash => "hash",
    FilePath => "path",
}

impl<T: PathId, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| {
                ApiError::new(ErrorKind::BadRequest, "the path is not UTF-8").caused_by(error)
            })?;
        let text = params
            .iter()
            .find_map(|(place, text)| (place == T::PLACE).then_some(text))
            .unwrap_or_default();
        text.parse()
            .map(Self)
            .map_err(|error: InvalidId| ApiError::new(ErrorKind::NotFound, error.to_string()))
    }
}

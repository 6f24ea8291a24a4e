//! Queries in URLs.

use ah_rest_api_contract::{
    AllEventsParams, AllEventsQuery, DiffParams, DiffQuery, FieldErrors, FileParams, FileQuery,
    LogParams, LogQuery, PageParams, PageRequest, SessionParams, SessionQuery,
};
use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::command::invalid_field;
use crate::problem::ApiError;

/// The parameters of a URL as text, of which only the names are validated.
pub(crate) struct Params<P>(pub(crate) P);

/// The parsed query of a URL.
pub(crate) struct Query<Q>(pub(crate) Q);

/// A type of query.
pub(crate) trait FromParams: TryFrom<Self::Params, Error = FieldErrors> {
    /// The parameters, as in the URL.
    type Params: DeserializeOwned;
}

macro_rules! queries {
    ($($query:ty => $params:ty),+ $(,)?) => {
        $(impl FromParams for $query {
            type Params = $params;
        })+
    };
}

queries! {
    PageRequest => PageParams,
    SessionQuery => SessionParams,
    AllEventsQuery => AllEventsParams,
    LogQuery => LogParams,
    FileQuery => FileParams,
    DiffQuery => DiffParams,
}

/// Reads the parameters of a URL.
pub(crate) fn read<P: DeserializeOwned>(uri: &Uri) -> Result<P, ApiError> {
    let query = uri.query().unwrap_or_default();
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        invalid_field(&path, &error.into_inner().to_string())
    })
}

impl<P: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        read(&parts.uri).map(Self)
    }
}

impl<Q: FromParams, S: Send + Sync> FromRequestParts<S> for Query<Q> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let params: Q::Params = read(&parts.uri)?;
        Ok(Self(params.try_into()?))
    }
}

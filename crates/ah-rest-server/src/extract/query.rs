//! Queries in URLs.

use std::marker::PhantomData;

use ah_rest_api_contract::FieldErrors;
use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::call::read_failed;
use crate::problem::ApiError;

/// A query as it is written, of which only the names are known to be good.
pub(crate) struct Params<P>(pub(crate) P);

/// The query `Q` that the parameters `P` mean.
pub(crate) struct Asked<P, Q>(pub(crate) Q, pub(crate) PhantomData<P>);

/// Reads the parameters of a URL.
pub(crate) fn read<P: DeserializeOwned>(uri: &Uri) -> Result<P, ApiError> {
    let query = uri.query().unwrap_or_default();
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        read_failed(&path, &error.into_inner().to_string())
    })
}

impl<P: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        read(&parts.uri).map(Self)
    }
}

impl<P, Q, S: Send + Sync> FromRequestParts<S> for Asked<P, Q>
where
    P: DeserializeOwned,
    Q: TryFrom<P, Error = FieldErrors>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let params: P = read(&parts.uri)?;
        Ok(Self(params.try_into()?, PhantomData))
    }
}

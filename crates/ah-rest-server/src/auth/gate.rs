//! The gate: requires a valid key for every route that needs one.

use std::sync::Arc;

use ah_rest_api_contract::ErrorKind;
use ah_rest_api_contract::operations;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Keys;
use super::{KeyText, Principal};
use crate::problem::ApiError;
use crate::serve::Connection;
use crate::throttle::Throttle;

pub(crate) const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
const SCHEME: &str = "ApiKey";

/// The state of [`authenticate`].
#[derive(Clone)]
pub(crate) struct Gate {
    /// The keys; `None` if the server needs none.
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) throttle: Throttle,
}

/// Adds the [`Principal`] to requests that need one, and refuses those without a valid key.
pub(crate) async fn authenticate(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Response {
    let open = request
        .extensions()
        .get::<MatchedPath>()
        // A path without a route is a 404 with or without a key.
        .is_none_or(|path| is_open(path.as_str()));
    if !open {
        match principal(&gate, request.headers()).await {
            Ok(principal) => {
                if let Some(connection) = request.extensions().get::<Connection>() {
                    connection.authenticate();
                }
                request.extensions_mut().insert(principal);
            }
            Err(error) => {
                return match gate.throttle.check_stranger(&request) {
                    Ok(()) => error.into_response(),
                    Err(limited) => limited.into_response(),
                };
            }
        }
    }
    next.run(request).await
}

/// Returns true if the route at this path needs no key.
fn is_open(path: &str) -> bool {
    operations::ALL
        .iter()
        .any(|operation| operation.path == path && !operation.needs_key())
}

async fn principal(gate: &Gate, headers: &HeaderMap) -> Result<Principal, ApiError> {
    let Some(keys) = &gate.keys else {
        return Ok(Principal::anybody());
    };
    let text = credential(headers)?;
    let Some(key) = KeyText::parse(text) else {
        return Err(refused("the API key is unknown or revoked"));
    };
    keys.check(&key)
        .await
        .map_err(|error| {
            ApiError::new(
                ErrorKind::Unavailable,
                "the stored keys cannot be read; try again later",
            )
            .caused_by(error)
        })?
        .ok_or_else(|| refused("the API key is unknown or revoked"))
}

/// Returns the text of the request's only credential.
fn credential(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut given = headers
        .get_all(AUTHORIZATION)
        .iter()
        .map(|value| (true, value))
        .chain(
            headers
                .get_all(API_KEY_HEADER)
                .iter()
                .map(|value| (false, value)),
        );
    let (has_scheme, value) = given
        .next()
        .ok_or_else(|| refused("the request has no API key; send `Authorization: ApiKey <key>`"))?;
    if given.next().is_some() {
        return Err(refused("the request has more than one credential"));
    }
    let text = value
        .to_str()
        .map_err(|_| refused("the credential contains invalid characters"))?;
    if !has_scheme {
        return Ok(text.trim());
    }
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(key.trim()),
        _ => Err(refused(
            "this server accepts only API keys: `Authorization: ApiKey <key>`",
        )),
    }
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(ErrorKind::Unauthenticated, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(SCHEME))
}

//! The gate: requires a valid key for every route that needs one.

use ah_rest_api_contract::ErrorKind;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};

use super::KeyChecker;
use super::{KeyText, Principal};
use crate::problem::ApiError;

pub(crate) const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
/// The schemes of `Authorization` that carry a key. Many clients support only the second one.
const SCHEMES: [&str; 2] = ["ApiKey", "Bearer"];

/// The gate.
pub(crate) struct Gate {
    /// The keys; `None` if the server needs none.
    pub(crate) keys: Option<KeyChecker>,
}

impl Gate {
    /// Returns the principal of a request with a valid key.
    pub(crate) async fn principal(&self, headers: &HeaderMap) -> Result<Principal, ApiError> {
        let Some(keys) = &self.keys else {
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
        Some((scheme, key))
            if SCHEMES
                .iter()
                .any(|known| known.eq_ignore_ascii_case(scheme)) =>
        {
            Ok(key.trim())
        }
        _ => Err(refused(
            "this server accepts only API keys: `Authorization: ApiKey <key>` or `Bearer <key>`",
        )),
    }
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(ErrorKind::Unauthenticated, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey, Bearer"))
}

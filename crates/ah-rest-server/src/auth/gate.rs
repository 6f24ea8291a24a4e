//! The gate: whoever asks for more than the server tells anybody has a key that is good.

use ah_rest_api_contract::ErrorKind;
use ah_rest_api_contract::operations;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{KeyText, Principal};
use crate::app::App;
use crate::problem::ApiError;

const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
const SCHEME: &str = "ApiKey";

/// Finds out who asks, and lets nobody pass who may not; requests go on with their [`Principal`].
pub(crate) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let open = request
        .extensions()
        .get::<MatchedPath>()
        // What is no route is a 404 for everybody, which tells nothing.
        .is_none_or(|path| is_open(path.as_str()));
    if !open {
        match principal(&app, request.headers()).await {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
            }
            Err(error) => {
                return match app.limits().check_stranger(&request) {
                    Ok(()) => error.into_response(),
                    Err(limited) => limited.into_response(),
                };
            }
        }
    }
    next.run(request).await
}

/// Whether everybody may ask for what is at this path.
fn is_open(path: &str) -> bool {
    operations::ALL
        .iter()
        .any(|operation| operation.path == path && !operation.needs_key())
}

async fn principal(app: &App, headers: &HeaderMap) -> Result<Principal, ApiError> {
    if app.config().auth.insecure_no_auth {
        return Ok(Principal::anybody());
    }
    let text = credential(headers)?;
    let Some(key) = KeyText::parse(text) else {
        return Err(refused("the key is not one of this server's"));
    };
    app.keys()
        .check(&key)
        .await?
        .ok_or_else(|| refused("the key is not one of this server's"))
}

/// The text of the one credential that a request has.
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
        .ok_or_else(|| refused("send a key: `Authorization: ApiKey <key>`"))?;
    if given.next().is_some() {
        return Err(refused("the request has more than one credential"));
    }
    let text = value
        .to_str()
        .map_err(|_| refused("the credential is not a text"))?;
    if !has_scheme {
        return Ok(text.trim());
    }
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(key.trim()),
        _ => Err(refused(
            "this server takes keys only: `Authorization: ApiKey <key>`",
        )),
    }
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(ErrorKind::Unauthenticated, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(SCHEME))
}

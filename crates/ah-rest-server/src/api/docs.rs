//! The description of the API, for programs and people. The page loads no external resources.

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::response::{Html, IntoResponse as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use sha2::{Digest, Sha256};

use crate::problem::{ApiError, ApiResult};
use crate::state::About;

const SCRIPT: &str = include_str!("docs/page.js");
const STYLE: &str = include_str!("docs/page.css");

pub(crate) async fn openapi(State(about): State<About>) -> ApiResult {
    Ok(([(CONTENT_TYPE, "application/json")], about.openapi.clone()).into_response())
}

pub(crate) async fn docs() -> ApiResult {
    page(
        "Agent Harbor API",
        &format!(
            "<main id=\"api\">Loading… (this page needs JavaScript; \
             <a href=\"/api/v1/openapi.json\">the OpenAPI document</a> does not)</main><script>{SCRIPT}</script>"
        ),
    )
}

/// Returns a page of this server that runs and loads only its own content.
pub(super) fn page(title: &str, body: &str) -> ApiResult {
    let policy = format!(
        "default-src 'none'; connect-src 'self'; script-src 'sha256-{}'; style-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest(SCRIPT),
        digest(STYLE)
    );
    let policy = HeaderValue::try_from(policy)
        .map_err(|error| ApiError::internal("the page has no policy").caused_by(error))?;
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><body>{body}</body></html>"
    );
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

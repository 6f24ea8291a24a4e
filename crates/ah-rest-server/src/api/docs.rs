//! The description of the API, for programs and people. The page loads no external resources.

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::response::{Html, IntoResponse as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use sha2::{Digest, Sha256};

use crate::openapi::v3_0;
use crate::problem::{ApiError, ApiResult};
use crate::state::About;

const SCRIPT: &str = include_str!("docs/page.js");
const STYLE: &str = include_str!("docs/page.css");

pub(crate) async fn openapi_3_0(State(about): State<About>) -> ApiResult {
    let document = match about.openapi_3_0.get() {
        Some(document) => document.clone(),
        None => {
            let rendered = serde_json::from_slice(&about.openapi)
                .and_then(|document| serde_json::to_vec(&v3_0::rendering(&document)))
                .map_err(|error| {
                    ApiError::internal("the document has no rendering").caused_by(error)
                })?;
            about.openapi_3_0.get_or_init(|| rendered.into()).clone()
        }
    };
    Ok(([(CONTENT_TYPE, "application/json")], document).into_response())
}

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

/// The page at the root, for people who open the server's address in a browser.
pub(crate) async fn root(State(about): State<About>) -> ApiResult {
    let version = &about.version;
    page(
        "Agent Harbor",
        &format!(
            "<main><h1>Agent Harbor</h1><p>An access point (version {version}) that runs coding \
             agents on tasks and serves what they do.</p><ul>\
             <li><a href=\"/api/docs\">The HTTP API</a>, and \
             <a href=\"/api/v1/openapi.json\">its OpenAPI document</a></li>\
             <li><a href=\"/health\">Health</a>, <a href=\"/ready\">readiness</a> and \
             <a href=\"/api/v1/version\">version</a></li></ul>\
             <p>On this host, <code>ah ls</code> lists the sessions and <code>ah --help</code> the \
             commands. Requests need the key that <code>access-point.json</code> in the state folder \
             has.</p></main>"
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

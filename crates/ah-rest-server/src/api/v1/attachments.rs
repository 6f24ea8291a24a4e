//! The attachments of sessions.

use ah_rest_api_contract::{AttachmentHash, SessionId, UNKNOWN_MEDIA_TYPE};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, IF_NONE_MATCH,
};
use axum::response::IntoResponse as _;

use crate::extract::{Access, Id};
use crate::problem::ApiResult;

/// Returns the bytes of an attachment. The agent chose the media type, and a browser must neither
/// display the content in the origin of the API nor run it.
pub(crate) async fn get_session_attachment(
    Access(access): Access,
    Id(id): Id<SessionId>,
    Id(hash): Id<AttachmentHash>,
    headers: HeaderMap,
) -> ApiResult {
    // Also for a client that has it: the attachment may have been erased.
    let attachment = access.get_session_attachment(id, hash).await?;
    let tag = format!("\"{hash}\"");
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|sent| {
        let sent = sent.to_str().unwrap_or_default();
        sent.split(',')
            .map(|one| one.trim().trim_start_matches("W/"))
            .any(|one| one == tag || one == "*")
    });
    let (status, bytes) = match is_known {
        true => (StatusCode::NOT_MODIFIED, Vec::new()),
        false => (StatusCode::OK, attachment.bytes),
    };
    let mut response = (status, bytes).into_response();
    let media_type = HeaderValue::try_from(attachment.mime_type)
        .unwrap_or(HeaderValue::from_static(UNKNOWN_MEDIA_TYPE));
    let answer = response.headers_mut();
    if status == StatusCode::OK {
        answer.insert(CONTENT_TYPE, media_type);
    } else {
        answer.remove(CONTENT_TYPE);
    }
    let fixed = [
        (CONTENT_DISPOSITION, "attachment"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (CACHE_CONTROL, "private, no-cache"),
    ];
    for (name, value) in fixed {
        answer.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        answer.insert(ETAG, tag);
    }
    Ok(response)
}

//! The attachments of sessions: their images, sounds and documents.

use ah_rest_api_contract::{AttachmentContent, AttachmentHash, SessionId};
use async_trait::async_trait;

use crate::StoreError;

/// The attachments. [`Sessions::write`](crate::Sessions::write) keeps them with the events that
/// refer to them, and erases those of a session that is cancelled or hidden.
#[async_trait]
pub trait Attachments: Send + Sync {
    /// Returns the attachment `hash` of a session. One whose parts are not complete yet is not
    /// found.
    async fn attachment(
        &self,
        id: SessionId,
        hash: AttachmentHash,
    ) -> Result<AttachmentContent, StoreError>;
}

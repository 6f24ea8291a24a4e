//! The attachments of a session.

use std::collections::BTreeMap;

use ah_lifecycle::AttachmentPart;
use ah_rest_api_contract::{AttachmentContent, AttachmentHash, ErrorKind, TaskManagerError};

/// The attachments of one session, by the hash of their content.
#[derive(Debug, Default)]
pub(super) struct Attachments(BTreeMap<AttachmentHash, AttachmentContent>);

impl Attachments {
    /// Adds a part. The parts of an attachment arrive in order, and before the event that refers to
    /// it.
    pub(super) fn add(&mut self, part: &AttachmentPart) {
        let kept = self
            .0
            .entry(part.hash)
            .or_insert_with(|| AttachmentContent::new(part.mime_type.clone(), Vec::new()));
        kept.bytes.extend(&part.data);
    }

    /// Erases all of them.
    pub(super) fn erase(&mut self) {
        self.0.clear();
    }

    pub(super) fn get(&self, hash: AttachmentHash) -> Result<AttachmentContent, TaskManagerError> {
        let found = self.0.get(&hash).cloned();
        found.ok_or_else(|| {
            let detail = format!("there is no attachment `{hash}`");
            TaskManagerError::new(ErrorKind::NotFound, detail)
        })
    }
}

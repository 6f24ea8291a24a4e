//! The binary data of messages and tools, recorded apart from the events that refer to it.

use std::collections::HashSet;

use ah_rest_api_contract::operations::paths;
use ah_rest_api_contract::{
    ATTACHMENT_BYTES_MAX, ATTACHMENTS_BYTES_MAX, AttachmentHash, AttachmentRef, ContentBlock,
    EmbeddedResource, SessionId, ToolResult, UNKNOWN_MEDIA_TYPE,
};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};

use super::{Effects, Moment};
use crate::{AttachmentPart, JournalEntry};

/// The maximum number of attachments of a session.
const COUNT_MAX: usize = 4096;

/// The maximum size of a document's text in an event, in bytes. A longer one becomes an attachment.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The maximum length of a media type. RFC 6838 limits each of its two names to 127 characters.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// Readers of base64 as agents write it: with or without padding, and with either alphabet.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Binary data in the output of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The media type, if the agent reports one.
    pub mime_type: Option<String>,
    /// The agent's own address of the content, if it reports one.
    pub source: Option<String>,
    /// The data in base64, or as a `data:` URL with base64.
    pub data: String,
}

/// The attachments of a session so far.
#[derive(Debug)]
pub(super) struct Attachments {
    session: SessionId,
    known: HashSet<AttachmentHash>,
    /// The size of all of them.
    bytes: u64,
}

impl Attachments {
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            known: HashSet::new(),
            bytes: 0,
        }
    }

    /// Records the data of `binaries`, and adds the references to `result`. Its output says which
    /// of them were not kept.
    pub(super) fn keep_all(
        &mut self,
        binaries: &[Binary],
        result: &mut ToolResult,
        at: Moment,
        effects: &mut Effects,
    ) {
        for binary in binaries {
            match self.keep(binary, at, effects) {
                Ok(kept) if result.attachments.iter().all(|it| it.hash != kept.hash) => {
                    result.attachments.push(kept);
                }
                Ok(_) => {}
                Err(why) => {
                    let kind = binary.mime_type.as_deref().unwrap_or("data");
                    result
                        .tool_output
                        .push_str(&format!("\n[{kind} was not kept: {why}]"));
                }
            }
        }
    }

    /// Records the data of the blocks, and replaces it by references.
    pub(super) fn keep_blocks(
        &mut self,
        blocks: &mut [ContentBlock],
        at: Moment,
        effects: &mut Effects,
    ) {
        for block in blocks {
            let content = std::mem::replace(block, ContentBlock::text(""));
            *block = self.keep_block(content, at, effects);
        }
    }

    /// Records the data of a block, and returns the block with a reference in its place. A block
    /// whose data cannot be kept becomes a text that says why.
    pub(super) fn keep_block(
        &mut self,
        block: ContentBlock,
        at: Moment,
        effects: &mut Effects,
    ) -> ContentBlock {
        let (kind, kept) = match block {
            ContentBlock::Image {
                uri,
                data: Some(data),
                mime_type,
            } => {
                let binary = Binary {
                    mime_type,
                    source: uri,
                    data,
                };
                let kept = self.keep(&binary, at, effects).map(|kept| {
                    // It has the form of an image at an address.
                    ContentBlock::Image {
                        uri: Some(kept.url),
                        data: None,
                        mime_type: Some(kept.mime_type),
                    }
                });
                ("image", kept)
            }
            ContentBlock::Audio { data, mime_type } => {
                let binary = Binary {
                    mime_type: Some(mime_type),
                    source: None,
                    data,
                };
                ("audio", self.keep(&binary, at, effects).map(link))
            }
            ContentBlock::Resource {
                resource:
                    EmbeddedResource {
                        uri,
                        mime_type,
                        blob: Some(data),
                        ..
                    },
            } => {
                let binary = Binary {
                    mime_type,
                    source: Some(uri),
                    data,
                };
                ("resource", self.keep(&binary, at, effects).map(link))
            }
            ContentBlock::Resource {
                resource:
                    EmbeddedResource {
                        uri,
                        mime_type,
                        text: Some(text),
                        blob: None,
                        ..
                    },
            } if text.len() > TEXT_BYTES_MAX => {
                let mime_type = mime_type.as_deref().unwrap_or("text/plain");
                let kept = self.keep_bytes(text.as_bytes(), Some(mime_type), at, effects);
                let kept = kept.map(|kept| kept.with_source(uri));
                ("resource", kept.map(link))
            }
            other => return other,
        };
        kept.unwrap_or_else(|why| ContentBlock::text(format!("[{kind} was not kept: {why}]")))
    }

    fn keep(
        &mut self,
        binary: &Binary,
        at: Moment,
        effects: &mut Effects,
    ) -> Result<AttachmentRef, String> {
        let (in_url, data) = match data_url(&binary.data) {
            Some((mime_type, data)) => (Some(mime_type), data),
            None => (None, binary.data.as_str()),
        };
        // Four characters stand for three bytes.
        let size = data.len() as u64 / 4 * 3;
        if size > ATTACHMENT_BYTES_MAX + 3 {
            return Err(too_large());
        }
        let bytes = decoded(data).ok_or("its data is not base64, or was cut")?;
        let mime_type = binary.mime_type.as_deref().or(in_url);
        let kept = self.keep_bytes(&bytes, mime_type, at, effects)?;
        Ok(kept.with_source(binary.source.clone()))
    }

    fn keep_bytes(
        &mut self,
        bytes: &[u8],
        mime_type: Option<&str>,
        at: Moment,
        effects: &mut Effects,
    ) -> Result<AttachmentRef, String> {
        // Widening: a length in memory fits 64 bits.
        let size = bytes.len() as u64;
        if size > ATTACHMENT_BYTES_MAX {
            return Err(too_large());
        }
        let hash = AttachmentHash::from_digest(Sha256::digest(bytes).into());
        let mime_type = media_type(mime_type);
        if !self.known.contains(&hash) {
            if self.known.len() >= COUNT_MAX || self.bytes + size > ATTACHMENTS_BYTES_MAX {
                let max = ATTACHMENTS_BYTES_MAX / 1024 / 1024;
                return Err(format!(
                    "the attachments of a session are limited to {max} MiB and {COUNT_MAX} in number"
                ));
            }
            self.known.insert(hash);
            self.bytes += size;
            let mut offset = 0;
            loop {
                let part = &bytes[offset..bytes.len().min(offset + AttachmentPart::BYTES_MAX)];
                let record = AttachmentPart {
                    hash,
                    mime_type: mime_type.clone(),
                    size,
                    offset: offset as u64,
                    data: part.to_vec(),
                };
                effects.record(at, JournalEntry::Attachment(record));
                offset += part.len();
                if offset >= bytes.len() {
                    break;
                }
            }
        }
        Ok(AttachmentRef::new(
            hash,
            mime_type,
            size,
            paths::get_session_attachment(self.session, hash),
        ))
    }
}

/// Returns a link to an attachment.
fn link(attachment: AttachmentRef) -> ContentBlock {
    let AttachmentRef {
        mime_type,
        size,
        url,
        source,
        ..
    } = attachment;
    let name = source
        .as_deref()
        .and_then(|uri| uri.rsplit('/').find(|part| !part.is_empty()));
    ContentBlock::ResourceLink {
        uri: url,
        name: name.unwrap_or("attachment").to_owned(),
        mime_type: Some(mime_type),
        title: source,
        description: None,
        size: Some(size),
    }
}

fn too_large() -> String {
    let max = ATTACHMENT_BYTES_MAX / 1024 / 1024;
    format!("it is larger than {max} MiB")
}

/// Returns the media type and the base64 text of a `data:` URL (RFC 2397).
fn data_url(text: &str) -> Option<(&str, &str)> {
    let (head, data) = text.strip_prefix("data:")?.split_once(',')?;
    let mime_type = head.strip_suffix(";base64")?;
    Some((mime_type, data))
}

/// Decodes base64 with or without line breaks and padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let without_breaks: String;
    let text = if text.contains(|it: char| it.is_ascii_whitespace()) {
        without_breaks = text.split_ascii_whitespace().collect();
        &without_breaks
    } else {
        text
    };
    let engine = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    engine.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

/// Returns the media type without its parameters, in lower case. A text that is none is replaced,
/// since it becomes a header of a response.
fn media_type(reported: Option<&str>) -> String {
    let name = reported.unwrap_or_default().split(';').next();
    let name = name.unwrap_or_default().trim().to_ascii_lowercase();
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&it))
    };
    let is_valid = name.len() <= MEDIA_TYPE_BYTES_MAX
        && name
            .split_once('/')
            .is_some_and(|(kind, name)| is_token(kind) && is_token(name));
    if is_valid {
        name
    } else {
        UNKNOWN_MEDIA_TYPE.to_owned()
    }
}

#[cfg(test)]
mod tests;

//! Attachments: the images, sounds and documents of a session, which are kept apart from its log.
//!
//! An event refers to an attachment by the hash of its content. An image of a message has the
//! attachment's address as its `uri`; audio and binary documents become links to it. The result of
//! a tool lists its attachments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::constructor::constructor;
use crate::{ContentBlock, InvalidId};

/// The maximum size of an attachment, in bytes: 8 MiB.
pub const ATTACHMENT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The maximum size of all attachments of a session, in bytes: 64 MiB.
pub const ATTACHMENTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The media type of content whose type is unknown.
pub const UNKNOWN_MEDIA_TYPE: &str = "application/octet-stream";

/// The hash of an attachment's content: SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentHash([u8; 32]);

impl AttachmentHash {
    /// Creates the hash from the bytes of the SHA-256 digest.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Returns the hash at the end of an attachment's address, or `None` for another address.
    #[must_use]
    pub fn in_url(url: &str) -> Option<Self> {
        let (before, hash) = url.rsplit_once('/')?;
        hash.parse()
            .ok()
            .filter(|_| before.ends_with("/attachments"))
    }
}

impl fmt::Display for AttachmentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AttachmentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AttachmentHash {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || {
            let expected = "expected 64 hexadecimal digits in lower case";
            InvalidId::new("the hash of an attachment", text, expected)
        };
        // Upper case is refused, so that each hash has one text form.
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.as_bytes().iter().all(is_digit) {
            return Err(invalid());
        }
        let mut digest = [0; 32];
        for (place, byte) in digest.iter_mut().enumerate() {
            let digits = &text[2 * place..2 * place + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
        }
        Ok(Self(digest))
    }
}

impl Serialize for AttachmentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttachmentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A reference to an attachment of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct AttachmentRef {
    /// The hash of the content, which names the attachment.
    pub hash: AttachmentHash,
    /// The media type, such as `image/png`.
    pub mime_type: String,
    /// The size in bytes.
    pub size: u64,
    /// The path of the content on the server.
    pub url: String,
    /// The agent's own address of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

constructor! {
    /// Creates a reference without the agent's own address.
    AttachmentRef::new(hash: AttachmentHash, mime_type: String, size: u64, url: String);
    optional source: String;
}

/// An attachment: its media type and its bytes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachmentContent {
    /// The media type, as the agent reported it.
    pub mime_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

constructor! {
    /// Creates an attachment.
    AttachmentContent::new(mime_type: String, bytes: [Vec<u8>]);
}

impl fmt::Debug for AttachmentContent {
    /// Omits the bytes, which may be many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachmentContent")
            .field("mime_type", &self.mime_type)
            .field("size", &self.bytes.len())
            .finish()
    }
}

impl ContentBlock {
    /// Returns the attachment that contains the data of this block, if there is one.
    #[must_use]
    pub fn attachment(&self) -> Option<AttachmentHash> {
        match self {
            Self::Image { uri: Some(uri), .. } | Self::ResourceLink { uri, .. } => {
                AttachmentHash::in_url(uri)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_text_form() {
        let hash = AttachmentHash::from_digest([0xab; 32]);
        let text = "ab".repeat(32);
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        for other in [
            "",
            "ab",
            &text.to_uppercase(),
            &"gg".repeat(32),
            &"é".repeat(32),
        ] {
            assert!(other.parse::<AttachmentHash>().is_err(), "{other}");
        }
    }

    #[test]
    fn the_attachment_of_a_block_is_in_its_address() {
        let hash = AttachmentHash::from_digest([7; 32]);
        let image = |uri: String| ContentBlock::Image {
            uri: Some(uri),
            data: None,
            mime_type: None,
        };
        let url = format!("/api/v1/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV/attachments/{hash}");
        assert_eq!(image(url).attachment(), Some(hash));
        assert_eq!(
            image(format!("https://x.example/{hash}")).attachment(),
            None
        );
        assert_eq!(ContentBlock::text("hi").attachment(), None);
    }
}

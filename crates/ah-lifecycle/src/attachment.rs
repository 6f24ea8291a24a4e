//! Parts of attachments, as journals and stores keep them.

use std::fmt;

use ah_rest_api_contract::AttachmentHash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A part of an attachment. An attachment is recorded in parts of bounded size, because a record
/// is one line of the journal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentPart {
    /// The hash of the whole attachment.
    pub hash: AttachmentHash,
    /// The media type.
    pub mime_type: String,
    /// The size of the whole attachment, in bytes.
    pub size: u64,
    /// The position of this part in it, in bytes.
    pub offset: u64,
    /// The bytes of this part.
    #[serde(serialize_with = "encode", deserialize_with = "decode")]
    pub data: Vec<u8>,
}

impl AttachmentPart {
    /// The maximum size of a part, in bytes. In base64 it is far below the limit of a journal line.
    pub const BYTES_MAX: usize = 256 * 1024;
}

impl fmt::Debug for AttachmentPart {
    /// Omits the bytes, which are many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachmentPart")
            .field("hash", &self.hash)
            .field("mime_type", &self.mime_type)
            .field("size", &self.size)
            .field("offset", &self.offset)
            .field("bytes", &self.data.len())
            .finish()
    }
}

fn encode<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(de::Error::custom)
}

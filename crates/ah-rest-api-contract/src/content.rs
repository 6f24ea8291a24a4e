//! The content of prompts and messages.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use crate::constructor::constructor;
use crate::{FieldErrors, number};

/// One block of a prompt or message, as in the Agent Client Protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum ContentBlock {
    /// Plain text or Markdown.
    Text {
        /// The text.
        text: String,
    },
    /// An image, as a URI or as data.
    Image {
        /// The URI of the image; absent if `data` contains it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri: Option<String>,
        /// The image in base64; absent if `uri` refers to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// The media type, such as `image/png`; required with `data`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(rename = "mimeType"))]
        mime_type: Option<String>,
    },
    /// Audio data.
    Audio {
        /// The audio data in base64.
        data: String,
        /// The media type, such as `audio/wav`.
        #[cfg_attr(feature = "openapi", schema(rename = "mimeType"))]
        mime_type: String,
    },
    /// An embedded document.
    Resource {
        /// The document.
        resource: EmbeddedResource,
    },
    /// A link to a document.
    ResourceLink {
        /// The URI of the document.
        uri: String,
        /// The name of the document.
        name: String,
        /// The media type of the document.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(rename = "mimeType"))]
        mime_type: Option<String>,
        /// A title for display.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// A description of the document.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The size in bytes.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "number::whole_or_none"
        )]
        #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::size))]
        size: Option<u64>,
    },
    /// A block of a kind that this version does not know. Only responses contain it.
    #[serde(skip_deserializing)]
    Unknown,
}

/// Reads the blocks of a response. A block that this version cannot read is
/// [`ContentBlock::Unknown`].
pub(crate) fn open_blocks<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ContentBlock>, D::Error> {
    let blocks = Vec::<OpenBlock>::deserialize(deserializer)?;
    Ok(blocks.into_iter().map(|OpenBlock(block)| block).collect())
}

/// Reads the prompt of a response; see [`open_blocks`].
pub(crate) fn open_prompt<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<PromptContent, D::Error> {
    deserializer.deserialize_any(ContentVisitor::<OpenBlock>(PhantomData))
}

/// A block of a response.
#[derive(Deserialize)]
#[serde(from = "Value")]
struct OpenBlock(ContentBlock);

impl From<Value> for OpenBlock {
    fn from(block: Value) -> Self {
        Self(serde_json::from_value(block).unwrap_or(ContentBlock::Unknown))
    }
}

impl From<OpenBlock> for ContentBlock {
    fn from(OpenBlock(block): OpenBlock) -> Self {
        block
    }
}

/// A document embedded in a content block of type `resource`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EmbeddedResource {
    /// The URI of the document.
    pub uri: String,
    /// The media type of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The text of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The content of a binary document in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
}

constructor! {
    /// Creates a document without content.
    EmbeddedResource::new(uri: String);
    optional mime_type: String;
    optional text: String;
    optional blob: String;
}

impl ContentBlock {
    /// Returns the size in bytes of all texts, including base64 data, URIs and names.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Text { text } => text.len(),
            Self::Image {
                uri,
                data,
                mime_type,
            } => length(uri) + length(data) + length(mime_type),
            Self::Audio { data, mime_type } => data.len() + mime_type.len(),
            Self::Resource {
                resource:
                    EmbeddedResource {
                        uri,
                        mime_type,
                        text,
                        blob,
                    },
            } => uri.len() + length(mime_type) + length(text) + length(blob),
            Self::ResourceLink {
                uri,
                name,
                mime_type,
                title,
                description,
                size: _,
            } => uri.len() + name.len() + length(mime_type) + length(title) + length(description),
            Self::Unknown => 0,
        }
    }

    /// Creates a block of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// The content of a prompt: one or more blocks.
///
/// On the wire, a plain string is read as one text block. Prompts are always written as blocks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct PromptContent(Vec<ContentBlock>);

impl PromptContent {
    /// Creates a prompt of these blocks without validation; see [`PromptContent::check`].
    #[must_use]
    pub const fn new(blocks: Vec<ContentBlock>) -> Self {
        Self(blocks)
    }

    /// The blocks in order.
    #[must_use]
    pub fn blocks(&self) -> &[ContentBlock] {
        &self.0
    }

    /// Returns the content of a prompt that was left out.
    pub(crate) const fn left_out() -> Self {
        Self(Vec::new())
    }

    /// Returns true if there are no blocks. Only a prompt that was left out has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text of all text blocks, joined with line breaks.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .0
            .iter()
            .filter_map(|block| match block {
                ContentBlock::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }

    /// Returns the total size in bytes of all texts, including base64 data, URIs and names.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.0.iter().map(ContentBlock::size_bytes).sum()
    }

    /// Validates the content and adds the errors to `errors` under `field`. A prompt must not be
    /// empty, its text must not contain NUL, which no command line and few programs accept, and an
    /// image needs a URI or data.
    pub fn check(&self, field: &str, errors: &mut FieldErrors) {
        let says_nothing = self.0.iter().all(|block| match block {
            ContentBlock::Text { text } => text.trim().is_empty(),
            _ => false,
        });
        if says_nothing {
            errors.add(field, "must not be empty");
        }
        if self.text().contains('\0') {
            errors.add(field, "must not contain the character NUL");
        }
        for (index, block) in self.0.iter().enumerate() {
            match block {
                ContentBlock::Image {
                    uri: None,
                    data: None,
                    ..
                } => errors.add(
                    format!("{field}[{index}]"),
                    "an image needs `uri`, or `data` with `mimeType`",
                ),
                ContentBlock::Image {
                    data: Some(_),
                    mime_type: None,
                    ..
                } => errors.add(
                    format!("{field}[{index}].mimeType"),
                    "is required with `data`",
                ),
                _ => {}
            }
        }
    }
}

impl From<&str> for PromptContent {
    fn from(text: &str) -> Self {
        Self(vec![ContentBlock::text(text)])
    }
}

impl From<String> for PromptContent {
    fn from(text: String) -> Self {
        Self(vec![ContentBlock::text(text)])
    }
}

impl<'de> Deserialize<'de> for PromptContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor::<ContentBlock>(PhantomData))
    }
}

/// Reads a string or an array of blocks, each of which is read as a `Block`.
struct ContentVisitor<Block>(PhantomData<Block>);

impl<'de, Block: Deserialize<'de> + Into<ContentBlock>> de::Visitor<'de> for ContentVisitor<Block> {
    type Value = PromptContent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of content blocks")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PromptContent, E> {
        Ok(PromptContent::from(text))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<PromptContent, A::Error> {
        let blocks = Vec::<Block>::deserialize(de::value::SeqAccessDeserializer::new(seq))?;
        Ok(PromptContent(blocks.into_iter().map(Into::into).collect()))
    }
}

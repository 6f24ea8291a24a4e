//! Converts prompts to ACP's content blocks, and ACP's content blocks to the contract's.

use ah_lifecycle::turns::{Binary, leave_out_middle};
use ah_rest_api_contract::{ContentBlock, EmbeddedResource, PromptContent, UNKNOWN_MEDIA_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

/// The maximum size of a block's description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1024;

/// The maximum number of images, sounds and documents in one message of the agent.
const BINARIES_MAX: usize = 64;

/// The content types that an agent accepts besides text and links (ACP, `promptCapabilities`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PromptCapabilities {
    image: bool,
    audio: bool,
    embedded_context: bool,
}

impl PromptCapabilities {
    /// Reads the agent's `capabilities`.
    pub(super) fn of(capabilities: &Value) -> Self {
        let takes = |name: &str| capabilities["promptCapabilities"][name] == true;
        Self {
            image: takes("image"),
            audio: takes("audio"),
            embedded_context: takes("embeddedContext"),
        }
    }

    /// Converts `content` to ACP's blocks.
    ///
    /// # Errors
    /// A description of the unsupported content.
    pub(super) fn prompt(self, content: &PromptContent) -> Result<Vec<Value>, String> {
        content
            .blocks()
            .iter()
            .map(|block| self.block(block))
            .collect()
    }

    fn block(self, block: &ContentBlock) -> Result<Value, String> {
        match block {
            ContentBlock::Image {
                data: Some(_),
                mime_type: Some(_),
                ..
            } if !self.image => Err("the agent does not accept images".to_owned()),
            ContentBlock::Audio { .. } if !self.audio => {
                Err("the agent does not accept audio".to_owned())
            }
            ContentBlock::Resource {
                resource:
                    EmbeddedResource { text: Some(_), .. } | EmbeddedResource { blob: Some(_), .. },
            } if !self.embedded_context => {
                Err("the agent accepts only links to documents".to_owned())
            }
            // An image or a document without data becomes a link, which every agent accepts.
            ContentBlock::Image {
                uri: Some(uri),
                data: None,
                mime_type,
            } => Ok(link(uri, mime_type.as_deref())),
            ContentBlock::Resource {
                resource:
                    EmbeddedResource {
                        uri,
                        mime_type,
                        text: None,
                        blob: None,
                        ..
                    },
            } => Ok(link(uri, mime_type.as_deref())),
            // The contract's blocks have the same form as ACP's.
            block => serde_json::to_value(block)
                .map_err(|error| format!("failed to encode the content: {error}")),
        }
    }
}

fn link(uri: &str, mime_type: Option<&str>) -> Value {
    let name = uri.rsplit('/').find(|part| !part.is_empty()).unwrap_or(uri);
    let mut link = json!({"type": "resource_link", "uri": uri, "name": name});
    if let Some(mime_type) = mime_type {
        link["mimeType"] = mime_type.into();
    }
    link
}

/// Converts a block of the agent. An unsupported block becomes a description in words.
pub(super) fn content_block(block: &Value) -> Option<ContentBlock> {
    if let Ok(block) = ContentBlock::deserialize(block) {
        return Some(block);
    }
    if let Some(Binary {
        mime_type,
        source,
        data,
    }) = binary(block)
    {
        // A block without a field that the contract requires.
        let mime_type = Some(mime_type.unwrap_or_else(|| UNKNOWN_MEDIA_TYPE.to_owned()));
        let uri = source.unwrap_or_default();
        return Some(ContentBlock::Resource {
            resource: EmbeddedResource::new(uri)
                .with_mime_type(mime_type)
                .with_blob(data),
        });
    }
    described(block).map(ContentBlock::text)
}

/// Returns the binary data of a block: of an image, of audio, or of a resource.
fn binary(block: &Value) -> Option<Binary> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let resource = &block["resource"];
    // Models' own blocks have the data in `source`, and opencode's attachments as a URL.
    let nested = &block["source"];
    let url = block["url"]
        .as_str()
        .filter(|url| url.starts_with("data:") && url.contains(";base64,"));
    let is_media = block["type"] == "image" || block["type"] == "audio";
    let data = text(&resource["blob"])
        .or_else(|| text(&block["blob"]).filter(|_| block["uri"].is_string()))
        .or_else(|| text(&block["data"]).filter(|_| is_media))
        .or_else(|| text(&nested["data"]).filter(|_| is_media))
        .or_else(|| url.map(ToOwned::to_owned))?;
    let mime_type = [
        &resource["mimeType"],
        &block["mimeType"],
        &nested["media_type"],
        &block["mime"],
    ]
    .into_iter()
    .find_map(text);
    let source = [&resource["uri"], &block["uri"], &block["filename"]];
    Some(Binary {
        mime_type,
        source: source.into_iter().find_map(text),
        data,
    })
}

/// Finds the binary data anywhere in a value.
pub(super) fn binaries(value: &Value) -> Vec<Binary> {
    fn find(value: &Value, found: &mut Vec<Binary>) {
        match value {
            _ if found.len() >= BINARIES_MAX => {}
            Value::Array(items) => items.iter().for_each(|item| find(item, found)),
            Value::Object(fields) => match binary(value) {
                Some(binary) => found.push(binary),
                None => fields.values().for_each(|field| find(field, found)),
            },
            _ => {}
        }
    }
    let mut found = Vec::new();
    find(value, &mut found);
    found
}

/// Returns a block as text. Binary content becomes a reference with its type and size.
pub(super) fn shown_text(block: &Value) -> Option<String> {
    let text = block["text"]
        .as_str()
        .or(block["resource"]["text"].as_str());
    let is_binary = ["image", "audio", "resource", "resource_link"]
        .iter()
        .any(|kind| block["type"] == **kind);
    text.map(ToOwned::to_owned)
        .or_else(|| described(block).filter(|_| is_binary))
}

/// Describes a block: `[image image/png, 1234 bytes]`, `[resource file:///a.pdf]`.
fn described(block: &Value) -> Option<String> {
    let kind = block["type"].as_str()?;
    let resource = &block["resource"];
    let text = |one: &'_ str, other: &'_ str| block[one].as_str().or(resource[other].as_str());
    let mime_type = text("mimeType", "mimeType");
    let uri = text("uri", "uri");
    let data = text("data", "blob");
    // Base64 has four characters for three bytes.
    let size = data.map(|data| data.trim_end_matches('=').len() * 3 / 4);
    let mut text = format!("[{kind}");
    for part in [uri, mime_type].into_iter().flatten() {
        text.push(' ');
        text.push_str(part);
    }
    if let Some(size) = size {
        text.push_str(&format!(", {size} bytes"));
    }
    text.push(']');
    leave_out_middle(&mut text, DESCRIPTION_BYTES_MAX);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(capabilities: &Value, block: Value) -> Result<Vec<Value>, String> {
        let content = PromptContent::new(vec![serde_json::from_value(block).unwrap()]);
        PromptCapabilities::of(capabilities).prompt(&content)
    }

    #[test]
    fn prompt_is_limited_to_supported_content() {
        let nothing = json!({});
        let everything = json!({"promptCapabilities":
            {"image": true, "audio": true, "embeddedContext": true}});
        for (block, refusal) in [
            (
                json!({"type": "image", "data": "aGk=", "mimeType": "image/png"}),
                "the agent does not accept images",
            ),
            (
                json!({"type": "audio", "data": "aGk=", "mimeType": "audio/wav"}),
                "the agent does not accept audio",
            ),
            (
                json!({"type": "resource", "resource": {"uri": "file:///a", "text": "hi"}}),
                "the agent accepts only links to documents",
            ),
        ] {
            assert_eq!(prompt(&nothing, block.clone()), Err(refusal.to_owned()));
            assert_eq!(prompt(&everything, block.clone()), Ok(vec![block]));
        }
        let text = json!({"type": "text", "text": "hi"});
        assert_eq!(prompt(&nothing, text.clone()), Ok(vec![text]));
    }

    #[test]
    fn references_become_links_for_every_agent() {
        for block in [
            json!({"type": "image", "uri": "https://x.example/a.png"}),
            json!({"type": "resource", "resource": {"uri": "https://x.example/a.png"}}),
        ] {
            assert_eq!(
                prompt(&json!({}), block),
                Ok(vec![json!({
                    "type": "resource_link", "uri": "https://x.example/a.png", "name": "a.png",
                })])
            );
        }
    }

    #[test]
    fn unknown_block_is_described_as_text() {
        assert_eq!(
            content_block(&json!({"type": "hologram"})),
            Some(ContentBlock::text("[hologram]"))
        );
        assert_eq!(content_block(&json!(7)), None);
    }
}

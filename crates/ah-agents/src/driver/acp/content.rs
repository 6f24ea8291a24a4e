//! Prompts as ACP's content blocks, and its content blocks as ours.

use ah_rest_api_contract::{ContentBlock, EmbeddedResource, PromptContent};
use serde::Deserialize;
use serde_json::{Value, json};

/// What an agent takes in a prompt besides text and links (ACP, `promptCapabilities`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PromptCapabilities {
    image: bool,
    audio: bool,
    embedded_context: bool,
}

impl PromptCapabilities {
    /// Those that `capabilities`, the agent's own, tell.
    pub(super) fn of(capabilities: &Value) -> Self {
        let takes = |name: &str| capabilities["promptCapabilities"][name] == true;
        Self {
            image: takes("image"),
            audio: takes("audio"),
            embedded_context: takes("embeddedContext"),
        }
    }

    /// `content` as ACP's blocks.
    ///
    /// # Errors
    /// What the agent does not take, in words.
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
            } if !self.image => Err("it takes no images".to_owned()),
            ContentBlock::Audio { .. } if !self.audio => Err("it takes no sounds".to_owned()),
            ContentBlock::Resource {
                resource: EmbeddedResource { text: Some(_), .. },
            } if !self.embedded_context => {
                Err("it takes no documents, only links to them".to_owned())
            }
            // A picture or a document that is only named is a link, which every agent takes.
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
                    },
            } => Ok(link(uri, mime_type.as_deref())),
            // The contract's blocks are ACP's.
            block => serde_json::to_value(block)
                .map_err(|error| format!("its content is no JSON: {error}")),
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

/// A block of the agent's as one of ours; one that we have no form for is told in words.
pub(super) fn heard(block: &Value) -> Option<ContentBlock> {
    if let Ok(block) = ContentBlock::deserialize(block) {
        return Some(block);
    }
    let kind = block["type"].as_str()?;
    Some(ContentBlock::text(format!("[{kind}]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(capabilities: &Value, block: Value) -> Result<Vec<Value>, String> {
        let content = PromptContent::new(vec![serde_json::from_value(block).unwrap()]);
        PromptCapabilities::of(capabilities).prompt(&content)
    }

    #[test]
    fn a_prompt_is_given_as_far_as_the_agent_takes_it() {
        let nothing = json!({});
        let everything = json!({"promptCapabilities":
            {"image": true, "audio": true, "embeddedContext": true}});
        for (block, refusal) in [
            (
                json!({"type": "image", "data": "aGk=", "mimeType": "image/png"}),
                "it takes no images",
            ),
            (
                json!({"type": "audio", "data": "aGk=", "mimeType": "audio/wav"}),
                "it takes no sounds",
            ),
            (
                json!({"type": "resource", "resource": {"uri": "file:///a", "text": "hi"}}),
                "it takes no documents, only links to them",
            ),
        ] {
            assert_eq!(prompt(&nothing, block.clone()), Err(refusal.to_owned()));
            assert_eq!(prompt(&everything, block.clone()), Ok(vec![block]));
        }
        let text = json!({"type": "text", "text": "hi"});
        assert_eq!(prompt(&nothing, text.clone()), Ok(vec![text]));
    }

    #[test]
    fn what_is_only_named_is_a_link_that_every_agent_takes() {
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
    fn a_block_of_no_known_kind_is_told_in_words() {
        assert_eq!(
            heard(&json!({"type": "hologram"})),
            Some(ContentBlock::text("[hologram]"))
        );
        assert_eq!(heard(&json!(7)), None);
    }
}

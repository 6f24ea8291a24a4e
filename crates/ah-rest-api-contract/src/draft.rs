//! Drafts: tasks not launched yet (contract §4.9).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::constructor::constructor;
use crate::object::objects;
use crate::session::{excerpt, first_line};
use crate::{
    AgentSelection, DraftId, PermissionPolicy, Priority, PromptContent, RepoConfig, RuntimeConfig,
    SUMMARY_PROMPT_CHARS_MAX, Summarized, Timestamp, WebhookRequest, WorkDelivery, WorkspaceConfig,
    number,
};

/// Declares the content of a draft from the fields of a task: each is optional.
macro_rules! draft_content {
    ($($(#[$attribute:meta])* $field:ident: $type:ty,)+) => {
        /// The content of a draft: any part of a task, of which only the types are checked, because
        /// a draft may be incomplete.
        ///
        /// It is kept as given, including the values of `env`.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
        #[expect(missing_docs, reason = "the fields are those of `CreateTask`")]
        pub struct DraftContent {$(
            $(#[$attribute])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $field: Option<$type>,
        )+}

        impl DraftContent {
            /// Returns this content with the fields that are present in `change` replaced.
            #[must_use]
            pub fn merged(self, change: Self) -> Self {
                Self {$(
                    $field: change.$field.or(self.$field),
                )+}
            }
        }
    };
}

draft_content! {
    prompt: PromptContent,
    repo: RepoConfig,
    agents: Vec<AgentSelection>,
    runtime: RuntimeConfig,
    workspace: WorkspaceConfig,
    tenant_id: String,
    project_id: String,
    labels: BTreeMap<String, String>,
    priority: Priority,
    interactive: bool,
    #[serde(deserialize_with = "number::whole_or_none")]
    timeout_ms: u64,
    #[serde(deserialize_with = "number::whole_or_none")]
    idle_timeout_ms: u64,
    permissions: PermissionPolicy,
    env: BTreeMap<String, String>,
    delivery: WorkDelivery,
    webhooks: Vec<WebhookRequest>,
}

objects!(DraftContent);

/// A draft to save. Without an id, a new draft is created; with an id, the fields that are present
/// replace those of the existing draft.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DraftUpdate {
    /// The id of the draft to change; `None` creates a new one.
    pub id: Option<DraftId>,
    /// The fields to set.
    pub content: DraftContent,
}

/// A saved draft.
///
/// On the wire, its prompt is a text, `prompt`, and content blocks, `promptBlocks`, as in a session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Draft {
    /// The id of the draft.
    pub id: DraftId,
    /// The content of the draft.
    pub content: DraftContent,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The time of its last update.
    pub updated_at: Timestamp,
    /// True if this is a summary: an item of a list whose content is only a title, the first line
    /// of its prompt, at most 200 characters. [`TaskManager::get_draft`](crate::TaskManager::get_draft)
    /// returns the whole draft.
    pub is_summary: bool,
}

constructor! {
    /// Creates a draft.
    Draft::new(id: DraftId, content: DraftContent, created_at: Timestamp, updated_at: Timestamp);
    or is_summary: bool = false;
}

impl Summarized for Draft {
    fn into_summary(self) -> Self {
        let prompt = self.content.prompt.as_ref().map(PromptContent::text);
        let title = prompt.map(|text| excerpt(first_line(&text), SUMMARY_PROMPT_CHARS_MAX));
        Self {
            content: DraftContent {
                prompt: title.map(PromptContent::from),
                ..DraftContent::default()
            },
            is_summary: true,
            ..self
        }
    }
}

/// The wire form of a draft.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DraftWire<P> {
    id: DraftId,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    prompt: Option<P>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt_blocks: Option<PromptContent>,
    // Uses the derived functions: with `flatten`, the input is the rest of the object.
    #[serde(
        flatten,
        serialize_with = "DraftContent::serialize",
        deserialize_with = "DraftContent::deserialize"
    )]
    rest: DraftContent,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_summary: bool,
}

impl Serialize for Draft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rest = self.content.clone();
        let prompt_blocks = rest.prompt.take();
        let wire = DraftWire {
            id: self.id,
            prompt: prompt_blocks.as_ref().map(PromptContent::text),
            prompt_blocks,
            rest,
            created_at: self.created_at,
            updated_at: self.updated_at,
            is_summary: self.is_summary,
        };
        wire.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = DraftWire::<PromptContent>::deserialize(deserializer)?;
        let mut content = wire.rest;
        content.prompt = wire.prompt_blocks.or(wire.prompt);
        Ok(Self {
            id: wire.id,
            content,
            created_at: wire.created_at,
            updated_at: wire.updated_at,
            is_summary: wire.is_summary,
        })
    }
}

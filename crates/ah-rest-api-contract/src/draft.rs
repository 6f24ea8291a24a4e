//! Drafts: tasks not launched yet (contract §4.9).

use serde::{Deserialize, Serialize};

use crate::object::objects;
use crate::{AgentSelection, DraftId, PromptContent, RepoConfig, RuntimeConfig, Timestamp};

/// What a draft holds: any part of a task, unjudged, since a draft is incomplete by nature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct DraftContent {
    /// What the agent would be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptContent>,
    /// On which repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<RepoConfig>,
    /// By which agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<Vec<AgentSelection>>,
    /// In which runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeConfig>,
}

objects!(DraftContent);

/// A draft to save: a new one without an id, or the change of an old one, of which the fields
/// that are present replace the old.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DraftUpdate {
    /// Which draft to change; a new one when absent.
    pub id: Option<DraftId>,
    /// The fields to set.
    pub content: DraftContent,
}

/// A saved draft.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// Names it.
    pub id: DraftId,
    /// What it holds.
    // Read as it is derived: here it is given what is left of the object, of which it takes its own.
    #[serde(
        flatten,
        serialize_with = "DraftContent::serialize",
        deserialize_with = "DraftContent::deserialize"
    )]
    pub content: DraftContent,
    /// When it was first saved.
    pub created_at: Timestamp,
    /// When it was last saved.
    pub updated_at: Timestamp,
}

impl DraftContent {
    /// This content with the fields of `change` that are present.
    #[must_use]
    pub fn merged(self, change: Self) -> Self {
        Self {
            prompt: change.prompt.or(self.prompt),
            repo: change.repo.or(self.repo),
            agents: change.agents.or(self.agents),
            runtime: change.runtime.or(self.runtime),
        }
    }
}

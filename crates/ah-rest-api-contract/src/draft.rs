//! Drafts: tasks not launched yet (contract §4.9).

use serde::{Deserialize, Serialize};

use crate::constructor::constructor;
use crate::object::objects;
use crate::{AgentSelection, DraftId, PromptContent, RepoConfig, RuntimeConfig, Timestamp};

/// The content of a draft: any part of a task. It is not validated, because a draft may be
/// incomplete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct DraftContent {
    /// The prompt for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptContent>,
    /// The repository to work on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<RepoConfig>,
    /// The agents to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<Vec<AgentSelection>>,
    /// The runtime of the agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeConfig>,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Draft {
    /// The id of the draft.
    pub id: DraftId,
    /// The content of the draft.
    // Uses the derived functions: with `flatten`, the input is the rest of the object.
    #[serde(
        flatten,
        serialize_with = "DraftContent::serialize",
        deserialize_with = "DraftContent::deserialize"
    )]
    pub content: DraftContent,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The time of its last update.
    pub updated_at: Timestamp,
}

constructor! {
    /// Creates a draft.
    Draft::new(id: DraftId, content: DraftContent, created_at: Timestamp, updated_at: Timestamp);
}

impl DraftContent {
    /// Returns this content with the fields that are present in `change` replaced.
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

//! The state that all parts of an engine share.

use std::sync::Arc;

use ah_executor::Executor;
use ah_lifecycle::View;
use ah_rest_api_contract::{PermissionId, PromptId, SessionId};
use ah_store::{EngineId, Pending, SessionRecord, Store, StoreError};

use crate::clock::Clock;
use crate::condition::ConditionWatch;
use crate::config::EngineConfig;
use crate::ephemeral::EphemeralHub;
use crate::feed::Feeds;
use crate::identity::IdSource;
use crate::supervisors::Supervisors;

/// The state that all parts of an engine share.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) config: EngineConfig,
    pub(crate) engine: EngineId,
    pub(crate) hub: EphemeralHub,
    pub(crate) feeds: Feeds,
    pub(crate) supervisors: Supervisors,
    /// Set by each renewal of this engine's claims.
    pub(crate) condition: ConditionWatch,
}

impl Core {
    /// Reads a session with its unsettled prompts and permission requests, and with the one that a
    /// command names. The cost does not depend on the length of the session.
    pub(crate) async fn view(
        &self,
        id: SessionId,
        target: CommandTarget,
    ) -> Result<View, StoreError> {
        let record = self.store.session(id).await?;
        let mut view = self.view_of(record).await?;
        match target {
            CommandTarget::Prompt(prompt) if !view.prompts.iter().any(|it| it.id == prompt) => {
                view.prompts.extend(self.store.prompt(id, prompt).await?);
            }
            CommandTarget::Permission(request)
                if !view
                    .permissions
                    .iter()
                    .any(|it| it.permission.request.request_id == request) =>
            {
                let record = self.store.permission(id, request).await?;
                view.permissions.extend(record);
            }
            CommandTarget::Nothing | CommandTarget::Prompt(_) | CommandTarget::Permission(_) => {}
        }
        Ok(view)
    }

    /// Adds the unsettled prompts and permission requests of a session to its record.
    pub(crate) async fn view_of(&self, record: SessionRecord) -> Result<View, StoreError> {
        let Pending {
            prompts,
            permissions,
        } = self.store.pending(record.id()).await?;
        Ok(View {
            record,
            prompts,
            permissions,
        })
    }
}

/// The prompt or permission request that a command names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandTarget {
    /// The command names none.
    Nothing,
    /// A prompt.
    Prompt(PromptId),
    /// A permission request.
    Permission(PermissionId),
}

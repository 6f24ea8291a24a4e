//! Saving drafts.

use ah_rest_api_contract::{Draft, DraftId, DraftUpdate, TaskManagerError};

use crate::manager::LocalTaskManager;

impl LocalTaskManager {
    /// Saves a new draft, or updates the given fields of an existing one.
    pub(in crate::manager) async fn save_draft(
        &self,
        update: DraftUpdate,
    ) -> Result<Draft, TaskManagerError> {
        let core = &self.core;
        let now = core.clock.now();
        let draft = match update.id {
            None => Draft {
                id: DraftId::from_ulid(core.ids.next(now)),
                content: update.content,
                created_at: now,
                updated_at: now,
            },
            Some(id) => {
                let old = core.store.draft(id).await?;
                Draft {
                    content: old.content.merged(update.content),
                    updated_at: now,
                    ..old
                }
            }
        };
        let receipt = self.caller.receipt_of(&draft)?;
        core.store.save_draft(&draft, receipt).await?;
        Ok(draft)
    }
}

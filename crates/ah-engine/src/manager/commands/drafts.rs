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
            None => Draft::new(
                DraftId::from_ulid(core.ids.next(now)),
                update.content,
                now,
                now,
            ),
            Some(id) => {
                let old = core.store.draft(id).await?;
                let content = old.content.merged(update.content);
                Draft::new(id, content, old.created_at, now)
            }
        };
        let receipt = self.caller.receipt_of(&draft)?;
        core.store.save_draft(&draft, receipt).await?;
        Ok(draft)
    }
}

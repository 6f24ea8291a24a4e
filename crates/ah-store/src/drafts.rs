//! Drafts of tasks.

use ah_rest_api_contract::{Draft, DraftId, Page, PageRequest, Receipt};
use async_trait::async_trait;

use crate::StoreError;

/// The drafts.
#[async_trait]
pub trait Drafts: Send + Sync {
    /// Returns a page of drafts, the last saved first.
    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, StoreError>;

    /// Returns the draft `id`.
    async fn draft(&self, id: DraftId) -> Result<Draft, StoreError>;

    /// Creates or replaces a draft, and keeps the receipt with it if there is one.
    async fn save_draft(&self, draft: &Draft, receipt: Option<Receipt>) -> Result<(), StoreError>;

    /// Deletes the draft `id`.
    async fn delete_draft(&self, id: DraftId) -> Result<(), StoreError>;
}

//! Drafts.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{
    Draft, DraftContent, DraftId, Page, PageParams, PageRequest, TaskManagerError,
};

use crate::call::{Call, route};
use crate::client::RestClient;
use crate::retry::Repeat;

impl RestClient {
    /// Saves a new draft.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn create_draft(&self, content: &DraftContent) -> Result<Draft, TaskManagerError> {
        self.json(Call::post(route!("create_draft"), routes::DRAFTS, content)?)
            .await
    }

    /// A page of the drafts, the last saved first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError> {
        let query = PageParams::from(page);
        self.json(Call::get(route!("list_drafts"), routes::DRAFTS).with_query(&query)?)
            .await
    }

    /// A draft.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is none.
    pub async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError> {
        self.json(Call::get(route!("get_draft"), routes::draft(id)))
            .await
    }

    /// Changes the fields of a draft that are given.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is none.
    pub async fn update_draft(
        &self,
        id: DraftId,
        change: &DraftContent,
    ) -> Result<Draft, TaskManagerError> {
        self.json(Call::put(
            route!("update_draft"),
            routes::draft(id),
            change,
        )?)
        .await
    }

    /// Deletes a draft.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is none.
    pub async fn delete_draft(&self, id: DraftId) -> Result<(), TaskManagerError> {
        // A draft that is gone is not found, so a repeat would deny what the first one did.
        self.done(Call::delete(
            route!("delete_draft"),
            routes::draft(id),
            Repeat::Unsafe,
        ))
        .await
    }
}

//! Steering sessions: turns, prompts and permissions.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{
    Page, PageParams, PageRequest, Permission, PermissionAnswer, PermissionId, Prompt, PromptId,
    PromptReceipt, PromptRequest, ResumeRequest, Session, SessionId, StopRequest, TaskManagerError,
};

use crate::call::{Call, route};
use crate::client::RestClient;
use crate::retry::Repeat;

impl RestClient {
    /// Ends the session: its agent is asked, then made, to end.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](ah_rest_api_contract::ErrorKind::Conflict) when it has ended
    /// otherwise.
    pub async fn stop_session(
        &self,
        id: SessionId,
        request: &StopRequest,
    ) -> Result<Session, TaskManagerError> {
        self.json(Call::post(
            route!("stop_session"),
            routes::session_stop(id),
            request,
        )?)
        .await
    }

    /// Ends the agent's current turn, not the session.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](ah_rest_api_contract::ErrorKind::Conflict) when the session's status
    /// does not admit it.
    pub async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.json(Call::post_empty(
            route!("interrupt_session"),
            routes::session_interrupt(id),
        )?)
        .await
    }

    /// Freezes every process of the session.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](ah_rest_api_contract::ErrorKind::Conflict) when the session's status
    /// does not admit it.
    pub async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.json(Call::post_empty(
            route!("pause_session"),
            routes::session_pause(id),
        )?)
        .await
    }

    /// Lets a paused session go on.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](ah_rest_api_contract::ErrorKind::Conflict) when the session's status
    /// does not admit it.
    pub async fn resume_session(
        &self,
        id: SessionId,
        request: &ResumeRequest,
    ) -> Result<Session, TaskManagerError> {
        self.json(Call::post(
            route!("resume_session"),
            routes::session_resume(id),
            request,
        )?)
        .await
    }

    /// Says something to the session's agent.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](ah_rest_api_contract::ErrorKind::Gone) when the session has ended, and
    /// [`ErrorKind::PayloadTooLarge`](ah_rest_api_contract::ErrorKind::PayloadTooLarge) when it is
    /// too much at once.
    pub async fn prompt_session(
        &self,
        id: SessionId,
        request: &PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        self.json(Call::post(
            route!("prompt_session"),
            routes::session_prompt(id),
            request,
        )?)
        .await
    }

    /// A page of the session's prompts, oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// session.
    pub async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError> {
        let query = PageParams::from(page);
        self.json(
            Call::get(route!("list_prompts"), routes::session_prompts(id)).with_query(&query)?,
        )
        .await
    }

    /// Takes back a prompt that still waits.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](ah_rest_api_contract::ErrorKind::Conflict) when the agent has it
    /// already.
    pub async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        // One that was taken back already is answered as one that is taken back now.
        let path = routes::session_queued_prompt(id, prompt);
        self.done(Call::delete(route!("withdraw_prompt"), path, Repeat::Safe))
            .await
    }

    /// A page of the session's permission requests, oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// session.
    pub async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Permission>, TaskManagerError> {
        let query = PageParams::from(page);
        self.json(
            Call::get(route!("list_permissions"), routes::session_permissions(id))
                .with_query(&query)?,
        )
        .await
    }

    /// Answers a permission request that still waits.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](ah_rest_api_contract::ErrorKind::Conflict) when it was settled
    /// before, and [`ErrorKind::Gone`](ah_rest_api_contract::ErrorKind::Gone) when the session has
    /// ended.
    pub async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: &PermissionAnswer,
    ) -> Result<Permission, TaskManagerError> {
        self.json(Call::post(
            route!("answer_permission"),
            routes::session_permission(id, request),
            answer,
        )?)
        .await
    }
}

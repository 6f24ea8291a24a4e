//! Steering sessions: each command is decided, written, and done by whoever attends to the
//! session.

use std::time::Duration;

use ah_rest_api_contract::{
    DeliveryMode, ErrorKind, Permission, PermissionAnswer, PermissionId, PermissionState, Prompt,
    PromptContent, PromptDelivery, PromptId, PromptReceipt, PromptRequest, PromptState, Session,
    SessionId, TaskManagerError,
};

use super::LocalTaskManager;
use crate::error::store_error;
use crate::lifecycle::{answer, cancel, interrupt, pause, prompt, resume, stop, withdraw};
use crate::view::View;

/// How long an answer is waited for to reach the agent before the reply says that it is on its
/// way.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long a cancelled session may take to be gone before the reply says that it is not yet.
const CANCEL_MAX: Duration = Duration::from_secs(60);

impl LocalTaskManager {
    pub(super) async fn prompt(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        let prompt = self.new_prompt(id, request.validated()?).await?;
        let receipt = PromptReceipt {
            session_id: id,
            accepted: true,
            ts: prompt.created_at,
            prompt_id: prompt.id,
            delivery: match prompt.delivery {
                DeliveryMode::Queue => PromptDelivery::Queued,
                DeliveryMode::Steer => PromptDelivery::Steered,
            },
        };
        self.decide(id, |view| prompt::decide(&view.record, prompt.clone()))
            .await?;
        Ok(receipt)
    }

    pub(super) async fn withdraw(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        self.decide(id, |view| {
            withdraw::decide(&view.record, &view.prompts, prompt)
        })
        .await?;
        Ok(())
    }

    pub(super) async fn interrupt(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.decide(id, |view| interrupt::decide(&view.record))
            .await?;
        self.session(id).await
    }

    pub(super) async fn pause(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        self.decide(id, |view| pause::decide(&view.record, now))
            .await?;
        self.session(id).await
    }

    pub(super) async fn resume(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        let prompt = match prompt {
            None => None,
            Some(content) => Some(
                self.new_prompt(id, PromptRequest::queued(content).validated()?)
                    .await?,
            ),
        };
        self.decide(id, |view| resume::decide(&view.record, prompt.clone(), now))
            .await?;
        self.session(id).await
    }

    pub(super) async fn stop(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        let by = &self.core.config.author;
        self.decide(id, |view| {
            stop::decide(&view.record, reason.clone(), by, now)
        })
        .await?;
        self.session(id).await
    }

    pub(super) async fn cancel(&self, id: SessionId) -> Result<(), TaskManagerError> {
        let now = self.core.clock.now();
        let by = &self.core.config.author;
        self.decide(id, |view| cancel::decide(&view.record, by, now))
            .await?;
        let over = |view: &View| view.record.session.status.is_terminal();
        if self.wait_until(id, CANCEL_MAX, over).await? {
            return Ok(());
        }
        Err(TaskManagerError::new(
            ErrorKind::Unavailable,
            format!(
                "session {id} is being cancelled and is not gone yet; nothing more has to be asked \
                 for, look at it again in a moment"
            ),
        ))
    }

    pub(super) async fn answer(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError> {
        let by = &self.core.config.author;
        self.decide(id, |view| {
            answer::decide(&view.record, &view.permissions, request, answer.clone(), by)
        })
        .await?;
        let find = |view: &View| {
            view.permissions
                .iter()
                .find(|known| known.permission.request.request_id == request)
                .map(|known| known.permission.clone())
        };
        // The reply waits for the agent to have been told, and is honest when that takes longer.
        self.wait_until(id, ANSWER_MAX, |view| {
            find(view).is_some_and(|known| known.state == PermissionState::Resolved)
        })
        .await?;
        let view = self.core.view(id).await.map_err(store_error)?;
        find(&view).ok_or_else(|| {
            TaskManagerError::new(
                ErrorKind::NotFound,
                format!("there is no request `{request}`"),
            )
        })
    }

    async fn session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        Ok(self
            .core
            .store
            .session(id)
            .await
            .map_err(store_error)?
            .session)
    }

    /// A prompt for the queue of the session `id`, steered only if its agent can be.
    async fn new_prompt(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<Prompt, TaskManagerError> {
        let agent = self.session(id).await?.agent.agent_type;
        let can_steer = self
            .core
            .catalog
            .list()
            .into_iter()
            .any(|known| known.agent_type == agent && known.capabilities.steer);
        let now = self.core.clock.now();
        Ok(Prompt {
            id: PromptId::from_ulid(self.core.ids.next(now)),
            content: request.prompt,
            delivery: if can_steer {
                request.delivery
            } else {
                DeliveryMode::Queue
            },
            state: PromptState::Queued,
            author: self.core.config.author.clone(),
            created_at: now,
        })
    }
}

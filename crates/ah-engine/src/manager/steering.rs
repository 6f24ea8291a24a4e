//! Steering of sessions. A command is decided and written here, and carried out by the supervisor
//! of the session.

use std::time::Duration;

use ah_lifecycle::{View, answer, cancel, interrupt, pause, prompt, resume, stop, withdraw};
use ah_rest_api_contract::{
    DeliveryMode, ErrorKind, Permission, PermissionAnswer, PermissionId, Prompt, PromptContent,
    PromptDelivery, PromptId, PromptReceipt, PromptRequest, PromptState, Session, SessionId,
    StopRequest, TaskManagerError,
};

use super::LocalTaskManager;
use crate::supervisor::CommandTarget;

/// The maximum wait for a cancelled session to end. A later reply reports it as still ending.
const CANCEL_MAX: Duration = Duration::from_secs(60);

fn session(view: View) -> Session {
    view.record.session
}

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
                DeliveryMode::Steer => PromptDelivery::Steered,
                _ => PromptDelivery::Queued,
            },
        };
        self.decide(
            id,
            CommandTarget::Nothing,
            |view| prompt::decide(&view.record, prompt.clone()),
            |_| receipt.clone(),
        )
        .await
    }

    pub(super) async fn withdraw(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        self.decide(
            id,
            CommandTarget::Prompt(prompt),
            |view| withdraw::decide(&view.record, &view.prompts, prompt),
            drop,
        )
        .await
    }

    pub(super) async fn interrupt(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        self.decide(
            id,
            CommandTarget::Nothing,
            |view| interrupt::decide(&view.record, now),
            session,
        )
        .await
    }

    pub(super) async fn pause(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        self.decide(
            id,
            CommandTarget::Nothing,
            |view| pause::decide(&view.record, now),
            session,
        )
        .await
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
        self.decide(
            id,
            CommandTarget::Nothing,
            |view| resume::decide(&view.record, prompt.clone(), now),
            session,
        )
        .await
    }

    pub(super) async fn stop(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        let StopRequest { reason } = StopRequest { reason }.validated()?;
        let now = self.core.clock.now();
        let by = &self.caller.principal;
        self.decide(
            id,
            CommandTarget::Nothing,
            |view| stop::decide(&view.record, reason.clone(), by, now),
            session,
        )
        .await
    }

    pub(super) async fn cancel(&self, id: SessionId) -> Result<(), TaskManagerError> {
        let now = self.core.clock.now();
        let by = &self.caller.principal;
        self.decide(
            id,
            CommandTarget::Nothing,
            |view| cancel::decide(&view.record, by, now),
            drop,
        )
        .await?;
        let over = |session: &Session| session.status.is_terminal();
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
        let by = &self.caller.principal;
        let decide = |view: &View| {
            answer::decide(&view.record, &view.permissions, request, answer.clone(), by)
        };
        let settled = self
            .decide(id, CommandTarget::Permission(request), decide, |view| {
                view.permissions
                    .into_iter()
                    .map(|known| known.permission)
                    .find(|permission| permission.request.request_id == request)
            })
            .await?;
        // Only a known request can have been settled.
        settled.ok_or_else(|| {
            TaskManagerError::new(
                ErrorKind::NotFound,
                format!("there is no request `{request}`"),
            )
        })
    }

    /// Creates a prompt for the queue of session `id`. It steers the turn only if the agent
    /// supports it.
    async fn new_prompt(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<Prompt, TaskManagerError> {
        let record = self.core.store.session(id).await?;
        let agent = record.session.agent.agent_type;
        let can_steer = self
            .core
            .executor
            .agents()
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
            author: self.caller.principal.clone(),
            created_at: now,
        })
    }
}

//! Steering of sessions: prompts, answers, pauses and ends.

use std::time::Duration;

use ah_lifecycle::{
    Decision, View, answer, cancel, interrupt, pause, prompt, resume, stop, withdraw,
};
use ah_rest_api_contract::{
    DeliveryMode, ErrorKind, Permission, PermissionAnswer, PermissionId, Prompt, PromptContent,
    PromptId, PromptReceipt, PromptRequest, Session, SessionId, StopRequest, TaskManagerError,
};
use ah_store::{Guard, SessionRecord, StoreError};

use crate::decision::{DECISION_ATTEMPTS, back_off, write_of};
use crate::engine::CommandTarget;
use crate::manager::LocalTaskManager;

/// The maximum wait for a cancelled session to end. A later reply reports it as still ending.
const CANCEL_MAX: Duration = Duration::from_secs(60);

impl LocalTaskManager {
    pub(in crate::manager) async fn prompt(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError> {
        let request = request.validated()?;
        let record = self.core.store.session(id).await?;
        let prompt = self.new_prompt(&record, request);
        let receipt = PromptReceipt::of(id, &prompt);
        self.enqueue(record, prompt, &receipt).await?;
        Ok(receipt)
    }

    /// Adds a prompt to the queue of the session of `record`. Unlike other decisions, it depends on
    /// no other one, so that prompts of many clients are accepted at once.
    async fn enqueue(
        &self,
        mut record: SessionRecord,
        prompt: Prompt,
        receipt: &PromptReceipt,
    ) -> Result<(), TaskManagerError> {
        let id = record.id();
        let guard = Guard {
            takes_prompts: true,
            ..Guard::default()
        };
        for attempt in 0..DECISION_ATTEMPTS {
            let change = match prompt::decide(&record, prompt.clone())? {
                Decision::Change(change) => *change,
                Decision::Unchanged => return Ok(()),
            };
            let mut write = write_of(id, guard, change, self.core.clock.now());
            write.receipt = self.caller.receipt_of(receipt)?;
            match self.core.store.write(write).await {
                Ok(_) => return Ok(()),
                // The session takes no prompts any more, and says why, or it takes them again.
                Err(StoreError::Conflict { .. }) => back_off(attempt).await,
                Err(error) => return Err(error.into()),
            }
            record = self.core.store.session(id).await?;
        }
        Err(StoreError::Conflict { id: id.to_string() }.into())
    }

    pub(in crate::manager) async fn withdraw(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError> {
        self.command(
            id,
            CommandTarget::Prompt(prompt),
            |view| withdraw::decide(&view.record, &view.prompts, prompt),
            |_| (),
        )
        .await
    }

    pub(in crate::manager) async fn interrupt(
        &self,
        id: SessionId,
    ) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        self.control(id, |view| interrupt::decide(&view.record, now))
            .await
    }

    pub(in crate::manager) async fn pause(
        &self,
        id: SessionId,
    ) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        self.control(id, |view| pause::decide(&view.record, now))
            .await
    }

    pub(in crate::manager) async fn resume(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError> {
        let now = self.core.clock.now();
        let prompt = match prompt {
            None => None,
            Some(content) => {
                let request = PromptRequest::queued(content).validated()?;
                Some(self.new_prompt(&self.core.store.session(id).await?, request))
            }
        };
        self.control(id, |view| resume::decide(&view.record, prompt.clone(), now))
            .await
    }

    pub(in crate::manager) async fn stop(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError> {
        let StopRequest { reason } = StopRequest { reason }.validated()?;
        let now = self.core.clock.now();
        let by = &self.caller.principal;
        self.control(id, |view| {
            stop::decide(&view.record, reason.clone(), by, now)
        })
        .await
    }

    pub(in crate::manager) async fn cancel(&self, id: SessionId) -> Result<(), TaskManagerError> {
        let now = self.core.clock.now();
        let by = &self.caller.principal;
        self.command(
            id,
            CommandTarget::Nothing,
            |view| cancel::decide(&view.record, by, now),
            |_| (),
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

    pub(in crate::manager) async fn answer(
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
            .command(id, CommandTarget::Permission(request), decide, |view| {
                view.permissions
                    .iter()
                    .map(|known| &known.permission)
                    .find(|permission| permission.request.request_id == request)
                    .cloned()
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

    /// Creates a prompt for the queue of a session. It steers the turn only if the agent supports
    /// it.
    fn new_prompt(&self, record: &SessionRecord, request: PromptRequest) -> Prompt {
        let agent = &record.session.agent.agent_type;
        let can_steer = self
            .core
            .executor
            .agents()
            .into_iter()
            .any(|known| known.agent_type == *agent && known.capabilities.steer);
        let now = self.core.clock.now();
        Prompt::new(
            PromptId::from_ulid(self.core.ids.next(now)),
            request.prompt,
            self.caller.principal.clone(),
            now,
        )
        .with_delivery(if can_steer {
            request.delivery
        } else {
            DeliveryMode::Queue
        })
    }
}

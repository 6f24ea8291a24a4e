//! Commands: a decision on a session is made, written and answered here. The supervisor of the
//! session carries it out.

mod drafts;
mod launch;
mod steering;

use std::time::Duration;

use ah_lifecycle::{Change, Decision, Refusal, View};
use ah_rest_api_contract::{Receipt, Session, SessionId, TaskManagerError};
use ah_store::{Guard, SessionWrite, StoreError, Written};
use serde::Serialize;

use super::LocalTaskManager;
use crate::decision::{DECISION_ATTEMPTS, back_off, write_of};
use crate::engine::CommandTarget;

impl LocalTaskManager {
    /// Makes a decision on a session and writes it, and repeats both after a conflict. `complete`
    /// adds the receipt to the write, and is given the view with the decision.
    ///
    /// Returns that view and the result of the write, which is absent if there was nothing to write.
    #[tracing::instrument(level = "debug", skip_all, fields(session.id = %id), err(level = "debug"))]
    async fn decide(
        &self,
        id: SessionId,
        target: CommandTarget,
        decide: impl Fn(&View) -> Result<Decision, Refusal> + Send + Sync,
        complete: impl Fn(&View, &mut SessionWrite) -> Result<(), TaskManagerError> + Send + Sync,
    ) -> Result<(View, Option<Written>), TaskManagerError> {
        for attempt in 0..DECISION_ATTEMPTS {
            let mut view = self.core.view(id, target).await?;
            let now = self.core.clock.now();
            let mut guard = Guard::default();
            let change = match decide(&view)? {
                Decision::Unchanged => Change::default(),
                Decision::Change(change) => {
                    guard.version = Some(view.record.version);
                    view.apply(&change);
                    *change
                }
            };
            let mut write = write_of(id, guard, change, now);
            complete(&view, &mut write)?;
            if guard.version.is_none() && write.receipt.is_none() {
                return Ok((view, None));
            }
            match self.core.store.write(write).await {
                Ok(written) => return Ok((view, Some(written))),
                Err(StoreError::Conflict { .. }) => back_off(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict { id: id.to_string() }.into())
    }

    /// Decides and writes. Returns the `reply` to the session after the decision, which must not
    /// depend on events of the agent: those of the time between decision and write are missing.
    async fn command<R: Serialize>(
        &self,
        id: SessionId,
        target: CommandTarget,
        decide: impl Fn(&View) -> Result<Decision, Refusal> + Send + Sync,
        reply: impl Fn(&View) -> R + Send + Sync,
    ) -> Result<R, TaskManagerError> {
        let complete = |view: &View, write: &mut SessionWrite| {
            write.receipt = self.caller.receipt_of(&reply(view))?;
            Ok(())
        };
        let (view, _) = self.decide(id, target, decide, complete).await?;
        Ok(reply(&view))
    }

    /// Decides and writes. Returns the session as of the commit, with every event before it.
    async fn control(
        &self,
        id: SessionId,
        decide: impl Fn(&View) -> Result<Decision, Refusal> + Send + Sync,
    ) -> Result<Session, TaskManagerError> {
        let complete = |_: &View, write: &mut SessionWrite| {
            write.receipt = self.caller.receipt.as_ref().map(Receipt::from);
            write.returns_session = true;
            Ok(())
        };
        let (view, written) = self
            .decide(id, CommandTarget::Nothing, decide, complete)
            .await?;
        // The view is what was read if nothing was written.
        let committed = written.and_then(|written| written.session);
        Ok(committed.map_or(view.record.session, |session| *session))
    }

    /// Waits until `done` returns true for the session, for at most `limit`. Returns false after
    /// that time.
    async fn wait_until(
        &self,
        id: SessionId,
        limit: Duration,
        done: impl Fn(&Session) -> bool + Send + Sync,
    ) -> Result<bool, TaskManagerError> {
        let mut head = self.core.store.watch_session(id);
        let until = async {
            loop {
                head.mark_unchanged();
                if done(&self.core.store.session(id).await?.session) {
                    return Ok(true);
                }
                if head.changed().await.is_err() {
                    return Ok(false);
                }
            }
        };
        tokio::time::timeout(limit, until)
            .await
            .unwrap_or(Ok(false))
    }
}

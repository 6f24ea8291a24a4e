//! The mock, and what all of its methods have in common.

mod methods;
mod serving;

use std::sync::Arc;

use ah_lifecycle::turns::{AgentOutput, Moment};
use ah_lifecycle::{Decision, Refusal, View};
use ah_rest_api_contract::{
    Caller, EphemeralEvent, EventPayload, Session, SessionId, SessionStatus, TaskManagerError,
    Timestamp,
};
use serde::Serialize;

use crate::fault::{Fault, MockMethod, SimulatedConnection};
use crate::shared::Shared;
use crate::state::State;

/// The error that replaces the response of a call after its effect.
type LostResponse = Option<TaskManagerError>;

/// A [`TaskManager`](ah_rest_api_contract::TaskManager) in memory. Clones share their state.
///
/// Each session runs in a task of the runtime that launched it, until it ends or every clone of the
/// mock and every stream of it is dropped.
#[derive(Clone)]
pub struct MockTaskManager {
    shared: Arc<Shared>,
    caller: Caller,
}

impl MockTaskManager {
    pub(crate) const fn of(shared: Arc<Shared>, caller: Caller) -> Self {
        Self { shared, caller }
    }

    /// Makes `method` fail from now on, as described by the fault.
    pub fn fail(&self, method: MockMethod, fault: Fault) {
        self.shared.state().conditions.arm(method, fault);
    }

    /// Makes every method fail from now on, as described by the fault. Open streams continue; an
    /// outage of both is [`MockTaskManager::disconnect`].
    pub fn fail_all(&self, fault: &Fault) {
        let mut state = self.shared.state();
        for method in MockMethod::ALL {
            state.conditions.arm(*method, fault.clone());
        }
    }

    /// Removes every fault.
    pub fn heal(&self) {
        self.shared.state().conditions.clear();
    }

    /// Starts an outage: every call fails with [`ErrorKind::Unreachable`], and so does every open
    /// stream, as its last item. Sessions continue.
    ///
    /// [`ErrorKind::Unreachable`]: ah_rest_api_contract::ErrorKind::Unreachable
    pub fn disconnect(&self) {
        self.shared.set_down(true);
    }

    /// Ends an outage. Streams have to be opened again.
    pub fn reconnect(&self) {
        self.shared.set_down(false);
    }

    /// Holds current and future sessions in this status until [`MockTaskManager::release`], unless
    /// a command ends the status.
    pub fn hold(&self, status: SessionStatus) {
        self.shared.state().held.insert(status);
    }

    /// Releases the sessions that are held in this status.
    pub fn release(&self, status: SessionStatus) {
        let mut state = self.shared.state();
        state.held.remove(&status);
        state.wake_all();
        self.shared
            .schedule(&mut state)
            .expect("a queued session may be claimed");
    }

    /// Appends an event to the log of a session, as if its agent had produced it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown session, and [`ErrorKind::Conflict`] if its agent does
    /// not run.
    ///
    /// [`ErrorKind::NotFound`]: ah_rest_api_contract::ErrorKind::NotFound
    /// [`ErrorKind::Conflict`]: ah_rest_api_contract::ErrorKind::Conflict
    pub fn emit(&self, id: SessionId, event: EventPayload) -> Result<(), TaskManagerError> {
        self.output(id, AgentOutput::Event(event))
    }

    /// Sends an ephemeral event to the readers of a session, as if its agent had produced it.
    ///
    /// # Errors
    /// As [`MockTaskManager::emit`].
    pub fn emit_ephemeral(
        &self,
        id: SessionId,
        event: EphemeralEvent,
    ) -> Result<(), TaskManagerError> {
        self.output(id, AgentOutput::Ephemeral(event))
    }

    fn output(&self, id: SessionId, output: AgentOutput) -> Result<(), TaskManagerError> {
        let (now, mut state) = (self.shared.now(), self.shared.state());
        state.output(id, output, now)
    }

    /// Begins a call of `method` without an effect.
    async fn enter(&self, method: MockMethod) -> Result<(), TaskManagerError> {
        self.begin(method).await?.map_or(Ok(()), Err)
    }

    /// Begins a call of `method`. Returns an error to report after its effect, if any.
    async fn begin(&self, method: MockMethod) -> Result<LostResponse, TaskManagerError> {
        let latency = self.shared.state().conditions.latency(method);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if self.shared.connection().borrow().is_down {
            return Err(SimulatedConnection::lost());
        }
        let state = &mut *self.shared.state();
        state.conditions.call(method, &mut state.ids)
    }

    /// Executes a request and keeps its receipt, unless a receipt shows that it was executed.
    fn perform<T: Serialize>(
        &self,
        lost: LostResponse,
        work: impl FnOnce(&mut State, Moment) -> Result<T, TaskManagerError>,
    ) -> Result<T, TaskManagerError> {
        let (now, mut state) = (self.shared.now(), self.shared.state());
        if let Some(template) = &self.caller.receipt {
            state.receipts.admit(&template.key, now.wall)?;
        }
        let result = work(&mut state, now)?;
        if let Some(receipt) = self.caller.receipt_of(&result)? {
            state.receipts.keep(receipt);
        }
        lost.map_or(Ok(result), Err)
    }

    /// Makes a decision on a session and returns the session after it.
    fn decide(
        &self,
        lost: LostResponse,
        id: SessionId,
        decide: impl FnOnce(&View, Timestamp) -> Result<Decision, Refusal>,
    ) -> Result<Session, TaskManagerError> {
        self.perform(lost, |state, now| {
            let session = state.decide(id, |view| decide(view, now.wall))?;
            Ok(session.session().clone())
        })
    }
}

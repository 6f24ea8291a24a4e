//! The pending permission requests of an agent.

use std::time::Instant;

use ah_rest_api_contract::{
    EventPayload, LogLevel, PermissionAnswer, PermissionId, PermissionPolicy, PermissionRequested,
    PermissionResolved,
};

use super::{AgentInput, Effects, Moment, ToolRequest};
use crate::permission;

/// The most requests that are pending at a time. An agent has one or a handful; further requests
/// are cancelled.
const PENDING_MAX: usize = 64;

/// A request that is not resolved yet.
#[derive(Debug)]
struct PendingRequest {
    request: PermissionRequested,
    /// The agent's own name of the request.
    key: String,
    /// True if it is about a tool call. Otherwise it is a question.
    is_tool: bool,
    /// The time at which it expires.
    deadline: Instant,
}

/// The pending requests, and the policy that resolves requests where it can.
#[derive(Debug)]
pub(super) struct Permissions {
    policy: PermissionPolicy,
    workspace: String,
    pending: Vec<PendingRequest>,
}

impl Permissions {
    pub(super) const fn new(policy: PermissionPolicy, workspace: String) -> Self {
        Self {
            policy,
            workspace,
            pending: Vec::new(),
        }
    }

    /// Returns the number of pending requests.
    pub(super) const fn count(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.pending.iter().map(|pending| pending.deadline).min()
    }

    /// Records a request. The policy resolves it, or it is pending until it is answered.
    pub(super) fn request<A: AgentInput>(
        &mut self,
        id: PermissionId,
        asked: ToolRequest,
        agent: &mut A,
        at: Moment,
        effects: &mut Effects,
    ) {
        let timeout = self.policy.timeout();
        let request = PermissionRequested::new(
            id,
            asked.tool_name,
            asked.tool_args,
            asked.options,
            at.wall.plus(timeout),
        );
        effects.event(at, EventPayload::PermissionRequest(request.clone()));
        let pending = PendingRequest {
            request,
            key: asked.key,
            is_tool: asked.is_tool,
            deadline: at.tick + timeout,
        };
        let by_policy = permission::by_policy(
            &self.policy,
            &self.workspace,
            &pending.request,
            &asked.other,
            asked.is_tool,
        );
        match by_policy {
            Some(resolved) => resolve(&pending, resolved, Some(agent), at, effects),
            None if self.pending.len() >= PENDING_MAX => {
                let withdrawn = permission::withdrawn(&pending.request, "policy");
                resolve(&pending, withdrawn, Some(agent), at, effects);
            }
            None => self.pending.push(pending),
        }
    }

    /// Answers the request `id`, if it is pending and has such an option.
    pub(super) fn answer<A: AgentInput>(
        &mut self,
        id: PermissionId,
        answer: &PermissionAnswer,
        by: &str,
        agent: &mut A,
        at: Moment,
        effects: &mut Effects,
    ) {
        let Some(index) = self
            .pending
            .iter()
            .position(|it| it.request.request_id == id)
        else {
            return;
        };
        if let PermissionAnswer::Select(option) = answer {
            let options = &self.pending[index].request.options;
            if !options.iter().any(|offered| offered.id == *option) {
                let text = format!("`{option}` is not an answer to {id}, which still waits");
                effects.log(at, LogLevel::Warn, text);
                return;
            }
        }
        let pending = self.pending.remove(index);
        let answered = permission::answered(&pending.request, answer, by);
        resolve(&pending, answered, Some(agent), at, effects);
    }

    /// Resolves the requests that were not answered in time, as the policy says.
    pub(super) fn expire<A: AgentInput>(
        &mut self,
        agent: &mut A,
        at: Moment,
        effects: &mut Effects,
    ) {
        for pending in self.pending.extract_if(.., |it| it.deadline <= at.tick) {
            let expired = permission::expired(&self.policy, &pending.request, pending.is_tool);
            resolve(&pending, expired, Some(agent), at, effects);
        }
    }

    /// Cancels every request. The agent is answered, unless it has ended its turn or itself.
    pub(super) fn cancel_all<A: AgentInput>(
        &mut self,
        by: &str,
        mut agent: Option<&mut A>,
        at: Moment,
        effects: &mut Effects,
    ) {
        for pending in self.pending.drain(..) {
            let withdrawn = permission::withdrawn(&pending.request, by);
            resolve(&pending, withdrawn, agent.as_deref_mut(), at, effects);
        }
    }
}

/// Records how a request was resolved, and answers the agent if it still waits.
fn resolve<A: AgentInput>(
    pending: &PendingRequest,
    resolved: PermissionResolved,
    agent: Option<&mut A>,
    at: Moment,
    effects: &mut Effects,
) {
    if let Some(agent) = agent {
        let option = resolved.option_id.as_deref();
        agent.answer(&pending.key, option, &mut effects.to_agent);
    }
    effects.event(at, EventPayload::PermissionResolved(resolved));
}

//! The permission requests that an agent waits for.

use std::time::Duration;

use ah_lifecycle::leave;
use ah_rest_api_contract::{
    EventPayload, LogLevel, PermissionAnswer, PermissionId, PermissionPolicy, PermissionRequested,
    PermissionResolved,
};
use tokio::time::Instant;

use super::Effects;
use crate::driver::{Driver, PermissionAsked};
use crate::recorder::clock::Moment;

/// How many requests of one agent wait at a time. An agent asks for one thing or a handful; one
/// that asks for more is refused the rest.
const WAITING_MAX: usize = 64;

/// A request that was not settled yet.
#[derive(Debug)]
struct Waiting {
    request: PermissionRequested,
    /// What the agent calls it.
    key: String,
    /// When it runs out.
    deadline: Instant,
}

/// The requests, and the policy that settles them where it can.
#[derive(Debug)]
pub(super) struct Permissions {
    policy: PermissionPolicy,
    workspace: String,
    waiting: Vec<Waiting>,
}

impl Permissions {
    pub(super) const fn new(policy: PermissionPolicy, workspace: String) -> Self {
        Self {
            policy,
            workspace,
            waiting: Vec::new(),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    /// The agent asks: the policy answers, or the request waits for somebody who does.
    pub(super) fn ask(
        &mut self,
        id: PermissionId,
        asked: PermissionAsked,
        driver: &mut dyn Driver,
        at: Moment,
        effects: &mut Effects,
    ) {
        let timeout: Duration = self.policy.timeout();
        let request = PermissionRequested {
            request_id: id,
            tool_name: asked.tool_name,
            tool_args: asked.tool_args,
            options: asked.options,
            expires_at: at.wall.plus(timeout),
        };
        effects.event(at, EventPayload::PermissionRequest(request.clone()));
        let waiting = Waiting {
            request,
            key: asked.key,
            deadline: at.tick + timeout,
        };
        let judged = leave::judged(&self.policy, &self.workspace, &waiting.request);
        match judged {
            Some(resolved) => settle(&waiting, resolved, Some(driver), at, effects),
            None if self.waiting.len() >= WAITING_MAX => {
                // Nobody could keep up.
                let withdrawn = leave::withdrawn(&waiting.request, "policy");
                settle(&waiting, withdrawn, Some(driver), at, effects);
            }
            None => self.waiting.push(waiting),
        }
    }

    /// Somebody answers the request `id`.
    pub(super) fn answer(
        &mut self,
        id: PermissionId,
        answer: &PermissionAnswer,
        by: &str,
        driver: &mut dyn Driver,
        at: Moment,
        effects: &mut Effects,
    ) {
        let Some(index) = self.waiting.iter().position(|w| w.request.request_id == id) else {
            return;
        };
        if let PermissionAnswer::Select(option) = answer {
            let options = &self.waiting[index].request.options;
            if !options.iter().any(|offered| offered.id == *option) {
                let text = format!("`{option}` is not an answer to {id}, which still waits");
                effects.log(at, LogLevel::Warn, text);
                return;
            }
        }
        let waiting = self.waiting.remove(index);
        let answered = leave::answered(&waiting.request, answer, by);
        settle(&waiting, answered, Some(driver), at, effects);
    }

    /// Settles what nobody answered in time, as the policy says.
    pub(super) fn expire(&mut self, driver: &mut dyn Driver, at: Moment, effects: &mut Effects) {
        for waiting in self.waiting.extract_if(.., |w| w.deadline <= at.tick) {
            let expired = leave::expired(&self.policy, &waiting.request);
            settle(&waiting, expired, Some(driver), at, effects);
        }
    }

    /// Withdraws every request. The agent is told through `driver`, unless it has none to be told
    /// through: it ended its turn, or is gone.
    pub(super) fn cancel_all(
        &mut self,
        by: &str,
        mut driver: Option<&mut dyn Driver>,
        at: Moment,
        effects: &mut Effects,
    ) {
        for waiting in self.waiting.drain(..) {
            let withdrawn = leave::withdrawn(&waiting.request, by);
            // Reborrowed by hand: the trait object outlives one round only.
            match &mut driver {
                Some(driver) => settle(&waiting, withdrawn, Some(&mut **driver), at, effects),
                None => settle(&waiting, withdrawn, None, at, effects),
            }
        }
    }
}

/// Tells the agent, unless it has gone on already, how its request was settled.
fn settle(
    waiting: &Waiting,
    resolved: PermissionResolved,
    driver: Option<&mut dyn Driver>,
    at: Moment,
    effects: &mut Effects,
) {
    if let Some(driver) = driver {
        let option = resolved.option_id.as_deref();
        driver.answer(&waiting.key, option, &mut effects.to_agent);
    }
    effects.event(at, EventPayload::PermissionResolved(resolved));
}

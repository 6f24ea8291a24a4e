//! The permission requests that an agent waits for.

use std::time::Duration;

use ah_rest_api_contract::{
    EventPayload, LogLevel, PermissionAction, PermissionAnswer, PermissionId, PermissionOutcome,
    PermissionPolicy, PermissionRequested, PermissionResolved, PermissionSubject,
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
        let subject =
            PermissionSubject::of_tool(&asked.tool_name, &asked.tool_args, &self.workspace);
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
        let action = self.policy.decide(&subject);
        if waiting.request.options.is_empty() || self.waiting.len() >= WAITING_MAX {
            // Nobody could choose anything, or nobody could keep up.
            settle(
                &waiting,
                Settlement::cancelled("policy"),
                Some(driver),
                at,
                effects,
            );
            return;
        }
        match action {
            PermissionAction::Ask => self.waiting.push(waiting),
            PermissionAction::Allow | PermissionAction::Deny => {
                let option = waiting
                    .request
                    .option_for(action == PermissionAction::Allow);
                // Without a fitting option the policy can only withdraw the request.
                let settlement = option.map_or_else(
                    || Settlement::cancelled("policy"),
                    |option| Settlement::selected(&option.id, "policy"),
                );
                settle(&waiting, settlement, Some(driver), at, effects);
            }
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
        let settlement = match answer {
            PermissionAnswer::Cancel => Settlement::cancelled(by),
            PermissionAnswer::Select(option) => {
                let options = &self.waiting[index].request.options;
                if !options.iter().any(|offered| offered.id == *option) {
                    let text = format!("`{option}` is not an answer to {id}, which still waits");
                    effects.log(at, LogLevel::Warn, text);
                    return;
                }
                Settlement::selected(option, by)
            }
        };
        let waiting = self.waiting.remove(index);
        settle(&waiting, settlement, Some(driver), at, effects);
    }

    /// Settles what nobody answered in time, as the policy says.
    pub(super) fn expire(&mut self, driver: &mut dyn Driver, at: Moment, effects: &mut Effects) {
        let allow = self.policy.on_timeout == PermissionAction::Allow;
        for waiting in self.waiting.extract_if(.., |w| w.deadline <= at.tick) {
            let settlement = Settlement {
                outcome: PermissionOutcome::Expired,
                option: waiting.request.option_for(allow).map(|o| o.id.clone()),
                by: "timeout".to_owned(),
            };
            settle(&waiting, settlement, Some(driver), at, effects);
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
            // Reborrowed by hand: the trait object outlives one round only.
            match &mut driver {
                Some(driver) => settle(
                    &waiting,
                    Settlement::cancelled(by),
                    Some(&mut **driver),
                    at,
                    effects,
                ),
                None => settle(&waiting, Settlement::cancelled(by), None, at, effects),
            }
        }
    }
}

/// How a request is settled.
struct Settlement {
    outcome: PermissionOutcome,
    option: Option<String>,
    by: String,
}

impl Settlement {
    fn selected(option: &str, by: &str) -> Self {
        Self {
            outcome: PermissionOutcome::Selected,
            option: Some(option.to_owned()),
            by: by.to_owned(),
        }
    }

    fn cancelled(by: &str) -> Self {
        Self {
            outcome: PermissionOutcome::Cancelled,
            option: None,
            by: by.to_owned(),
        }
    }
}

fn settle(
    waiting: &Waiting,
    settlement: Settlement,
    driver: Option<&mut dyn Driver>,
    at: Moment,
    effects: &mut Effects,
) {
    if let Some(driver) = driver {
        let option = settlement.option.as_deref();
        driver.answer(&waiting.key, option, &mut effects.to_agent);
    }
    let resolved = PermissionResolved {
        request_id: waiting.request.request_id,
        outcome: settlement.outcome,
        option_id: settlement.option,
        by: settlement.by,
    };
    effects.event(at, EventPayload::PermissionResolved(resolved));
}

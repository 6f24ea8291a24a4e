//! Settling what an agent asks leave for: by its task's policy, by an answer, by time, or because
//! nobody waits for it any more.

use ah_rest_api_contract::{
    PermissionAction, PermissionAnswer, PermissionOutcome, PermissionPolicy, PermissionRequested,
    PermissionResolved, PermissionSubject,
};

/// What the policy makes of a request as soon as it is made; `None` when somebody is asked.
/// `workspace` is the agent's working folder.
#[must_use]
pub fn judged(
    policy: &PermissionPolicy,
    workspace: &str,
    request: &PermissionRequested,
) -> Option<PermissionResolved> {
    if request.options.is_empty() {
        // Nobody could choose anything.
        return Some(withdrawn(request, "policy"));
    }
    let subject = PermissionSubject::of_tool(&request.tool_name, &request.tool_args, workspace);
    let allow = match policy.decide(&subject) {
        PermissionAction::Ask => return None,
        PermissionAction::Allow => true,
        PermissionAction::Deny => false,
    };
    // Without a fitting option the policy can only withdraw the request.
    Some(match request.option_for(allow) {
        Some(option) => chosen(request, option.id.clone(), "policy"),
        None => withdrawn(request, "policy"),
    })
}

/// What an answer makes of a request, which is one of those on offer.
#[must_use]
pub fn answered(
    request: &PermissionRequested,
    answer: &PermissionAnswer,
    by: &str,
) -> PermissionResolved {
    match answer {
        PermissionAnswer::Select(option) => chosen(request, option.clone(), by),
        PermissionAnswer::Cancel => withdrawn(request, by),
    }
}

/// What becomes of a request that nobody answered in time.
#[must_use]
pub fn expired(policy: &PermissionPolicy, request: &PermissionRequested) -> PermissionResolved {
    let allow = policy.on_timeout == PermissionAction::Allow;
    PermissionResolved {
        request_id: request.request_id,
        outcome: PermissionOutcome::Expired,
        option_id: request.option_for(allow).map(|option| option.id.clone()),
        by: "timeout".to_owned(),
    }
}

/// A request that is not waited for any more.
#[must_use]
pub fn withdrawn(request: &PermissionRequested, by: &str) -> PermissionResolved {
    PermissionResolved {
        request_id: request.request_id,
        outcome: PermissionOutcome::Cancelled,
        option_id: None,
        by: by.to_owned(),
    }
}

fn chosen(request: &PermissionRequested, option: String, by: &str) -> PermissionResolved {
    PermissionResolved {
        request_id: request.request_id,
        outcome: PermissionOutcome::Selected,
        option_id: Some(option),
        by: by.to_owned(),
    }
}

//! The resolution of permission requests: by the policy of the task, by an answer, by a timeout,
//! or by withdrawal.

use ah_rest_api_contract::{
    PermissionAction, PermissionAnswer, PermissionOutcome, PermissionPolicy, PermissionRequested,
    PermissionResolved, PermissionSubject,
};
use serde_json::Map;

/// The claims of an agent about a tool call that differ from its permission request. A policy must
/// allow each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherClaims {
    /// Other names of the tool.
    pub names: Vec<String>,
    /// Further paths.
    pub paths: Vec<String>,
}

/// Resolves a new request by the policy. Returns `None` if the policy requires an answer.
/// `workspace` is the agent's working folder.
///
/// The policy judges the request and every other claim of the agent about the call, and the
/// strictest verdict counts. It does not answer questions.
#[must_use]
pub fn by_policy(
    policy: &PermissionPolicy,
    workspace: &str,
    request: &PermissionRequested,
    other: &OtherClaims,
    is_tool: bool,
) -> Option<PermissionResolved> {
    if request.options.is_empty() {
        // There is nothing to choose from.
        return Some(withdrawn(request, "policy"));
    }
    if !is_tool || request.is_question() {
        return None;
    }
    let mut subject = PermissionSubject::of_tool(&request.tool_name, &request.tool_args, workspace);
    let paths = Map::from_iter([("paths".to_owned(), other.paths.clone().into())]);
    subject
        .paths
        .extend(PermissionSubject::of_tool("", &paths, workspace).paths);
    let mut verdict = policy.decide(&subject);
    for name in &other.names {
        subject.tool_name.clone_from(name);
        verdict = verdict.stricter(policy.decide(&subject));
    }
    let allow = match verdict {
        PermissionAction::Ask => return None,
        PermissionAction::Allow => true,
        PermissionAction::Deny => false,
    };
    // Without a matching option the policy can only withdraw the request.
    Some(match request.option_for(allow) {
        Some(option) => selected(request, option.id.clone(), "policy"),
        None => withdrawn(request, "policy"),
    })
}

/// Resolves a request by an answer, which must be one of its options.
#[must_use]
pub fn answered(
    request: &PermissionRequested,
    answer: &PermissionAnswer,
    by: &str,
) -> PermissionResolved {
    match answer {
        PermissionAnswer::Select(option) => selected(request, option.clone(), by),
        PermissionAnswer::Cancel => withdrawn(request, by),
    }
}

/// Resolves a request that was not answered in time, as the policy says. A question stays without
/// an answer.
#[must_use]
pub fn expired(
    policy: &PermissionPolicy,
    request: &PermissionRequested,
    is_tool: bool,
) -> PermissionResolved {
    let allow = policy.on_timeout == PermissionAction::Allow;
    let option = request
        .option_for(allow)
        .filter(|_| is_tool && !request.is_question());
    PermissionResolved::new(request.request_id, PermissionOutcome::Expired, "timeout")
        .with_option_id(option.map(|option| option.id.clone()))
}

/// Resolves a request as cancelled by `by`.
#[must_use]
pub fn withdrawn(request: &PermissionRequested, by: &str) -> PermissionResolved {
    PermissionResolved::new(
        request.request_id,
        PermissionOutcome::Cancelled,
        by.to_owned(),
    )
}

fn selected(request: &PermissionRequested, option: String, by: &str) -> PermissionResolved {
    PermissionResolved::new(
        request.request_id,
        PermissionOutcome::Selected,
        by.to_owned(),
    )
    .with_option_id(option)
}

//! The options of a task that this version does not support.
//!
//! They are refused in words, because an option without an effect would mislead. An option that
//! asks for what happens anyway is accepted.

use ah_rest_api_contract::{
    DevcontainerPolicy, ErrorKind, FieldErrors, Problem, RepoMode, RuntimePolicy, RuntimeType,
    TaskLaunchParams, TaskManagerError, UnsandboxedPolicy, WorkDeliveryMode,
};

/// Checks that every option of the task is supported, and that the policy allows its runtime.
///
/// # Errors
/// [`ErrorKind::NotImplemented`] with the fields that are not supported, or
/// [`ErrorKind::Forbidden`] for a runtime that is not allowed.
pub fn check_supported(
    params: &TaskLaunchParams,
    policy: RuntimePolicy,
) -> Result<(), TaskManagerError> {
    let unsupported = unsupported(params, policy.devcontainers);
    if !unsupported.is_empty() {
        return Err(Problem::not_implemented(unsupported).into());
    }
    let runtime = params.request().runtime.runtime_type;
    if runtime == RuntimeType::Disabled && policy.unsandboxed == UnsandboxedPolicy::Refuse {
        return Err(TaskManagerError::new(
            ErrorKind::Forbidden,
            "`runtime.type` is `disabled`, but this access point runs agents in its sandbox only; \
             use `local`, or set `sandbox.allow-disabled` of the access point",
        ));
    }
    Ok(())
}

fn unsupported(params: &TaskLaunchParams, devcontainers: DevcontainerPolicy) -> FieldErrors {
    let request = params.request();
    let mut fields = FieldErrors::default();
    if request.repo.mode == RepoMode::Upload {
        fields.add(
            "repo.mode",
            "is `upload`, which is not supported yet; use `git` or `none`",
        );
    }
    let runtime = &request.runtime;
    match runtime.runtime_type {
        RuntimeType::Devcontainer if devcontainers == DevcontainerPolicy::Refuse => fields.add(
            "runtime.type",
            "is `devcontainer`, which is not supported yet; use `local`, or set \
             `sessions.devcontainer` of the access point to `local`",
        ),
        _ => {}
    }
    if runtime.devcontainer_path.is_some() && runtime.runtime_type != RuntimeType::Devcontainer {
        fields.add(
            "runtime.devcontainerPath",
            "is not supported yet for this type of runtime; omit it",
        );
    }
    if runtime
        .resources
        .is_some_and(|limits| limits.cpu.or(limits.memory_mib).is_some())
    {
        fields.add(
            "runtime.resources",
            "is not supported yet: sessions have no limits of their own; omit it",
        );
    }
    if let Some(delivery) = &request.delivery {
        match delivery.mode {
            WorkDeliveryMode::Branch if delivery.target_branch.is_some() => fields.add(
                "delivery.targetBranch",
                "is not supported yet; without it, the work is on the session's own branch",
            ),
            WorkDeliveryMode::Branch => {}
            mode => fields.add(
                "delivery.mode",
                format!(
                    "is `{mode}`, which is not supported yet; use `branch`, or the session's diff"
                ),
            ),
        }
    }
    if !request.webhooks.is_empty() {
        fields.add(
            "webhooks",
            "is not supported yet; stream `/api/v1/events` instead",
        );
    }
    fields
}

/// Returns the remarks on the options of which an alternative is used, for the session's log.
pub(super) fn remarks(params: &TaskLaunchParams) -> Vec<String> {
    let request = params.request();
    let mut remarks = Vec::new();
    if request.runtime.runtime_type == RuntimeType::Devcontainer {
        remarks.push(
            "The runtime `devcontainer` is not supported yet, so the agent runs on the host."
                .to_owned(),
        );
    }
    remarks
}

//! Options of a task that an access point may not support: see
//! [`TaskLaunchParams`](crate::TaskLaunchParams).

use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use super::rules::{check_argument, check_branch};
use crate::object::objects;
use crate::word::words;
use crate::{ExecutorId, number};

/// The treatment of tasks that request the runtime `devcontainer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevcontainerPolicy {
    /// The task is refused.
    #[default]
    Refuse,
    /// The task runs in the runtime `local`, and its log has a warning.
    Local,
}

/// The treatment of tasks that request the runtime `disabled`, which has no sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnsandboxedPolicy {
    /// The task is refused.
    #[default]
    Refuse,
    /// The task runs with the permissions of the executor's user.
    Allow,
}

/// The treatment of tasks by the runtime that they request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuntimePolicy {
    /// Tasks with the runtime `devcontainer`.
    pub devcontainers: DevcontainerPolicy,
    /// Tasks with the runtime `disabled`.
    pub unsandboxed: UnsandboxedPolicy,
}

/// The computing resources of a runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct RuntimeResources {
    /// The number of processors.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number::whole_or_none"
    )]
    #[validate(range(min = 1, max = 4096, message = "must be from 1 to 4096"))]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 4096))]
    pub cpu: Option<u32>,
    /// The memory in MiB.
    #[serde(
        default,
        rename = "memoryMiB",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number::whole_or_none"
    )]
    #[validate(range(min = 1, max = 16_777_216, message = "must be from 1 to 16777216"))]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 16_777_216))]
    pub memory_mib: Option<u32>,
}

/// The requested workspace of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceConfig {
    /// The providers, the preferred one first, such as `overlay` or `worktree`. Those that the host
    /// does not have are skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[validate(
        length(max = 16, message = "must have at most 16 entries"),
        custom(function = "check_providers")
    )]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::providers))]
    pub snapshot_preference: Vec<String>,
    /// The executor to run on; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_host_id: Option<ExecutorId>,
}

/// The form in which the work of a session is delivered.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum WorkDeliveryMode {
    /// A pull request.
    Pr,
    /// A branch. Without a target, it is the branch of the session.
    Branch,
    /// A patch.
    Patch,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The delivery of the work of a session at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkDelivery {
    /// The form.
    pub mode: WorkDeliveryMode,
    /// The branch to deliver to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_branch"))]
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 244,
            pattern = r"^(?!@$|[-/.]|.*(?:\.\.|@\{|//|/\.|\.lock/|\.lock$|[./]$))[^\u0000- ~^:?*\[\\\u007f-\u009f]+$"
        )
    )]
    pub target_branch: Option<String>,
}

/// A call to make when an event occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookRequest {
    /// The event, such as `session.completed`.
    #[validate(
        length(min = 1, max = 64, message = "must have 1 to 64 characters"),
        custom(function = "check_argument")
    )]
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 64,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
        )
    )]
    pub event: String,
    /// The URL to call.
    #[validate(
        length(min = 1, max = 2048, message = "must have 1 to 2048 characters"),
        custom(function = "check_argument")
    )]
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 2048,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
        )
    )]
    pub url: String,
}

fn check_providers(providers: &[String]) -> Result<(), ValidationError> {
    let is_word = |name: &String| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=32).contains(&name.len()) && name.chars().all(is_allowed)
    };
    if providers.iter().all(is_word) {
        return Ok(());
    }
    let message = "must be names of 1 to 32 letters, digits and dashes";
    Err(ValidationError::new("rule").with_message(message.into()))
}

objects!(
    RuntimeResources,
    WorkspaceConfig,
    WorkDelivery,
    WebhookRequest
);
words!(input WorkDeliveryMode);

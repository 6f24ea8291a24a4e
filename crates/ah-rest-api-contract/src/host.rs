//! The hosts of sessions, their runtimes, and the projects of sessions.

use serde::{Deserialize, Serialize};

use crate::word::words;
use crate::{ExecutorId, RuntimeType, SandboxProfile, Timestamp, WorkspaceProvider, word};

/// A runtime that tasks can request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Runtime {
    /// The kind of runtime.
    #[serde(rename = "type", deserialize_with = "word::open")]
    pub runtime_type: RuntimeType,
    /// The sandbox profiles of the runtime; `disabled` means without a sandbox.
    #[serde(default)]
    pub sandbox_profiles: Vec<String>,
}

impl Runtime {
    /// Creates the runtime `local` with these sandbox profiles.
    #[must_use]
    pub fn local(profiles: impl IntoIterator<Item = SandboxProfile>) -> Self {
        let names = profiles.into_iter().map(|it| it.to_string());
        Self {
            runtime_type: RuntimeType::Local,
            sandbox_profiles: names.collect(),
        }
    }
}

/// The state of health of an executor.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ExecutorHealth {
    /// It runs sessions.
    Healthy,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A host that runs sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExecutorInfo {
    /// The id of the executor.
    pub id: ExecutorId,
    /// Its operating system, such as `linux`.
    pub os: String,
    /// The architecture of its processors, such as `x86_64`.
    pub arch: String,
    /// The methods by which it creates the workspaces of repositories.
    pub snapshot_capabilities: Vec<WorkspaceProvider>,
    /// Its state of health.
    pub health: ExecutorHealth,
}

impl ExecutorInfo {
    /// Describes this host, which creates workspaces as git worktrees.
    #[must_use]
    pub fn this_host() -> Self {
        Self {
            id: ExecutorId::local(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            snapshot_capabilities: vec![WorkspaceProvider::Worktree],
            health: ExecutorHealth::Healthy,
        }
    }
}

/// A project, which exists as long as it has sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Project {
    /// The id of the project, as tasks name it.
    pub id: String,
    /// The name to display; the id, since projects have no other name.
    pub display_name: String,
    /// The time of the last launch of a task.
    pub last_used_at: Timestamp,
}

impl Project {
    /// Creates a project with its id as the name.
    #[must_use]
    pub fn new(id: impl Into<String>, last_used_at: Timestamp) -> Self {
        let id = id.into();
        Self {
            display_name: id.clone(),
            id,
            last_used_at,
        }
    }
}

words!(open ExecutorHealth);

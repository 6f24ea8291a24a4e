//! Health and version of a server (contract §0.8).

use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::word::words;

/// The health status of a server as a whole.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum HealthStatus {
    /// The server is up. In a deep check, all checks passed.
    Ok,
    /// The server accepts requests.
    Ready,
    /// At least one dependency is not healthy.
    Degraded,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The response of `/health` and `/ready`. A server that is not ready responds with a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Health {
    /// `ok` for `/health`, `ready` for `/ready`.
    pub status: HealthStatus,
    /// The time of the response, by the server's clock.
    pub timestamp: Timestamp,
}

impl Health {
    /// Creates the response of a server with this status.
    #[must_use]
    pub const fn new(status: HealthStatus, timestamp: Timestamp) -> Self {
        Self { status, timestamp }
    }
}

/// The status of one dependency of a server.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum CheckStatus {
    /// The dependency works.
    Ok,
    /// The dependency does not work.
    Failed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A check of one dependency of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HealthCheck {
    /// The status of the dependency.
    pub status: CheckStatus,
    /// The result of the check, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The duration of the check in milliseconds.
    pub duration_ms: u64,
}

impl HealthCheck {
    /// Creates the result of a check, without a detail.
    #[must_use]
    pub const fn new(status: CheckStatus, duration_ms: u64) -> Self {
        Self {
            status,
            detail: None,
            duration_ms,
        }
    }
}

/// The response of `/health/deep`: the status of each dependency of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct DeepHealth {
    /// `ok` if all checks passed, otherwise `degraded`.
    pub status: HealthStatus,
    /// The time of the checks, by the server's clock.
    pub timestamp: Timestamp,
    /// The checks by dependency, such as `store`.
    pub checks: BTreeMap<String, HealthCheck>,
}

impl DeepHealth {
    /// Combines the results of these checks.
    #[must_use]
    pub fn of(checks: BTreeMap<String, HealthCheck>, timestamp: Timestamp) -> Self {
        let all_well = checks.values().all(|check| check.status == CheckStatus::Ok);
        Self {
            status: if all_well {
                HealthStatus::Ok
            } else {
                HealthStatus::Degraded
            },
            timestamp,
            checks,
        }
    }
}

/// A named check of a dependency of an access point.
pub struct HealthProbe<'a> {
    /// The name of the dependency, such as `store`.
    pub name: &'static str,
    /// The check. It has no side effects. It yields a description of the state or of the failure.
    pub run: BoxFuture<'a, Result<String, String>>,
}

impl HealthProbe<'_> {
    /// Runs these checks, one after another.
    pub async fn run_all(probes: Vec<Self>) -> BTreeMap<String, HealthCheck> {
        let mut checks = BTreeMap::new();
        for Self { name, run } in probes {
            let started = Instant::now();
            let (status, detail) = match run.await {
                Ok(detail) => (CheckStatus::Ok, detail),
                Err(detail) => (CheckStatus::Failed, detail),
            };
            let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let mut check = HealthCheck::new(status, took);
            check.detail = Some(detail);
            checks.insert(name.to_owned(), check);
        }
        checks
    }
}

/// The version of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Version {
    /// The version number, such as `0.1.0`.
    pub version: String,
    /// The commit from which the server was built; absent if the build did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The time of the build; absent if the build did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_date: Option<Timestamp>,
}

impl Version {
    /// Creates the version of a build that recorded nothing else.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            commit: None,
            build_date: None,
        }
    }
}

words!(open HealthStatus, CheckStatus);

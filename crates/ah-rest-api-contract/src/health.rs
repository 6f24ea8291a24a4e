//! How a server is, and which it is (contract §0.8).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::word::words;

/// What a server says of itself as a whole.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum HealthStatus {
    /// It is alive; of a deep check, all is well.
    Ok,
    /// It takes requests.
    Ready,
    /// Something that it depends on is not well.
    Degraded,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The answer of `/health` and `/ready`. A server that is not ready answers with a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok` of `/health`, `ready` of `/ready`.
    pub status: HealthStatus,
    /// When it was said, by the server's clock.
    pub timestamp: Timestamp,
}

/// How one thing is that a server depends on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum CheckStatus {
    /// It works.
    Ok,
    /// It does not.
    Failed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// One check of what a server depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// How it is.
    pub status: CheckStatus,
    /// What was seen, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How long looking took, in milliseconds.
    pub duration_ms: u64,
}

/// The answer of `/health/deep`: how all is that the server depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeepHealth {
    /// `ok` when every check is, else `degraded`.
    pub status: HealthStatus,
    /// When it was looked at, by the server's clock.
    pub timestamp: Timestamp,
    /// The checks by what they look at, such as `store`.
    pub checks: BTreeMap<String, HealthCheck>,
}

impl DeepHealth {
    /// What these checks come to.
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

/// Which version a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The version, as in `0.1.0`.
    pub version: String,
    /// The commit it was built from; absent when the build did not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// When it was built; absent when the build did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_date: Option<Timestamp>,
}

words!(open HealthStatus, CheckStatus);

//! The sandbox of a session.

use serde::{Deserialize, Serialize};

use crate::word::{self, words};

/// A sandbox profile: the reach of the agents of a session.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum SandboxProfile {
    /// The agent writes its workspace, its home and its temporary folder only. It reads programs,
    /// toolchains and package caches, but neither other sessions nor secrets.
    #[default]
    Default,
    /// The agent has the permissions of the executor's user.
    Disabled,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The isolation of a session from its host, as its executor enforces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionIsolation {
    /// The profile of the session.
    #[serde(deserialize_with = "word::open")]
    pub profile: SandboxProfile,
    /// The protections of the profile that are enforced, such as `files`.
    #[serde(default)]
    pub enforced: Vec<String>,
    /// The protections of the profile that this host cannot enforce.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingIsolation>,
}

/// A protection that a host cannot enforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MissingIsolation {
    /// The protection, such as `files`.
    pub protection: String,
    /// The reason, such as `the kernel has no access rules (Landlock)`.
    pub reason: String,
}

impl SessionIsolation {
    /// Creates the isolation of a profile of which nothing is enforced yet.
    #[must_use]
    pub const fn new(profile: SandboxProfile) -> Self {
        Self {
            profile,
            enforced: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Adds protections that are enforced.
    #[must_use]
    pub fn with_enforced(mut self, protections: impl IntoIterator<Item = String>) -> Self {
        self.enforced.extend(protections);
        self
    }

    /// Adds a protection that is not enforced, with the reason.
    #[must_use]
    pub fn with_missing(mut self, protection: String, reason: String) -> Self {
        self.missing.push(MissingIsolation { protection, reason });
        self
    }

    /// Returns the protections in words, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let enforced = match &*self.enforced {
            [] => "nothing".to_owned(),
            protections => protections.join(", "),
        };
        let missing: Vec<String> = self
            .missing
            .iter()
            .map(|it| format!("{} ({})", it.protection, it.reason))
            .collect();
        match &*missing {
            [] => format!("enforced: {enforced}"),
            missing => format!("enforced: {enforced}; not enforced: {}", missing.join(", ")),
        }
    }
}

words!(open SandboxProfile);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_what_is_missing() {
        let isolation = SessionIsolation::new(SandboxProfile::Default)
            .with_enforced(["files".to_owned(), "signals".to_owned()]);
        assert_eq!(isolation.in_words(), "enforced: files, signals");
        let isolation = isolation.with_missing("mounts".to_owned(), "no namespaces".to_owned());
        assert_eq!(
            isolation.in_words(),
            "enforced: files, signals; not enforced: mounts (no namespaces)"
        );
    }
}

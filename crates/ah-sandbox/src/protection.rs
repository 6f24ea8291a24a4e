//! The protections of a sandbox.

use serde::{Deserialize, Serialize};

/// A promise about the reach of a sandboxed process and its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Files outside of the permitted places are neither written nor read (Landlock).
    Files,
    /// Processes outside of the sandbox are neither signalled, traced nor reached through abstract
    /// sockets (Landlock, from ABI 6).
    Signals,
    /// The permissions of outside files stay, and other places and their sockets are out of sight (a
    /// mount namespace).
    Mounts,
    /// Processes outside of the sandbox are invisible (a mount of `/proc` that hides them).
    Processes,
    /// System calls that administer the host fail (seccomp and dropped capabilities).
    SystemCalls,
}

impl Protection {
    /// Every protection.
    pub const ALL: [Self; 5] = [
        Self::Files,
        Self::Signals,
        Self::Mounts,
        Self::Processes,
        Self::SystemCalls,
    ];

    /// Returns the name on the wire and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Signals => "signals",
            Self::Mounts => "mounts",
            Self::Processes => "processes",
            Self::SystemCalls => "system_calls",
        }
    }

    /// Returns the protection of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// A protection that a host cannot keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingProtection {
    /// The protection.
    pub protection: Protection,
    /// The reason, as a clause such as `the kernel has no Landlock`.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire() {
        for protection in Protection::ALL {
            let wire = serde_json::to_value(protection).unwrap();
            assert_eq!(wire, protection.as_str());
            assert_eq!(Protection::named(protection.as_str()), Some(protection));
        }
        assert_eq!(Protection::named("everything"), None);
    }
}

//! Keys that clients come with.

use std::fmt;

use ah_rest_api_contract::Timestamp;

/// What somebody may do. A later role may do whatever an earlier one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look at everything, and change nothing.
    Viewer,
    /// Launch tasks and steer sessions.
    Operator,
    /// Everything, keys included.
    Admin,
}

impl Role {
    /// Every role, from the one that may least.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role behind a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A key as it is kept: all but the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Names it; a part of the key's text.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The SHA-256 of the whole key's text, in hexadecimal.
    pub hash: String,
    /// What whoever holds it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is good for nothing; absent while it is good.
    pub revoked_at: Option<Timestamp>,
}

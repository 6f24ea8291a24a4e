//! Keys that clients come with.

use ah_rest_api_contract::{Role, Timestamp};

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

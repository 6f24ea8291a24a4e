//! The API keys of clients.

use ah_rest_api_contract::{Role, Timestamp};
use async_trait::async_trait;

use crate::StoreError;

/// An API key as it is stored: everything but the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The id, a part of the key's text.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The SHA-256 of the key's text, in hexadecimal.
    pub hash: String,
    /// The role of its holder.
    pub role: Role,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of revocation; absent while the key is valid.
    pub revoked_at: Option<Timestamp>,
}

/// The API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Creates or replaces a key.
    async fn save_api_key(&self, key: ApiKey) -> Result<(), StoreError>;

    /// Returns every key, revoked ones included, oldest first.
    async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Returns the key `id`, revoked or not.
    async fn api_key(&self, id: &str) -> Result<ApiKey, StoreError>;
}

//! API keys: the creation of the first one, and the check of any.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ah_rest_api_contract::{Role, Timestamp};
use ah_store::{ApiKey, Keys, StoreError};

use super::file::{self, FileError};
use super::{KeyText, Principal};

/// The time for which a key is cached. A revocation takes effect within it.
const REMEMBERED: Duration = Duration::from_secs(2);
/// The maximum number of cached keys.
const REMEMBERED_MAX: usize = 1024;

/// The reason that there is no key for this host's user.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The keys could not be read or written.
    #[error("the store of keys cannot be used")]
    Store(#[from] StoreError),
    /// The file with the key could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system has no randomness for a key.
    #[error("the system has no randomness for a key")]
    Randomness(#[source] getrandom::Error),
}

/// Returns the key of this host's user. An absent, unknown or revoked key in the state folder is
/// replaced by a new one with the role of an administrator.
pub(crate) async fn local_key(
    store: &dyn Keys,
    home: &Path,
    now: Timestamp,
) -> Result<KeyText, KeyError> {
    if let Some(kept) = file::read_key(home)?
        && let Some(known) = find(store, kept.id()).await?
        && is_good(&known, &kept)
    {
        return Ok(kept);
    }
    let key = KeyText::generate().map_err(KeyError::Randomness)?;
    store
        .save_api_key(ApiKey {
            id: key.id().to_owned(),
            name: "admin".to_owned(),
            hash: key.hash(),
            role: Role::Admin,
            created_at: now,
            revoked_at: None,
        })
        .await?;
    file::keep_key(home, &key)?;
    Ok(key)
}

fn is_good(known: &ApiKey, key: &KeyText) -> bool {
    known.revoked_at.is_none() && key.is_of(&known.hash)
}

async fn find(store: &dyn Keys, id: &str) -> Result<Option<ApiKey>, StoreError> {
    match store.api_key(id).await {
        Ok(known) => Ok(Some(known)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A cached key.
#[derive(Clone)]
struct Remembered {
    since: Instant,
    known: Arc<Known>,
}

/// A stored key, and the principal of its holder.
struct Known {
    key: ApiKey,
    principal: Principal,
}

impl From<ApiKey> for Known {
    fn from(key: ApiKey) -> Self {
        Self {
            principal: Principal {
                id: key.id.as_str().into(),
                name: key.name.as_str().into(),
                role: key.role,
            },
            key,
        }
    }
}

/// Checks keys against the store.
pub(crate) struct KeyChecker {
    store: Arc<dyn Keys>,
    /// The cached keys. The lock protects only the map and is not held across waits.
    remembered: Mutex<HashMap<String, Remembered>>,
}

impl KeyChecker {
    pub(crate) fn new(store: Arc<dyn Keys>) -> Self {
        Self {
            store,
            remembered: Mutex::default(),
        }
    }

    /// Returns the principal of a key, if the key is valid.
    pub(crate) async fn check(&self, key: &KeyText) -> Result<Option<Principal>, StoreError> {
        let known = match self.remembered(key.id()) {
            Some(known) => known,
            None => match find(self.store.as_ref(), key.id()).await? {
                Some(known) => self.remember(known.into()),
                None => return Ok(None),
            },
        };
        Ok(is_good(&known.key, key).then(|| known.principal.clone()))
    }

    fn remembered(&self, id: &str) -> Option<Arc<Known>> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = remembered.get(id)?;
        (found.since.elapsed() < REMEMBERED).then(|| found.known.clone())
    }

    fn remember(&self, known: Known) -> Arc<Known> {
        let known = Arc::new(known);
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, found| found.since.elapsed() < REMEMBERED);
        }
        if remembered.len() < REMEMBERED_MAX {
            let found = Remembered {
                since: Instant::now(),
                known: known.clone(),
            };
            remembered.insert(known.key.id.clone(), found);
        }
        known
    }
}

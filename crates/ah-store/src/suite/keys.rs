//! Cases of [`Keys`](crate::Keys).

use ah_rest_api_contract::Role;

use super::{StoreHarness, sample};
use crate::{ApiKey, StoreError};

fn key(id: &str, role: Role, created_at: i64) -> ApiKey {
    ApiKey {
        id: id.to_owned(),
        name: format!("the \"{id}\" of someone"),
        hash: "0123456789abcdef".repeat(4),
        role,
        created_at: sample::at(created_at),
        revoked_at: None,
    }
}

/// A key is stored as saved last, listed by age, and never deleted.
pub async fn keys_are_stored_and_revoked(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    assert_eq!(store.api_keys().await.unwrap(), []);
    let mut keys: Vec<ApiKey> = Role::ALL
        .into_iter()
        .enumerate()
        // The order of the ids is not that of their ages.
        .map(|(index, role)| key(["c", "a", "b"][index], role, index as i64))
        .collect();
    for key in keys.iter().rev() {
        store.save_api_key(key.clone()).await.unwrap();
    }
    assert_eq!(store.api_keys().await.unwrap(), keys);

    keys[1].revoked_at = Some(sample::at(9));
    keys[1].name = String::new();
    store.save_api_key(keys[1].clone()).await.unwrap();
    store.close().await;
    let store = harness.open().await;
    assert_eq!(store.api_keys().await.unwrap(), keys);
    for key in keys {
        assert_eq!(store.api_key(&key.id).await.unwrap(), key);
    }
}

/// An unknown key is not found; the error has its id.
pub async fn missing_key_is_not_found(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let there = key("a", Role::Viewer, 1);
    store.save_api_key(there).await.unwrap();
    for id in ["", "A", "a ", "%", "a\u{0}"] {
        match store.api_key(id).await {
            Err(StoreError::NotFound { what, id: named }) => {
                assert_eq!((what, named.as_str()), ("key", id));
            }
            other => panic!("a key that is not there came to {other:?}"),
        }
    }
}

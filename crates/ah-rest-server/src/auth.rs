//! Authentication: keys, the gate that checks them, and the names of the server.

mod file;
mod gate;
mod key;
mod keys;
mod metrics;
mod origin;

use std::fmt;
use std::sync::Arc;

use ah_rest_api_contract::Role;

pub use file::FileError;
pub use file::read_published;
pub(crate) use file::{publish, withdraw};
pub(crate) use gate::{API_KEY_HEADER, Gate};
pub(crate) use key::KeyText;
pub use keys::KeyError;
pub(crate) use keys::{KeyChecker, local_key};
pub(crate) use metrics::MetricsAccess;
pub(crate) use origin::Names;

/// The authenticated origin of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The id of its key.
    pub(crate) id: Arc<str>,
    /// Its name: the author of its prompts and answers.
    pub(crate) name: Arc<str>,
    /// Its role.
    pub(crate) role: Role,
}

impl Principal {
    /// Returns the principal of all requests to a server that needs no key.
    pub(crate) fn anybody() -> Self {
        Self {
            id: "anybody".into(),
            name: "user".into(),
            role: Role::Admin,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

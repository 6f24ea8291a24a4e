//! Who is asking: keys, and the gate that requests pass.

mod file;
mod gate;
mod key;
mod keys;
mod origin;

use std::fmt;

use ah_rest_api_contract::Role;

pub use file::FileError;
pub use file::read_published;
pub(crate) use file::{publish, withdraw};
pub(crate) use gate::authenticate;
pub(crate) use key::KeyText;
pub use keys::KeyError;
pub(crate) use keys::{Keys, local_key};
pub(crate) use origin::{Names, check_names};

/// Whoever a request comes from, once that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The id of its key.
    pub(crate) id: String,
    /// What it is called: the author of what it asks for.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
}

impl Principal {
    /// Whoever asks a server that needs no key.
    pub(crate) fn anybody() -> Self {
        Self {
            id: "anybody".to_owned(),
            name: "user".to_owned(),
            role: Role::Admin,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

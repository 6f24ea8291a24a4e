//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

use ah_agents::InvalidAgent;

/// A layer of the configuration, as it is named to whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The file at this path.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// A flag.
    Flag,
    /// All layers together.
    Together,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::Flag => f.write_str("a flag"),
            Self::Together => f.write_str("the configuration"),
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not TOML")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A key that nobody knows.
    #[error("{layer} sets `{key}`, which is not a key of the configuration; {hint}")]
    UnknownKey {
        /// Which layer.
        layer: Layer,
        /// The dotted key.
        key: String,
        /// The keys there are at that place, in words.
        hint: String,
    },
    /// A value that the key cannot have.
    #[error("{layer} sets `{key}` to a value that {message}")]
    Value {
        /// Which layer.
        layer: Layer,
        /// The dotted key.
        key: String,
        /// What is wrong with it, as the end of a sentence: `must be from 1 to 10`.
        message: String,
    },
    /// An agent that cannot be one.
    #[error("{layer} has an agent that cannot be one: {invalid}")]
    Agent {
        /// Which layer.
        layer: Layer,
        /// Which agent, and what is wrong with it.
        invalid: InvalidAgent,
    },
    /// Access without a key on an address that others can reach.
    #[error(
        "`auth.insecure-no-auth` serves whoever asks, and `server.bind` is {bind}, which others \
         can reach; bind to 127.0.0.1, or leave authentication on"
    )]
    OpenToOthers {
        /// The address.
        bind: std::net::IpAddr,
    },
}

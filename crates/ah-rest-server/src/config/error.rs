//! Errors of a configuration.

use std::fmt;
use std::path::PathBuf;

use ah_agents::InvalidAgent;

use crate::trust::TrustError;

/// A layer of the configuration, as shown to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The file at this path.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// The command-line option of this name, without its dashes.
    Flag(String),
    /// The default values.
    Default,
    /// All layers together.
    Together,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::Flag(name) => write!(f, "the option --{name}"),
            Self::Default => f.write_str("the default configuration"),
            Self::Together => f.write_str("the configuration"),
        }
    }
}

impl ConfigError {
    /// Returns the error of a file for its final path, after a check under a temporary one.
    pub(super) fn of_file(mut self, final_path: &std::path::Path) -> Self {
        match &mut self {
            Self::Unreadable { path, .. }
            | Self::Syntax { path, .. }
            | Self::Unwritable { path, .. } => {
                final_path.clone_into(path);
            }
            Self::UnknownKey { layer, .. }
            | Self::Value { layer, .. }
            | Self::Agent { layer, .. } => {
                if let Layer::File(path) = layer {
                    final_path.clone_into(path);
                }
            }
            Self::Untrusted(_) | Self::OpenToOthers { .. } => {}
        }
        self
    }
}

/// The reason that a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Another user owns the file or can write to it.
    #[error("the configuration file is not used")]
    Untrusted(#[source] TrustError),
    /// The file is not TOML.
    #[error("the configuration file {path} is not valid TOML")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The place and the cause.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// An unknown key.
    #[error("{layer} sets `{key}`, which is not a configuration key; {hint}")]
    UnknownKey {
        /// The layer.
        layer: Layer,
        /// The dotted key.
        key: String,
        /// The known keys at that place, as text.
        hint: String,
    },
    /// An invalid value of a key.
    #[error("{layer} sets `{key}` to a value that {message}")]
    Value {
        /// The layer.
        layer: Layer,
        /// The dotted key.
        key: String,
        /// The fault, as the end of a sentence: `must be from 1 to 10`.
        message: String,
    },
    /// The file cannot be written.
    #[error("the configuration file {path} cannot be written")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// An invalid agent.
    #[error("{layer} has an invalid agent: {invalid}")]
    Agent {
        /// The layer.
        layer: Layer,
        /// The agent and its fault.
        invalid: InvalidAgent,
    },
    /// Access without a key on an address that other hosts can reach.
    #[error(
        "`auth.insecure-no-auth` serves every client without a key, and `server.bind` is {bind}, \
         which other hosts can reach; bind to 127.0.0.1, or enable authentication"
    )]
    OpenToOthers {
        /// The address.
        bind: std::net::IpAddr,
    },
}

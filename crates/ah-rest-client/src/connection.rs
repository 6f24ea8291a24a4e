//! The server of a client, which may move to another address.

use std::fs;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{AccessPointFile, ApiKeyText};
use url::Url;

use crate::builder::RestClientBuilder;
use crate::client::RestClient;
use crate::credential::Credential;
use crate::local::LocalError;
use crate::retry::{Cause, Failure};

/// A server, with the HTTP clients of its connections.
pub(crate) struct Connection {
    /// The HTTP client for requests with a response. Over HTTP/2 they share a connection.
    pub(crate) answers: reqwest::Client,
    /// The HTTP client for event streams. Each has its own connection, so that a slow reader does
    /// not block others.
    pub(crate) streams: reqwest::Client,
    /// Without a trailing slash.
    pub(crate) base_url: Url,
    pub(crate) credential: Option<Credential>,
}

impl Connection {
    /// Returns the URL of a path from the server's root.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// Returns true if both are connections to the same address with the same credential.
    fn is_same(&self, other: &Self) -> bool {
        let header = |it: &Self| it.credential.as_ref().map(Credential::header);
        self.base_url == other.base_url && header(self) == header(other)
    }
}

/// The file of a local server, which names its present address and key.
#[derive(Clone, Debug)]
pub(crate) struct AddressFile {
    path: PathBuf,
}

impl AddressFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Adds the address and the key in the file to `builder`.
    pub(crate) fn read(&self, builder: RestClientBuilder) -> Result<RestClientBuilder, LocalError> {
        let found = read(&self.path)?;
        let key = found.api_key.as_ref().map(ApiKeyText::expose);
        Ok(builder.address(found.url.as_str(), key))
    }
}

fn read(file: &Path) -> Result<AccessPointFile, LocalError> {
    let text = fs::read(file).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => LocalError::NotRunning { file: file.into() },
        _ => LocalError::Unreadable {
            file: file.into(),
            source,
        },
    })?;
    serde_json::from_slice(&text).map_err(|source| LocalError::Malformed {
        file: file.into(),
        source,
    })
}

impl RestClient {
    /// Follows the server to the address in its file, after a failure of a request over `failed`.
    /// Returns true if requests use another connection than `failed` now.
    pub(crate) fn follow(&self, failed: &Connection, failure: &Failure) -> bool {
        let may_have_moved = match failure.cause {
            Cause::NotConnected | Cause::Broken => true,
            // A server that was set up anew has another key, or another server has the port.
            Cause::Final => failure.error.problem().status == 401,
            Cause::Busy | Cause::Fault => false,
        };
        let Some(builder) = self.builder_to_follow().filter(|_| may_have_moved) else {
            return false;
        };
        // A small local file, so that the blocking read takes no notable time.
        let found = builder
            .read_address()
            .and_then(|builder| Ok(builder.connect()?));
        match found {
            Ok(found) if !found.is_same(failed) => {
                tracing::debug!(server = found.base_url.as_str(), "the server has moved");
                self.set_connection(found);
                true
            }
            Ok(_) => false,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "the server's address cannot be read");
                false
            }
        }
    }
}

//! The server of a client, which may move to another address.

use url::Url;

use crate::credential::Credential;

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

/// Returns a connection to the present address of a server, if it is known.
pub(crate) type FindServer = Box<dyn Fn() -> Option<Connection> + Send + Sync>;

impl Connection {
    /// Returns the URL of a path from the server's root.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// Returns true if both are connections to the same address with the same credential.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let header = |it: &Self| it.credential.as_ref().map(Credential::header);
        self.base_url == other.base_url && header(self) == header(other)
    }
}

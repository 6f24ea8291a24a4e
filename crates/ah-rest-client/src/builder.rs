//! Configuration of a client.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use ah_rest_api_contract::operations::ALL;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use tokio::sync::watch;
use url::{Host, Url};

use crate::client::{RestClient, Shared};
use crate::connection::{Connection, FindServer};
use crate::credential::Credential;
use crate::retry::RetryPolicy;
use crate::timeouts::Timeouts;
#[cfg(feature = "tls")]
use crate::tls::{self, InvalidAuthority, Trust};

/// The protocols offered in the TLS handshake (ALPN, RFC 7301), by their registered names.
const ANSWER_PROTOCOLS: &[&[u8]] = if cfg!(feature = "http2") {
    &[b"h2", b"http/1.1"]
} else {
    STREAM_PROTOCOLS
};
/// The protocol of event streams. Each has its own connection, as HTTP/1.1 has it.
const STREAM_PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

/// The interval of pings on an HTTP/2 connection with active requests.
#[cfg(feature = "http2")]
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The time limit for the response to a ping.
#[cfg(feature = "http2")]
const PING_TIMEOUT: Duration = Duration::from_secs(10);

const TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");
const USER_AGENT: &str = concat!("ah-rest-client/", env!("CARGO_PKG_VERSION"));

/// An invalid configuration of a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClient {
    /// The base URL cannot be parsed.
    #[error("`{url}` is not a URL such as http://127.0.0.1:3001")]
    Url {
        /// The given text.
        url: String,
        /// The parse error.
        #[source]
        source: url::ParseError,
    },
    /// The base URL is neither `http://` nor `https://`.
    #[error("the URL of an access point must start with http:// or https://, not {scheme}://")]
    Scheme {
        /// The given scheme.
        scheme: String,
    },
    /// The base URL is `https://`, and this program was built without the feature `tls`.
    #[cfg(not(feature = "tls"))]
    #[error("https:// needs the feature `tls` of ah-rest-client, which this program lacks")]
    WithoutTls,
    /// The base URL has a user, a password, a query or a fragment. The error does not contain it,
    /// because it may include a secret.
    #[error(
        "the URL of an access point must not have a user, query or fragment; set the key separately"
    )]
    Excess,
    /// The key or token is empty, or contains characters that are invalid in a header.
    #[error("the key is empty or contains characters that are invalid in an HTTP header")]
    Key,
    /// The tenant is empty, or contains characters that are invalid in a header.
    #[error("the tenant is empty or contains characters that are invalid in an HTTP header")]
    Tenant,
    /// A timeout is for an unknown operation.
    #[error("unknown operation `{operation_id}` for a timeout")]
    Operation {
        /// The given operation id.
        operation_id: String,
    },
    /// The given certificate authorities are invalid.
    #[cfg(feature = "tls")]
    #[error("invalid certificate authorities")]
    Authority(#[from] InvalidAuthority),
    /// TLS cannot be configured, for example because the system has no certificate authorities.
    #[cfg(feature = "tls")]
    #[error("failed to configure TLS")]
    Tls(#[source] rustls::Error),
    /// The user agent contains characters that are invalid in a header, or the HTTP library rejects
    /// the configuration.
    #[error("failed to configure the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// The limits of the connection pool.
#[derive(Clone, Debug)]
struct Pool {
    idle_max: usize,
    idle_timeout: Duration,
}

/// The trusted certificate authorities.
#[cfg(feature = "tls")]
#[derive(Clone)]
enum Proof {
    /// Those of the operating system.
    System,
    /// These authorities only, in PEM.
    Authorities(Vec<u8>),
    /// Every certificate is accepted.
    None,
}

/// Builds a [`RestClient`]. Everything but the URL has a default.
#[derive(Clone)]
pub struct RestClientBuilder {
    base_url: String,
    credential: Option<(&'static str, String)>,
    tenant: Option<String>,
    #[cfg(feature = "tls")]
    proof: Proof,
    user_agent: String,
    pool: Pool,
    timeouts: Timeouts,
    operation_timeouts: Vec<(String, Duration)>,
    retry: RetryPolicy,
}

impl fmt::Debug for RestClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL is also omitted until it is known to contain no password.
        f.debug_struct("RestClientBuilder")
            .field(
                "credential",
                &self.credential.as_ref().map(|(scheme, _)| scheme),
            )
            .field("tenant", &self.tenant)
            .field("user_agent", &self.user_agent)
            .field("pool", &self.pool)
            .field("timeouts", &self.timeouts)
            .field("operation_timeouts", &self.operation_timeouts)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl RestClient {
    /// Creates a builder for a client of the access point at `base_url`, such as
    /// `http://127.0.0.1:3001`.
    #[must_use]
    pub fn builder(base_url: &str) -> RestClientBuilder {
        RestClientBuilder::new(base_url)
    }
}

impl RestClientBuilder {
    fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            credential: None,
            tenant: None,
            #[cfg(feature = "tls")]
            proof: Proof::System,
            user_agent: USER_AGENT.to_owned(),
            pool: Pool {
                idle_max: 8,
                idle_timeout: Duration::from_secs(60),
            },
            timeouts: Timeouts::default(),
            operation_timeouts: Vec::new(),
            retry: RetryPolicy::default(),
        }
    }

    /// Authenticates with an API key of the access point.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.credential = Some(("ApiKey", key.into()));
        self
    }

    /// Authenticates with a token of an identity provider.
    #[must_use]
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.credential = Some(("Bearer", token.into()));
        self
    }

    /// Acts for this tenant, which is sent in `X-Tenant-Id` with every request. By default, the
    /// access point derives the tenant from the credential.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Trusts only these certificate authorities (concatenated PEM) instead of those of the
    /// operating system. Use it for a server with a self-signed certificate.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn certificate_authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.proof = Proof::Authorities(pem.into());
        self
    }

    /// **Dangerous.** Accepts every certificate, including expired ones. An attacker on the network
    /// can then read the key and all traffic, and forge responses. Use it only for tests on an
    /// isolated network. For a self-signed certificate, use
    /// [`RestClientBuilder::certificate_authorities`] instead. The last call of the two takes
    /// effect.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn danger_accept_invalid_certificates(mut self) -> Self {
        self.proof = Proof::None;
        self
    }

    /// Sets the `User-Agent` header. Default: `ah-rest-client/` and its version.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Sets the maximum number of idle connections per server. Default: 8. With 0, each request
    /// opens its own connection. The number of active connections is not limited.
    #[must_use]
    pub const fn pool_idle_max(mut self, connections: usize) -> Self {
        self.pool.idle_max = connections;
        self
    }

    /// Sets the time that idle connections are kept. Default: 60 s.
    #[must_use]
    pub const fn pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.pool.idle_timeout = timeout;
        self
    }

    /// Sets the time limit for opening a connection. Default: 5 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self
    }

    /// Sets the time limit of an attempt, from its start to the last byte of the response, or to
    /// the first byte of a stream. Default: 30 s. Operations that respond only once they are done,
    /// such as cancelling a session, are limited by [`RetryPolicy::deadline`] alone.
    #[must_use]
    pub const fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.answer = timeout;
        self
    }

    /// Sets the time limit of a single operation, given by its id in
    /// [`ah_rest_api_contract::operations::ALL`], which is also the name of the method. It may be
    /// longer or shorter than the general limit, and [`RetryPolicy::deadline`] applies as well.
    #[must_use]
    pub fn operation_timeout(mut self, operation_id: impl Into<String>, timeout: Duration) -> Self {
        self.operation_timeouts.push((operation_id.into(), timeout));
        self
    }

    /// Sets the maximum silence on an event stream before its connection is replaced. Default: 45
    /// s, three times the keep-alive interval of the access point.
    #[must_use]
    pub const fn silence_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.silence = timeout;
        self
    }

    /// Sets the retry policy.
    #[must_use]
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Creates the client, without connecting.
    ///
    /// # Errors
    /// The URL, a header value, the certificate authorities or the operation of a timeout is
    /// invalid.
    pub fn build(self) -> Result<RestClient, InvalidClient> {
        self.build_following(None)
    }

    /// Creates the client of a server that may move, whose present address `find_server` returns.
    pub(crate) fn build_following(
        self,
        find_server: Option<FindServer>,
    ) -> Result<RestClient, InvalidClient> {
        let connection = self.connect()?;
        let mut timeouts = self.timeouts;
        for (operation_id, timeout) in self.operation_timeouts {
            let operation = ALL.iter().find(|operation| operation.id == operation_id);
            let operation = operation.ok_or(InvalidClient::Operation { operation_id })?;
            timeouts.operations.insert(operation.id, timeout);
        }
        Ok(RestClient::from_shared(Arc::new(Shared {
            connection: RwLock::new(Arc::new(connection)),
            timeouts,
            retry: self.retry,
            reachability: watch::Sender::default(),
            find_server,
        })))
    }

    /// Creates the HTTP clients, without connecting.
    pub(crate) fn connect(&self) -> Result<Connection, InvalidClient> {
        let base_url = base_url(&self.base_url)?;
        let credential = self.credential.clone();
        let credential = credential
            .map(|(scheme, secret)| Credential::new(scheme, secret))
            .transpose()
            .map_err(|_| InvalidClient::Key)?;
        let connections = Connections {
            headers: headers(credential.as_ref(), self.tenant.as_deref())?,
            user_agent: &self.user_agent,
            pool: &self.pool,
            connect_timeout: self.timeouts.connect,
            is_direct: is_loopback(&base_url),
            #[cfg(feature = "tls")]
            trust: self.trust(&base_url)?,
        };
        Ok(Connection {
            answers: connections.client(ANSWER_PROTOCOLS)?,
            streams: connections.client(STREAM_PROTOCOLS)?,
            base_url,
            credential,
        })
    }

    /// Returns the certificates to accept from the server at `base_url`.
    #[cfg(feature = "tls")]
    fn trust(&self, base_url: &Url) -> Result<Trust, InvalidClient> {
        Ok(match &self.proof {
            Proof::Authorities(pem) => Trust::Authorities(tls::authorities(pem)?),
            _ if base_url.scheme() == "http" => Trust::Unsecured,
            Proof::System => Trust::System,
            Proof::None => {
                tracing::warn!(
                    server = base_url.as_str(),
                    "certificates are not verified, so any server is accepted as the access point"
                );
                Trust::AcceptAll
            }
        })
    }
}

/// Returns the headers of every request.
fn headers(
    credential: Option<&Credential>,
    tenant: Option<&str>,
) -> Result<HeaderMap, InvalidClient> {
    let mut headers = HeaderMap::new();
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, application/problem+json"),
    );
    if let Some(credential) = credential {
        headers.insert(AUTHORIZATION, credential.header());
    }
    if let Some(tenant) = tenant {
        let tenant = HeaderValue::try_from(tenant)
            .ok()
            .filter(|value| !value.is_empty());
        headers.insert(TENANT_ID, tenant.ok_or(InvalidClient::Tenant)?);
    }
    Ok(headers)
}

/// The connection settings other than TLS.
struct Connections<'a> {
    headers: HeaderMap,
    user_agent: &'a str,
    pool: &'a Pool,
    connect_timeout: Duration,
    /// True if proxies of the environment are bypassed: a proxy would connect to its own loopback,
    /// and would receive the key.
    is_direct: bool,
    #[cfg(feature = "tls")]
    trust: Trust,
}

impl Connections<'_> {
    /// Creates a client that offers `protocols` to a server with TLS.
    fn client(&self, protocols: &[&[u8]]) -> Result<reqwest::Client, InvalidClient> {
        let client = reqwest::Client::builder()
            .user_agent(self.user_agent)
            .default_headers(self.headers.clone())
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(self.pool.idle_max)
            .pool_idle_timeout(self.pool.idle_timeout)
            // The key must not be sent to any other server.
            .redirect(redirect::Policy::none())
            .referer(false);
        // Detects a dead shared connection once, instead of after the timeout of each request.
        #[cfg(feature = "http2")]
        let client = client
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT);
        #[cfg(feature = "tls")]
        let client = {
            let tls = tls::config(self.trust.clone(), protocols).map_err(InvalidClient::Tls)?;
            client.tls_backend_preconfigured(tls)
        };
        #[cfg(not(feature = "tls"))]
        let _ = protocols;
        let client = if self.is_direct {
            client.no_proxy()
        } else {
            client
        };
        client.build().map_err(InvalidClient::Http)
    }
}

fn base_url(text: &str) -> Result<Url, InvalidClient> {
    let mut url = Url::parse(text).map_err(|source| InvalidClient::Url {
        // An unparsable text may contain anything, including a password.
        url: text.split('@').next_back().unwrap_or_default().to_owned(),
        source,
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(InvalidClient::Scheme {
            scheme: url.scheme().to_owned(),
        });
    }
    let excess = !url.username().is_empty() || url.password().is_some();
    if excess || url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidClient::Excess);
    }
    #[cfg(not(feature = "tls"))]
    if url.scheme() == "https" {
        return Err(InvalidClient::WithoutTls);
    }
    // API paths start with a slash.
    let prefix = url.path().trim_end_matches('/').to_owned();
    url.set_path(&prefix);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;

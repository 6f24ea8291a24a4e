//! What a client is made from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::operations::ALL;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use url::{Host, Url};

use crate::client::{RestClient, Shared};
use crate::credential::Credential;
use crate::retry::RetryPolicy;
use crate::timeouts::Timeouts;
use crate::tls::{self, InvalidAuthority, Trust};

/// The protocols that are offered in the TLS handshake (ALPN, RFC 7301), by their registered names.
const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// How often an HTTP/2 connection with a request under way is asked whether it is alive.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long the answer to that may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

const TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");
const USER_AGENT: &str = concat!("ah-rest-client/", env!("CARGO_PKG_VERSION"));

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InvalidClient {
    /// The base URL is none.
    #[error("`{url}` is not a URL such as http://127.0.0.1:3001")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// The base URL does not begin with `http://` or `https://`.
    #[error("the URL of an access point begins with http:// or https://, not {scheme}://")]
    Scheme {
        /// What it begins with.
        scheme: String,
    },
    /// The base URL has a user, a password, a query or a fragment. It is not shown, for what it
    /// has may be a secret.
    #[error("the URL of an access point has no user, query or fragment; a key is given by itself")]
    Excess,
    /// The key or token is empty, or has characters that no header carries.
    #[error("the key is empty, or has characters that no HTTP header carries")]
    Key,
    /// The tenant is empty, or has characters that no header carries.
    #[error("the tenant is empty, or has characters that no HTTP header carries")]
    Tenant,
    /// A timeout is for an operation that the API does not have.
    #[error("the API has no operation `{operation_id}` that a timeout could be for")]
    Operation {
        /// What was given for an operation id.
        operation_id: String,
    },
    /// What was given for certificate authorities has none.
    #[error("the certificate authorities cannot be read")]
    Authority(#[from] InvalidAuthority),
    /// Connections cannot be secured, as where the system has no certificate authorities at all.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The user agent has characters that no header carries, or something else that the HTTP
    /// library does not take.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

/// How many connections are kept for later, and for how long.
#[derive(Clone, Debug)]
struct Pool {
    idle_max: usize,
    idle_timeout: Duration,
}

/// Who is taken for the server.
#[derive(Clone)]
enum Proof {
    /// Whom the operating system's certificate authorities name.
    System,
    /// Whom these authorities name, PEM.
    Authorities(Vec<u8>),
    /// Whoever answers.
    None,
}

/// Builds a [`RestClient`]. Everything but the URL has a default.
#[derive(Clone)]
pub struct RestClientBuilder {
    base_url: String,
    credential: Option<(&'static str, String)>,
    tenant: Option<String>,
    proof: Proof,
    user_agent: String,
    pool: Pool,
    timeouts: Timeouts,
    operation_timeouts: Vec<(String, Duration)>,
    retry: RetryPolicy,
}

impl fmt::Debug for RestClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL is left out as well until it is known to have no password in it.
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

impl RestClientBuilder {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            credential: None,
            tenant: None,
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

    /// Proves itself with an API key, as the access point hands them out.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.credential = Some(("ApiKey", key.into()));
        self
    }

    /// Proves itself with a token of an identity provider.
    #[must_use]
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.credential = Some(("Bearer", token.into()));
        self
    }

    /// Acts for this tenant, which goes in `X-Tenant-Id` with every request. Without it the access
    /// point takes the tenant from the credential.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Takes a server for the one asked for when one of these certificate authorities (PEM, one
    /// after the other) says so, and no longer when those of the operating system do. It is what
    /// a server with a certificate of its own making is reached with.
    #[must_use]
    pub fn certificate_authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.proof = Proof::Authorities(pem.into());
        self
    }

    /// **Dangerous.** Takes whoever answers for the server, with any certificate or an old one: who
    /// stands in between reads the key and everything else, and answers as they like. For a test
    /// on a network that nobody else is on. With a certificate of the server's own making, give
    /// that to [`RestClientBuilder::certificate_authorities`] instead; of the two, the one that is
    /// called last counts.
    #[must_use]
    pub fn danger_accept_invalid_certificates(mut self) -> Self {
        self.proof = Proof::None;
        self
    }

    /// What the client calls itself. `ah-rest-client/` and its version.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// How many idle connections to a server are kept for the next request. 8; with 0, each request
    /// makes its own. How many are in use at once has no limit.
    #[must_use]
    pub const fn pool_idle_max(mut self, connections: usize) -> Self {
        self.pool.idle_max = connections;
        self
    }

    /// How long an idle connection is kept for the next request. 60 s.
    #[must_use]
    pub const fn pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.pool.idle_timeout = timeout;
        self
    }

    /// How long a connection may take to be made. 5 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self
    }

    /// How long one attempt may take from its sending to the last byte of its answer, or to the
    /// first of a stream's. 30 s. What the access point answers only once it is done, such as
    /// cancelling a session, is bounded by [`RetryPolicy::deadline`] alone.
    #[must_use]
    pub const fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.answer = timeout;
        self
    }

    /// The same for one operation alone, by its id in [`ah_rest_api_contract::operations::ALL`], which
    /// is also the name of the method. It may be longer or shorter than that of the others;
    /// [`RetryPolicy::deadline`] bounds it too.
    #[must_use]
    pub fn operation_timeout(mut self, operation_id: impl Into<String>, timeout: Duration) -> Self {
        self.operation_timeouts.push((operation_id.into(), timeout));
        self
    }

    /// How long an event stream may be silent until its connection is taken for dead and made
    /// anew. 45 s: three times the interval at which the access point shows that it is there.
    #[must_use]
    pub const fn silence_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.silence = timeout;
        self
    }

    /// How requests are tried again.
    #[must_use]
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL is not one of an access point, a header cannot carry what it is given, the
    /// certificate authorities are none, or there is no operation that a timeout is for.
    pub fn build(self) -> Result<RestClient, InvalidClient> {
        let base_url = base_url(&self.base_url)?;
        let credential = self
            .credential
            .map(|(scheme, secret)| Credential::new(scheme, secret))
            .transpose()
            .map_err(|_| InvalidClient::Key)?;
        let trust = match self.proof {
            Proof::Authorities(pem) => Trust::Authorities(tls::authorities(&pem)?),
            _ if base_url.scheme() == "http" => Trust::Nobody,
            Proof::System => Trust::System,
            Proof::None => {
                tracing::warn!(
                    server = base_url.as_str(),
                    "whoever answers is taken for the access point: certificates are not judged"
                );
                Trust::Anybody
            }
        };
        let connections = Connections {
            headers: headers(credential.as_ref(), self.tenant.as_deref())?,
            user_agent: self.user_agent,
            pool: self.pool,
            connect_timeout: self.timeouts.connect,
            is_direct: is_loopback(&base_url),
        };
        let answers = tls::config(trust.clone(), &[HTTP_2, HTTP_1]).map_err(InvalidClient::Tls)?;
        let streams = tls::config(trust, &[HTTP_1]).map_err(InvalidClient::Tls)?;
        let mut timeouts = self.timeouts;
        for (operation_id, timeout) in self.operation_timeouts {
            let operation = ALL.iter().find(|operation| operation.id == operation_id);
            let operation = operation.ok_or(InvalidClient::Operation { operation_id })?;
            timeouts.operations.insert(operation.id, timeout);
        }
        Ok(RestClient::from_shared(Arc::new(Shared {
            answers: connections.client(answers)?,
            streams: connections.client(streams)?,
            base_url,
            credential,
            timeouts,
            retry: self.retry,
        })))
    }
}

/// What goes with every request.
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

/// How connections are made, but for how they are secured.
struct Connections {
    headers: HeaderMap,
    user_agent: String,
    pool: Pool,
    connect_timeout: Duration,
    /// Whether no proxy of the environment is asked: it would reach its own loopback, not ours, and
    /// would get the key.
    is_direct: bool,
}

impl Connections {
    fn client(&self, tls: rustls::ClientConfig) -> Result<reqwest::Client, InvalidClient> {
        let mut client = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .default_headers(self.headers.clone())
            .tls_backend_preconfigured(tls)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(self.pool.idle_max)
            .pool_idle_timeout(self.pool.idle_timeout)
            // A connection that all requests share is given up when it is dead, and not when each
            // of them has timed out.
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            // The key goes to the server it was given for and to no other.
            .redirect(redirect::Policy::none())
            .referer(false);
        if self.is_direct {
            client = client.no_proxy();
        }
        client.build().map_err(InvalidClient::Http)
    }
}

fn base_url(text: &str) -> Result<Url, InvalidClient> {
    let mut url = Url::parse(text).map_err(|source| InvalidClient::Url {
        // A text that has no form may have anything in it, a password too.
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
    // Paths of the API begin with a slash.
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

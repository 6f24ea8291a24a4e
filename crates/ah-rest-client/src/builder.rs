//! What a client is made from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect;
use url::{Host, Url};

use crate::client::{RestClient, Shared};
use crate::credential::Credential;
use crate::retry::RetryPolicy;
use crate::tls::{self, InvalidAuthority, Trust};

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
    /// The key has characters that no header carries.
    #[error("the key has characters that no HTTP header carries")]
    Key,
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

/// How long a client waits for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) answer: Duration,
    pub(crate) silence: Duration,
}

/// Builds a [`RestClient`]. Everything but the URL has a default.
#[derive(Clone)]
pub struct RestClientBuilder {
    base_url: String,
    credential: Option<(&'static str, String)>,
    authorities: Option<Vec<u8>>,
    user_agent: String,
    timeouts: Timeouts,
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
            .field("user_agent", &self.user_agent)
            .field("timeouts", &self.timeouts)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl RestClientBuilder {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            credential: None,
            authorities: None,
            user_agent: USER_AGENT.to_owned(),
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                answer: Duration::from_secs(30),
                silence: Duration::from_secs(45),
            },
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

    /// Takes a server for the one asked for when one of these certificate authorities (PEM, one
    /// after the other) says so, and no longer when those of the operating system do. It is what
    /// a server with a certificate of its own making is reached with.
    #[must_use]
    pub fn certificate_authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// What the client calls itself. `ah-rest-client/` and its version.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
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
    /// When the URL is not one of an access point, or a header cannot carry what it is given.
    pub fn build(self) -> Result<RestClient, InvalidClient> {
        let base_url = base_url(&self.base_url)?;
        let credential = self
            .credential
            .map(|(scheme, secret)| Credential::new(scheme, &secret))
            .transpose()
            .map_err(|_| InvalidClient::Key)?;
        let authorities = self
            .authorities
            .as_deref()
            .map(tls::authorities)
            .transpose()?;
        let trust = match authorities {
            _ if base_url.scheme() == "http" => Trust::Nobody,
            Some(authorities) => Trust::Authorities(authorities),
            None => Trust::System,
        };
        let mut headers = HeaderMap::new();
        if let Some(credential) = &credential {
            headers.insert(AUTHORIZATION, credential.header());
        }
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, application/problem+json"),
        );
        let mut http = reqwest::Client::builder()
            .user_agent(self.user_agent)
            .default_headers(headers)
            .tls_backend_preconfigured(tls::config(trust).map_err(InvalidClient::Tls)?)
            .connect_timeout(self.timeouts.connect)
            // The key goes to the server it was given for and to no other.
            .redirect(redirect::Policy::none())
            .referer(false);
        if is_loopback(&base_url) {
            // A proxy of the environment reaches its own loopback, not ours, and would get the key.
            http = http.no_proxy();
        }
        Ok(RestClient::from_shared(Arc::new(Shared {
            http: http.build().map_err(InvalidClient::Http)?,
            base_url,
            credential,
            timeouts: self.timeouts,
            retry: self.retry,
        })))
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
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_url_of_an_access_point() {
        for (url, says) in [
            ("127.0.0.1:3001", "not a URL"),
            ("ftp://host", "not ftp://"),
            ("host:3001", "not host://"),
            ("https://me@host", "no user"),
            ("http://me:secret@host", "no user"),
            ("http://host/?key=secret", "no user, query"),
            ("http://host/#there", "fragment"),
            ("", "not a URL"),
        ] {
            let error = RestClient::builder(url).build().unwrap_err();
            let text = error.to_string();
            assert!(text.contains(says), "{url}: {text}");
            assert!(!text.contains("secret"), "{text}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn refuses_a_key_that_no_header_carries_without_showing_it() {
        let error = RestClient::builder("http://127.0.0.1:1")
            .api_key("sec\nret")
            .build()
            .unwrap_err();
        assert!(matches!(error, InvalidClient::Key));
        assert!(!format!("{error:?} {error}").contains("ret\""));
    }

    #[test]
    fn refuses_authorities_that_are_none() {
        for (pem, says) in [
            ("", "no certificate"),
            ("just words", "no certificate"),
            ("-----BEGIN CERTIFICATE-----\n", "not PEM"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "cannot be read",
            ),
        ] {
            let error = RestClient::builder("https://host")
                .certificate_authorities(pem)
                .build()
                .unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains(says), "{pem}: {cause}");
        }
    }

    #[test]
    fn never_shows_its_key() {
        let builder = RestClient::builder("http://127.0.0.1:1").api_key("topsecret");
        let shown = format!("{builder:?}");
        assert!(
            shown.contains("ApiKey") && !shown.contains("topsecret"),
            "{shown}"
        );
        let shown = format!("{:?}", builder.build().unwrap());
        assert!(shown.contains("ApiKey (redacted)"), "{shown}");
        assert!(!shown.contains("topsecret"), "{shown}");
    }

    #[test]
    fn keeps_the_prefix_of_a_server_behind_a_path() {
        let client = RestClient::builder("http://host/harbor/").build().unwrap();
        assert_eq!(
            client.url("/api/v1/tasks").as_str(),
            "http://host/harbor/api/v1/tasks"
        );
        let client = RestClient::builder("http://host").build().unwrap();
        assert_eq!(client.url("/health").as_str(), "http://host/health");
    }

    #[test]
    fn tells_loopback() {
        for (url, loopback) in [
            ("http://localhost:1", true),
            ("http://127.3.2.1", true),
            ("http://[::1]:80", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.org", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}

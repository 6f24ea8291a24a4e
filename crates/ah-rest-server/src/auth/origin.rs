//! The accepted names: hosts of the server in `Host`, and web pages in `Origin`.
//!
//! A web page of a third party can resolve its own name to this host (DNS rebinding) and then call
//! the server as same-origin. It cannot control the `Host` header of the browser.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ah_rest_api_contract::ErrorKind;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};

use crate::config::Config;
use crate::problem::ApiError;

/// The accepted names.
#[cfg_attr(test, derive(Default))]
pub(crate) struct Names {
    hosts: BTreeSet<String>,
    origins: BTreeSet<String>,
}

impl Names {
    pub(crate) fn of(config: &Config) -> Self {
        let mut hosts: BTreeSet<String> =
            ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        hosts.extend(
            config
                .server
                .allowed_hosts
                .iter()
                .map(|host| host.to_lowercase()),
        );
        let bind: IpAddr = config.server.bind;
        if !bind.is_unspecified() {
            hosts.insert(bind.to_string());
        }
        Self {
            hosts,
            origins: config.server.allowed_origins.clone(),
        }
    }

    /// Returns true if the server accepts this host name.
    fn admits_host(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        has_only_host_and_port(authority)
            && if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
                self.hosts.contains(&host.to_ascii_lowercase())
            } else {
                self.hosts.contains(host)
            }
    }

    /// Returns true if pages of this origin may call the server under the name `host`.
    fn admits_origin(&self, origin: &str, host: &Authority) -> bool {
        let own = [format!("http://{host}"), format!("https://{host}")];
        self.origins.contains(origin) || own.iter().any(|own| own == origin)
    }

    /// Returns the configured origins.
    pub(crate) const fn origins(&self) -> &BTreeSet<String> {
        &self.origins
    }

    /// Checks that a request has an accepted `Host` and `Origin`.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = authority(uri, headers).ok_or_else(|| {
            ApiError::new(
                ErrorKind::BadRequest,
                "the request has no `Host`, or more than one",
            )
        })?;
        if !self.admits_host(&host) {
            return Err(ApiError::with_status(
                ErrorKind::Forbidden,
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "host `{}` is not in `server.allowed-hosts`; use a name from that list, or \
                     add this one to the server's configuration",
                    host.host()
                ),
            ));
        }
        for origin in headers.get_all(ORIGIN) {
            let admitted = origin
                .to_str()
                .is_ok_and(|origin| self.admits_origin(origin, &host));
            if !admitted {
                return Err(ApiError::new(
                    ErrorKind::Forbidden,
                    "the origin of this page is not in `server.allowed-origins`; add it to the \
                     server's configuration to allow it",
                ));
            }
        }
        Ok(())
    }
}

fn has_only_host_and_port(authority: &Authority) -> bool {
    let rest = authority.as_str().strip_prefix(authority.host());
    match authority.port() {
        None => rest == Some(""),
        Some(port) => rest.and_then(|rest| rest.strip_prefix(':')) == Some(port.as_str()),
    }
}

/// Returns the only host of a request: of its target (HTTP/2, or an absolute URL), else of `Host`.
fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut named = headers.get_all(HOST).iter();
    let header = match named.next() {
        None => None,
        Some(host) => Some(Authority::try_from(host.as_bytes()).ok()?),
    };
    if named.next().is_some() {
        return None;
    }
    match (uri.authority(), header) {
        (Some(target), Some(header)) if *target != header => None,
        (Some(target), _) => Some(target.clone()),
        (None, header) => header,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Sources;

    fn names() -> Names {
        let environment = [
            ("AH_SERVER_ALLOWED_HOSTS", "harbor.example"),
            ("AH_SERVER_ALLOWED_ORIGINS", "https://pages.example"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Names::of(
            &Config::load(&Sources {
                home: Path::new("/nowhere"),
                file: None,
                environment: &environment,
                flags: &[],
            })
            .unwrap(),
        )
    }

    fn status(headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        match names().check(&Uri::from_static("/health"), &map) {
            Ok(()) => 200,
            Err(error) => error.problem().status,
        }
    }

    #[test]
    fn only_configured_host_names_are_accepted() {
        for good in [
            "localhost",
            "localhost:3001",
            "LOCALHOST:1",
            "127.0.0.1:3001",
            "[::1]:3001",
            "harbor.example",
            "Harbor.Example:443",
        ] {
            assert_eq!(status(&[("host", good)]), 200, "{good}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "10.0.0.1",
            "user@localhost",
        ] {
            assert_eq!(status(&[("host", foreign)]), 421, "{foreign}");
        }
        assert_eq!(status(&[]), 400);
        assert_eq!(
            status(&[("host", "localhost"), ("host", "evil.example")]),
            400
        );
        assert_eq!(status(&[("host", "a b")]), 400);
    }

    #[test]
    fn only_configured_origins_are_accepted() {
        let from = |origin| status(&[("host", "localhost:3001"), ("origin", origin)]);
        assert_eq!(from("http://localhost:3001"), 200);
        assert_eq!(from("https://pages.example"), 200);
        for foreign in [
            "http://localhost:3000",
            "https://evil.example",
            "null",
            "https://pages.example.evil.example",
            "http://pages.example",
            "",
        ] {
            assert_eq!(from(foreign), 403, "{foreign}");
        }
    }
}

//! The clients that may read the metrics without a key.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::header::{FORWARDED, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The rule for `/metrics`: clients on this host need no key, others do.
pub(crate) struct MetricsAccess {
    /// True if no client needs a key (`auth.public-metrics`).
    pub(crate) is_public: bool,
}

impl MetricsAccess {
    /// Returns true if a request for the metrics needs a key. A proxy on this host names its client,
    /// which may be anywhere.
    pub(crate) fn needs_key(&self, request: &Request) -> bool {
        if self.is_public {
            return false;
        }
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let is_local = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
        let is_forwarded = [FORWARDED, X_FORWARDED_FOR]
            .iter()
            .any(|name| request.headers().contains_key(name));
        !is_local || is_forwarded
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(peer: &str, headers: &[(HeaderName, &str)]) -> Request {
        let mut request = Request::new(Body::empty());
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(name.clone(), value.parse().unwrap());
        }
        request
    }

    #[test]
    fn only_clients_of_this_host_need_no_key() {
        let rule = MetricsAccess { is_public: false };
        for peer in [
            "127.0.0.1:1",
            "127.8.9.1:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(!rule.needs_key(&request(peer, &[])), "{peer}");
        }
        for peer in ["192.0.2.7:1", "[2001:db8::1]:1", "[::ffff:192.0.2.7]:1"] {
            assert!(rule.needs_key(&request(peer, &[])), "{peer}");
        }
        let forwarded = [(X_FORWARDED_FOR, "127.0.0.1")];
        assert!(rule.needs_key(&request("127.0.0.1:1", &forwarded)));
        let forwarded = [(FORWARDED, "for=192.0.2.7")];
        assert!(rule.needs_key(&request("127.0.0.1:1", &forwarded)));
        assert!(rule.needs_key(&Request::new(Body::empty())));
    }

    #[test]
    fn public_metrics_need_no_key() {
        let rule = MetricsAccess { is_public: true };
        assert!(!rule.needs_key(&request("192.0.2.7:1", &[])));
    }
}

//! TLS servers with their own certificate authority.

use std::sync::Arc;

use ah_rest_api_contract::{ErrorKind, EventFilter, EventSeq, SessionStatus, TaskManager as _};
use futures::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::samples::{builder, frames, session, session_id};
use crate::wire::{Reply, Wire, answer};

/// A certificate for `localhost` and its key.
pub(crate) struct Identity {
    /// The certificate of its authority, in PEM.
    authority: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// Creates a certificate from an unknown authority.
    pub(crate) fn of_localhost() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        Self {
            authority: authority.pem(),
            certificate: CertificateDer::from(certificate),
            key,
        }
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns a TLS acceptor for these protocols.
    pub(crate) fn acceptor(&self, protocols: &[&str]) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.clone()],
                PrivateKeyDer::Pkcs8(self.key.serialize_der().into()),
            )
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| (*name).into()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A TLS server.
struct Secured {
    url: String,
    identity: Identity,
    _wire: Wire,
    _front: JoinSet<()>,
}

/// Puts TLS in front of a server.
async fn secured(wire: Wire) -> Secured {
    let identity = Identity::of_localhost();
    let acceptor = identity.acceptor(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let behind = wire.address;
    let mut front = JoinSet::new();
    front.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((outside, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                // A client that rejects the certificate closes the connection.
                let Ok(mut outside) = acceptor.accept(outside).await else {
                    return;
                };
                let mut inside = TcpStream::connect(behind).await.unwrap();
                copy_bidirectional(&mut outside, &mut inside).await.ok();
            });
        }
    });
    Secured {
        url,
        identity,
        _wire: wire,
        _front: front,
    }
}

async fn server() -> Secured {
    let wire = Wire::start(|request, _| {
        Reply::close(if request.line().ends_with("/events/stream") {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            format!("{head}{}", frames(0, 3))
        } else {
            answer(
                "200 OK",
                "",
                &session(SessionStatus::Running, 1).to_string(),
            )
        })
    })
    .await;
    secured(wire).await
}

#[tokio::test]
async fn private_authority_is_accepted_if_trusted() {
    let server = server().await;
    let client = builder(&server.url)
        .certificate_authorities(server.identity.authority())
        .build()
        .unwrap();
    let session = client.get_session(session_id()).await.unwrap();
    assert_eq!(session.status, SessionStatus::Running);
    let events = client
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    assert_eq!(events.count().await, 3);
}

#[tokio::test]
async fn untrusted_certificate_is_rejected() {
    let (server, other) = (server().await, server().await);
    let client = builder(&server.url)
        .certificate_authorities(other.identity.authority())
        .build()
        .unwrap();
    let error = client.get_session(session_id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let text = error.to_string();
    assert!(
        text.contains("is not trusted: invalid peer certificate"),
        "{text}"
    );
}

#[tokio::test]
async fn untrusted_certificate_is_accepted_if_verification_is_off() {
    let server = server().await;
    // Neither its authority nor its name is valid.
    let url = server.url.replace("localhost", "127.0.0.1");
    let client = builder(&url)
        .danger_accept_invalid_certificates()
        .build()
        .unwrap();
    let session = client.get_session(session_id()).await.unwrap();
    assert_eq!(session.status, SessionStatus::Running);
    let events = client
        .task_events_stream(session_id(), EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    assert_eq!(events.count().await, 3);
}

//! The server behind a proxy with a self-made certificate, seen by the project's own client. The
//! server stops and restarts behind the proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use ah_rest_api_contract::{
    EventFilter, EventPayload, EventSeq, EventStream, SessionEvent, SessionStatus, StreamItem,
    TaskManager,
};
use ah_rest_client::RestClient;
use futures::StreamExt as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::world::{Backend, PATIENCE, World, on_each_backend};

/// A TLS proxy in front of the current server.
struct Proxy {
    url: String,
    /// The certificate of the authority that issued the proxy's certificate, PEM.
    authority: String,
    behind: watch::Sender<SocketAddr>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn before(address: SocketAddr) -> Self {
        let (acceptor, authority) = identity();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (behind, address) = watch::channel(address);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((outside, _)) = listener.accept().await {
                let (acceptor, address) = (acceptor.clone(), *address.borrow());
                connections.spawn(async move {
                    let mut outside = acceptor.accept(outside).await.unwrap();
                    // Without a server the connection of the client is closed.
                    if let Ok(mut inside) = TcpStream::connect(address).await {
                        copy_bidirectional(&mut outside, &mut inside).await.ok();
                    }
                });
            }
        });
        Self {
            url: format!("https://localhost:{port}"),
            authority,
            behind,
            _tasks: tasks,
        }
    }
}

/// Creates a TLS acceptor for `localhost`, and the certificate of its authority.
fn identity() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate)],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

/// Reads events up to and including the wanted one.
async fn until(
    events: &mut EventStream,
    seen: &mut Vec<SessionEvent>,
    wanted: impl Fn(&EventPayload) -> bool,
) {
    loop {
        let item = tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
        let StreamItem::Event(event) = item.unwrap().unwrap() else {
            panic!("nothing but events was asked for");
        };
        let is_wanted = wanted(&event.payload);
        seen.push(event);
        if is_wanted {
            return;
        }
    }
}

fn is_thought(text: &str) -> impl Fn(&EventPayload) -> bool {
    move |payload| matches!(payload, EventPayload::Thought(thought) if thought.thought == text)
}

async fn client_follows_a_session_through_tls_and_restarts(backend: Backend) {
    let world = World::new(backend);
    let mut server = world.server().await;
    let id = server.running().await;
    let proxy = Proxy::before(server.address).await;
    let manager = RestClient::builder(&proxy.url)
        .api_key(server.client.key.clone().unwrap())
        .certificate_authorities(proxy.authority.as_str())
        .build()
        .unwrap();
    let mut events = manager
        .task_events_stream(id, EventSeq::START, EventFilter::default())
        .await
        .unwrap();
    let mut seen = Vec::new();
    for round in 0..3 {
        let [before, away] = ["before", "while it is away"].map(|when| format!("{when} {round}"));
        world.agents.thought(id, &before);
        until(&mut events, &mut seen, is_thought(&before)).await;
        server.end().await.unwrap();
        world.agents.thought(id, &away);
        server = world.server().await;
        proxy.behind.send_replace(server.address);
        until(&mut events, &mut seen, is_thought(&away)).await;
    }
    manager
        .stop_session(id, Some("enough".to_owned()))
        .await
        .unwrap();
    let is_stopped = |payload: &EventPayload| matches!(payload, EventPayload::Status(change) if change.status == SessionStatus::Stopped);
    until(&mut events, &mut seen, is_stopped).await;
    assert!(events.next().await.is_none());

    let seqs: Vec<u64> = seen.iter().map(|event| event.seq.get()).collect();
    let expected: Vec<u64> = (1..=seqs.len() as u64).collect();
    assert_eq!(seqs, expected);
    let last = manager.get_session(id).await.unwrap().last_seq;
    assert_eq!(last.get(), seqs.len() as u64);
    server.end().await.unwrap();
}

on_each_backend!(client_follows_a_session_through_tls_and_restarts,);

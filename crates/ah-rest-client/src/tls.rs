//! Whom a client trusts to be the server it asked for.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Whose certificates prove that a server is the one asked for.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// Nobody's: there is nothing to prove, for connections are not secured.
    Nobody,
    /// Those of the authorities that the operating system trusts.
    System,
    /// Those of these authorities, and of no others.
    Authorities(RootCertStore),
    /// Anybody's: whoever answers is taken for the server.
    Anybody,
}

/// Why there is no certificate authority in a text.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthority {
    /// It is not PEM.
    #[error("it is not PEM")]
    Pem(#[source] pem::Error),
    /// It has no certificate.
    #[error("it has no certificate")]
    Empty,
    /// A certificate cannot be read.
    #[error("a certificate in it cannot be read")]
    Certificate(#[source] rustls::Error),
}

/// The authorities whose certificates stand in `pem`, one after the other.
pub(crate) fn authorities(pem: &[u8]) -> Result<RootCertStore, InvalidAuthority> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(InvalidAuthority::Pem)?;
        roots
            .add(certificate)
            .map_err(InvalidAuthority::Certificate)?;
    }
    if roots.is_empty() {
        return Err(InvalidAuthority::Empty);
    }
    Ok(roots)
}

/// How connections are secured, over which one of `protocols` is spoken, as the server chooses.
pub(crate) fn config(trust: Trust, protocols: &[&[u8]]) -> Result<ClientConfig, rustls::Error> {
    // Named here and not installed for the whole process, which is the program's to decide.
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let config = match trust {
        Trust::Nobody => config.with_root_certificates(RootCertStore::empty()),
        Trust::Authorities(roots) => config.with_root_certificates(roots),
        Trust::System => config.with_platform_verifier()?,
        Trust::Anybody => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAll(provider))),
    };
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// Takes every certificate. That the server has the key of the one it shows is still checked, for
/// otherwise there would not even be a connection to keep secret.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

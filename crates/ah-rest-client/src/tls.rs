//! Verification of the server's certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// The certificates that are accepted.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// None, because connections do not use TLS.
    Unsecured,
    /// Certificates of authorities that the operating system trusts.
    System,
    /// Certificates of these authorities only.
    Authorities(RootCertStore),
    /// Every certificate.
    AcceptAll,
}

/// Invalid certificate authorities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAuthority {
    /// The text is not PEM.
    #[error("not PEM")]
    Pem(#[source] pem::Error),
    /// The text contains no certificate.
    #[error("no certificate found")]
    Empty,
    /// A certificate cannot be parsed.
    #[error("failed to parse a certificate")]
    Certificate(#[source] rustls::Error),
}

/// Parses concatenated certificates in PEM.
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

/// Returns the TLS configuration, which offers `protocols` to the server.
pub(crate) fn config(trust: Trust, protocols: &[&[u8]]) -> Result<ClientConfig, rustls::Error> {
    // Set explicitly instead of process-wide, which is up to the program.
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let config = match trust {
        Trust::Unsecured => config.with_root_certificates(RootCertStore::empty()),
        Trust::Authorities(roots) => config.with_root_certificates(roots),
        Trust::System => config.with_platform_verifier()?,
        Trust::AcceptAll => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAll(provider))),
    };
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// Accepts every certificate. The signature of the handshake is still verified, since otherwise the
/// connection would not be encrypted for the peer.
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

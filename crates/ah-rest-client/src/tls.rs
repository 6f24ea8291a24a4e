//! Whom a client trusts to be the server it asked for.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
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

/// How connections are secured.
pub(crate) fn config(trust: Trust) -> Result<ClientConfig, rustls::Error> {
    // Named here and not installed for the whole process, which is the program's to decide.
    let provider = Arc::new(ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = match trust {
        Trust::Nobody => config.with_root_certificates(RootCertStore::empty()),
        Trust::Authorities(roots) => config.with_root_certificates(roots),
        Trust::System => config.with_platform_verifier()?,
    };
    Ok(config.with_no_client_auth())
}

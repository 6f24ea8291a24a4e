//! What a client proves itself with.

use std::fmt;

use reqwest::header::{HeaderValue, InvalidHeaderValue};

/// What stands in `Authorization`. It is never shown: neither `Debug` nor any error or log line
/// has it.
#[derive(Clone)]
pub(crate) struct Credential {
    scheme: &'static str,
    header: HeaderValue,
}

impl Credential {
    /// The credential `secret` of `scheme`.
    ///
    /// # Errors
    /// When the secret has characters that no header carries, such as the end of a line.
    pub(crate) fn new(scheme: &'static str, secret: &str) -> Result<Self, InvalidHeaderValue> {
        let mut header = HeaderValue::try_from(format!("{scheme} {secret}"))?;
        // The HTTP library then shows it as `Sensitive` too.
        header.set_sensitive(true);
        Ok(Self { scheme, header })
    }

    /// The header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (redacted)", self.scheme)
    }
}

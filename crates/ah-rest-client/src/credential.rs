//! What a client proves itself with.

use std::borrow::Cow;
use std::fmt;

use reqwest::header::HeaderValue;

/// A secret that no header carries. What is wrong with it is not said, for that would show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidCredential;

/// What stands in `Authorization`. It is never shown: neither `Debug` nor any error or log line
/// has it.
#[derive(Clone)]
pub(crate) struct Credential {
    scheme: &'static str,
    secret: String,
    header: HeaderValue,
}

impl Credential {
    /// The credential `secret` of `scheme`.
    ///
    /// # Errors
    /// When there is no secret, or it has characters that no header carries, such as the end of a
    /// line.
    pub(crate) fn new(scheme: &'static str, secret: String) -> Result<Self, InvalidCredential> {
        if secret.is_empty() {
            return Err(InvalidCredential);
        }
        let mut header =
            HeaderValue::try_from(format!("{scheme} {secret}")).map_err(|_| InvalidCredential)?;
        // The HTTP library then shows it as `Sensitive` too.
        header.set_sensitive(true);
        Ok(Self {
            scheme,
            secret,
            header,
        })
    }

    /// A text of the server's without the secret, which one that shows requests would repeat.
    pub(crate) fn redact<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if text.contains(&self.secret) {
            Cow::Owned(text.replace(&self.secret, "(redacted)"))
        } else {
            text
        }
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

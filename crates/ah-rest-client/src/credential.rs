//! The credential of a client.

use std::borrow::Cow;
use std::fmt;

use reqwest::header::HeaderValue;

/// A secret that is invalid in a header. The error does not describe the problem, because that
/// would reveal the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidCredential;

/// The content of `Authorization`. It never appears in `Debug`, errors or logs.
#[derive(Clone)]
pub(crate) struct Credential {
    scheme: &'static str,
    secret: String,
    header: HeaderValue,
}

impl Credential {
    /// Creates the credential `secret` for `scheme`.
    ///
    /// # Errors
    /// The secret is empty, or contains characters that are invalid in a header, such as a line
    /// break.
    pub(crate) fn new(scheme: &'static str, secret: String) -> Result<Self, InvalidCredential> {
        if secret.is_empty() {
            return Err(InvalidCredential);
        }
        let mut header =
            HeaderValue::try_from(format!("{scheme} {secret}")).map_err(|_| InvalidCredential)?;
        // The HTTP library then also prints it as `Sensitive`.
        header.set_sensitive(true);
        Ok(Self {
            scheme,
            secret,
            header,
        })
    }

    /// Removes the secret from a text of the server, which may echo a request.
    pub(crate) fn redact<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if text.contains(&self.secret) {
            Cow::Owned(text.replace(&self.secret, "(redacted)"))
        } else {
            text
        }
    }

    /// Returns the header value.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (redacted)", self.scheme)
    }
}

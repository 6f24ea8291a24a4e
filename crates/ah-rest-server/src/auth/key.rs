//! The text of a key, `ah_<id>_<secret>`, and its hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "ah";
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;
/// Unpadded base64 has four characters for three bytes, rounded up.
const SECRET_CHARS: usize = (SECRET_BYTES * 4).div_ceil(3);

/// A whole key. It grants access to its holder, so it is only shown when it is handed over.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyText(String);

impl KeyText {
    /// Generates a key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut id = [0; ID_BYTES];
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        let id = hex::encode(id);
        let secret = URL_SAFE_NO_PAD.encode(secret);
        Ok(Self(format!("{PREFIX}_{id}_{secret}")))
    }

    /// Parses a key. Returns `None` if the text is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '_');
        let prefix = parts.next()?;
        let id = parts.next()?;
        let secret = parts.next()?;
        let is_id = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_secret = secret.len() == SECRET_CHARS
            && secret
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (prefix == PREFIX && is_id && is_secret).then(|| Self(text.to_owned()))
    }

    /// Returns the id, the part that is no secret.
    pub(crate) fn id(&self) -> &str {
        // A parsed key has two underscores.
        self.0.split('_').nth(1).unwrap_or_default()
    }

    /// Returns the whole text, to hand it over.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the SHA-256 of the whole text in hexadecimal, the stored form of the key.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// Returns true if this is the key of `hash`. Takes constant time.
    pub(crate) fn is_of(&self, hash: &str) -> bool {
        self.hash().as_bytes().ct_eq(hash.as_bytes()).into()
    }
}

impl fmt::Debug for KeyText {
    /// Writes only the part that is no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}_{}_…", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_round_trips() {
        let key = KeyText::generate().unwrap();
        assert_eq!(KeyText::parse(key.reveal()).unwrap(), key);
        assert!(key.is_of(&key.hash()));
        let other = KeyText::generate().unwrap();
        assert_ne!(key.id(), other.id());
        assert!(!other.is_of(&key.hash()));
        assert!(!key.is_of(""));
    }

    #[test]
    fn malformed_keys_are_rejected() {
        let key = KeyText::generate().unwrap().reveal().to_owned();
        let cut = &key[..key.len() - 1];
        let longer = format!("{key}a");
        let foreign = key.replacen("ah_", "xx_", 1);
        let spaced = key.replacen('_', " ", 1);
        for text in ["", "ah", "ah__", cut, &longer, &foreign, &spaced] {
            assert!(KeyText::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_output_redacts_the_key() {
        let key = KeyText::generate().unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(key.id()));
        assert!(!shown.contains(&key.reveal()[16..]), "{shown}");
    }
}

//! Who may do what, and how a local client finds its server (contract §0.7, §1.1).

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::word::words;

/// What a credential allows.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Launches tasks and steers sessions as well.
    Operator,
    /// Administers the server as well.
    Admin,
}

impl Role {
    /// Whether it allows all that `other` does.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self >= other
    }
}

words!(closed Role);

/// An API key as its holder has it. It is a secret: `Debug` does not show it, and there is no
/// `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyText(String);

impl ApiKeyText {
    /// The key that reads `text`. Whether it opens anything is for a server to say.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the header or the file it goes into and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The file `access-point.json`, which a running access point keeps for the clients of its own
/// user and removes when it ends. It holds a secret: nobody but its owner may read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPointFile {
    /// Where the server listens. It is written without a slash at its end, so that a path can be
    /// put behind it as it is.
    #[serde(serialize_with = "without_last_slash")]
    pub url: Url,
    /// The key to come with; absent when the server asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyText>,
    /// The server's process, by which a file that was left behind is told.
    pub pid: u32,
    /// The server's version.
    pub version: String,
}
fn without_last_slash<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str().trim_end_matches('/'))
}

//! Roles, API keys, and the file by which local clients find a server (contract §0.7, §1.1).

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::word::words;

/// The role of a credential. Each role includes those before it.
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
#[non_exhaustive]
pub enum Role {
    /// Read access.
    Viewer,
    /// Launches tasks and steers sessions.
    Operator,
    /// Administers the server.
    Admin,
}

impl Role {
    /// Returns true if this role allows everything that `other` allows.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self >= other
    }
}

words!(closed Role);

/// The text of an API key. The text is a secret: `Debug` redacts it, and `Display` is not
/// implemented.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyText(String);

impl ApiKeyText {
    /// Creates a key from `text`. Only a server can tell if the key is valid.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the secret text, for use in a header or a key file only.
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

/// The file `access-point.json`, which a running access point keeps for the clients of its user.
/// The access point removes the file at shutdown. The file contains a secret and must be readable
/// by its owner only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPointFile {
    /// The URL of the server. It is written without a trailing slash, so that a path can be
    /// appended.
    #[serde(serialize_with = "without_last_slash")]
    pub url: Url,
    /// The API key; absent if the server requires none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyText>,
    /// The process id of the server, by which a client detects a stale file.
    pub pid: u32,
    /// The version of the server.
    pub version: String,
}

impl AccessPointFile {
    /// The name of the file, in the state folder of the access point.
    pub const NAME: &str = "access-point.json";
}

fn without_last_slash<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str().trim_end_matches('/'))
}

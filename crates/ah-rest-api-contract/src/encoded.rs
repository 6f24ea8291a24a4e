//! JSON that is encoded once and shared by its readers.

use std::sync::Arc;

use serde::Serialize;

/// The JSON of a value. Clones share its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedJson(Arc<[u8]>);

impl EncodedJson {
    /// Encodes `value`.
    ///
    /// # Errors
    /// If the value cannot be serialized as JSON, which is a defect.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(|bytes| Self(bytes.into()))
    }
}

impl AsRef<[u8]> for EncodedJson {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The JSON of a [`Page`](crate::Page).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPage {
    /// The JSON of the page.
    pub json: EncodedJson,
    /// The number of items in the whole list, after filtering.
    pub total: u64,
}

impl EncodedPage {
    /// Encodes `page`.
    ///
    /// # Errors
    /// If the page cannot be serialized as JSON, which is a defect.
    pub fn of<T: Serialize>(page: &crate::Page<T>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            json: EncodedJson::of(page)?,
            total: page.total,
        })
    }
}

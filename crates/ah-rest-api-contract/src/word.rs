//! Enums that are a single word on the wire.
//!
//! An enum lists its variants once. `strum` derives the word of each, and the macro [`words`] adds
//! the common methods: `ALL`, `as_str`, `from_word` and `Display`.
//!
//! The last variant of an enum in responses is `Unknown`, which stands for a word of a newer
//! server. `Unknown` is not part of `ALL` and not listed in schemas.

use serde::{Deserialize, Deserializer};

/// Adds the methods of a wire enum. The enum derives `strum::IntoStaticStr` and
/// `strum::VariantArray`.
///
/// * `closed`: the enum has no `Unknown`.
/// * `open`: the last variant is `Unknown`, and any word can be deserialized.
/// * `input`: the last variant is `Unknown`, and an unknown word is an error. Fields of responses
///   use [`open`].
macro_rules! words {
    (closed $($type:ident),+ $(,)?) => {$(
        $crate::word::words!(@methods $type, 0);
    )+};
    (open $($type:ident),+ $(,)?) => {$(
        $crate::word::words!(@methods $type, 1);
        $crate::word::words!(@unknown $type);

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::word::open(deserializer)
            }
        }
    )+};
    (input $($type:ident),+ $(,)?) => {$(
        $crate::word::words!(@methods $type, 1);
        $crate::word::words!(@unknown $type);
    )+};
    (@methods $type:ident, $unknown:literal) => {
        impl $type {
            const COUNT: usize =
                <Self as strum::VariantArray>::VARIANTS.len() - $unknown;

            /// Every value that this version knows.
            pub const ALL: [Self; Self::COUNT] = *<Self as strum::VariantArray>::VARIANTS
                .first_chunk()
                .expect("there are at least as many variants");

            /// Returns the word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                self.into()
            }

            /// Returns the value of a word; the inverse of `as_str`.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str() == word)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
    (@unknown $type:ident) => {
        impl $crate::word::OpenWord for $type {
            fn of_word(word: &str) -> Self {
                Self::from_word(word).unwrap_or(Self::Unknown)
            }
        }
    };
}

pub(crate) use words;

/// An enum with a value for unknown words.
pub(crate) trait OpenWord {
    /// Returns the value of any word.
    fn of_word(word: &str) -> Self;
}

/// Deserializes any word; an unknown one becomes `Unknown`.
pub(crate) fn open<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: OpenWord,
{
    String::deserialize(deserializer).map(|word| T::of_word(&word))
}

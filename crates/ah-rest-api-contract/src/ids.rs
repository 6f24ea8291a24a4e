//! Identifiers, each with its own type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

/// The error of a text that is not a valid identifier of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {noun}: {expected}")]
pub struct InvalidId {
    noun: &'static str,
    text: String,
    expected: String,
}

impl InvalidId {
    /// Creates the error of `text`, of which only the beginning is kept. The noun has its article.
    pub(crate) fn new(noun: &'static str, text: &str, expected: impl Into<String>) -> Self {
        Self {
            noun,
            text: text.chars().take(64).collect(),
            expected: expected.into(),
        }
    }
}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// The prefix of the ULID in the text form; may be empty.
            pub const PREFIX: &'static str = $prefix;

            /// Creates an identifier from a ULID. The caller ensures that the ULID is unique.
            #[must_use]
            pub const fn from_ulid(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// Returns the ULID.
            #[must_use]
            pub const fn ulid(self) -> Ulid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // `Ulid` also parses lower case. Only the canonical form is accepted, so that each
                // id has one text form.
                text.strip_prefix($prefix)
                    .and_then(|rest| Ulid::from_string(rest).ok().filter(|u| u.to_string() == rest))
                    .map(Self)
                    .ok_or_else(|| InvalidId {
                        noun: concat!("a ", $noun, " id"),
                        text: text.chars().take(64).collect(),
                        expected: if $prefix.is_empty() {
                            "expected the 26 characters of a ULID".to_owned()
                        } else {
                            format!("expected `{}` and the 26 characters of a ULID", $prefix)
                        },
                    })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

ulid_id!(
    /// The id of a session: one run of one agent in one workspace. Ids sort by creation time.
    SessionId, "session", ""
);
ulid_id!(
    /// The id of a task: one request that launched one or more sessions.
    TaskId, "task", ""
);
ulid_id!(
    /// The id of a draft, a task that is not launched yet.
    DraftId, "draft", "draft-"
);
ulid_id!(
    /// The id of a prompt in a session's queue.
    PromptId, "prompt", "prompt-"
);
ulid_id!(
    /// The id of a message in a session's conversation.
    MessageId, "message", "msg-"
);
ulid_id!(
    /// The id of a permission request of a session.
    PermissionId, "permission request", "perm-"
);
ulid_id!(
    /// The id of a repository on which tasks were launched.
    RepositoryId, "repository", "repo-"
);

/// The id of a host that runs sessions. The host of the access point itself is `local`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct ExecutorId(String);

impl ExecutorId {
    /// Returns the id of the host of the access point.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

impl fmt::Display for ExecutorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The sequence number of an event in its session's log: 1 for the first, then 2, 3… without gaps.
///
/// As a cursor it means "after this event". [`EventSeq::START`] (0) is the cursor of a reader that
/// has read no event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct EventSeq(u64);

impl EventSeq {
    /// The cursor before the first event.
    pub const START: Self = Self(0);

    /// The largest sequence number: stores use signed 64-bit numbers.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Creates the sequence number `seq`, or [`EventSeq::MAX`] if `seq` exceeds it.
    #[must_use]
    pub const fn new(seq: u64) -> Self {
        if seq > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seq)
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the next sequence number; [`EventSeq::MAX`] is followed by itself.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.0.saturating_add(1))
    }

    fn invalid(text: &str) -> InvalidId {
        InvalidId {
            noun: "an event id",
            text: text.chars().take(64).collect(),
            expected: format!("expected a whole number from 0 to {}", Self::MAX),
        }
    }
}

impl fmt::Display for EventSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for EventSeq {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<u64>()
            .ok()
            // Each number has one text form: `+7` and `07` are invalid.
            .filter(|seq| seq.to_string() == text)
            .and_then(|seq| Self::try_from(seq).ok())
            .ok_or_else(|| Self::invalid(text))
    }
}

impl TryFrom<u64> for EventSeq {
    type Error = InvalidId;

    fn try_from(seq: u64) -> Result<Self, InvalidId> {
        if seq <= Self::MAX.0 {
            Ok(Self(seq))
        } else {
            Err(Self::invalid(&seq.to_string()))
        }
    }
}

impl From<EventSeq> for u64 {
    fn from(seq: EventSeq) -> Self {
        seq.0
    }
}

/// A position among the events of all sessions, in commit order. A reader of many sessions resumes
/// from it. The text is opaque to clients, which receive it as the `id:` of the stream and send it
/// back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogCursor(u64);

impl LogCursor {
    /// The cursor before the first event.
    pub const START: Self = Self(0);

    /// The largest position with a text form: 18 digits, more than the number of events in any
    /// store.
    pub const MAX: Self = Self(999_999_999_999_999_999);

    const PREFIX: &'static str = "log-";

    /// Creates the cursor at `position`, or [`LogCursor::MAX`] if `position` exceeds it.
    #[must_use]
    pub const fn new(position: u64) -> Self {
        if position > Self::MAX.0 {
            Self::MAX
        } else {
            Self(position)
        }
    }

    /// Returns the number of this position.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl FromStr for LogCursor {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix(Self::PREFIX)
            .and_then(|digits| digits.parse().ok())
            .filter(|position| *position <= Self::MAX.0)
            .map(Self)
            // Each position has one text form.
            .filter(|cursor| cursor.to_string() == text)
            .ok_or_else(|| InvalidId {
                noun: "a log position",
                text: text.chars().take(64).collect(),
                expected: "expected an `id:` of a stream of many sessions".to_owned(),
            })
    }
}

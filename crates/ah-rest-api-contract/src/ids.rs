//! Identifiers: one type each, so that none can be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

/// A text that is not the identifier it was read as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {noun} id: {expected}")]
pub struct InvalidId {
    noun: &'static str,
    text: String,
    expected: String,
}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What stands before the ULID in the written form; empty when nothing does.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier around a ULID, whose maker answers for its being unique.
            #[must_use]
            pub const fn from_ulid(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// The ULID within.
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
                // `Ulid` reads lower case too; one id has one spelling, so only the canonical is
                // taken.
                text.strip_prefix($prefix)
                    .and_then(|rest| Ulid::from_string(rest).ok().filter(|u| u.to_string() == rest))
                    .map(Self)
                    .ok_or_else(|| InvalidId {
                        noun: $noun,
                        text: text.chars().take(64).collect(),
                        expected: if $prefix.is_empty() {
                            "it takes the 26 characters of a ULID".to_owned()
                        } else {
                            format!("it takes `{}` and the 26 characters of a ULID", $prefix)
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
    /// Names one session: one run of one agent in one workspace. Ids sort by creation.
    SessionId, "session", ""
);
ulid_id!(
    /// Names one task: one request that launched one or more sessions.
    TaskId, "task", ""
);
ulid_id!(
    /// Names a draft, a task not launched yet.
    DraftId, "draft", "draft-"
);
ulid_id!(
    /// Names a prompt in a session's queue.
    PromptId, "prompt", "prompt-"
);
ulid_id!(
    /// Names one message of a session's conversation.
    MessageId, "message", "msg-"
);
ulid_id!(
    /// Names one permission request of a session.
    PermissionId, "permission request", "perm-"
);
ulid_id!(
    /// Names a repository that tasks were launched on.
    RepositoryId, "repository", "repo-"
);

/// Names a host that runs sessions. The access point's own host is `local`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct ExecutorId(String);

impl ExecutorId {
    /// The host of the access point itself.
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

/// The place of an event in its session's log: 1 for the first, then 2, 3… without gaps.
///
/// As a cursor it means "after this event", so [`EventSeq::START`] (0) is the cursor of a reader
/// that has seen nothing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct EventSeq(u64);

impl EventSeq {
    /// The cursor before the first event.
    pub const START: Self = Self(0);

    /// The last place there can be: stores count in signed 64-bit numbers.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The place `seq`, or [`EventSeq::MAX`] when it is over that.
    #[must_use]
    pub const fn new(seq: u64) -> Self {
        if seq > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seq)
        }
    }

    /// The number of this place.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place after this one; [`EventSeq::MAX`] has none and stays.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.0.saturating_add(1))
    }

    fn invalid(text: &str) -> InvalidId {
        InvalidId {
            noun: "event",
            text: text.chars().take(64).collect(),
            expected: format!("it takes a whole number from 0 to {}", Self::MAX),
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
            // One place has one spelling: `+7` and `07` are none.
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

/// A place among the events of all sessions, in the order in which they were committed: where a
/// reader of many sessions resumes. Its text is opaque to clients, who get it as the `id:` of the
/// stream and give it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogCursor(u64);

impl LogCursor {
    /// The cursor before the first event.
    pub const START: Self = Self(0);

    /// The last place that has a text: 18 digits, more events than any store holds.
    pub const MAX: Self = Self(999_999_999_999_999_999);

    const PREFIX: &'static str = "log-";

    /// The place `position`, or [`LogCursor::MAX`] when it is over that.
    #[must_use]
    pub const fn new(position: u64) -> Self {
        if position > Self::MAX.0 {
            Self::MAX
        } else {
            Self(position)
        }
    }

    /// The number of this place.
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
            // One place has one spelling.
            .filter(|cursor| cursor.to_string() == text)
            .ok_or_else(|| InvalidId {
                noun: "log position",
                text: text.chars().take(64).collect(),
                expected: "it takes an `id:` that a stream of many sessions gave".to_owned(),
            })
    }
}

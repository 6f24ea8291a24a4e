//! Enums in columns, stored as the words of the wire form.

use ah_rest_api_contract::{
    Activity, DeliveryMode, EventType, LogLevel, PermissionState, Priority, PromptState, Role,
    SessionStatus,
};

/// An enum that a column holds as a word.
pub(crate) trait Word: Sized {
    /// The noun for one of its values.
    const NOUN: &'static str;

    /// Returns the word of this value.
    fn word(self) -> &'static str;

    /// Returns the value of a word.
    fn read(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($type:ident, $noun:literal: $($variant:ident => $word:literal),+ $(,)?) => {
        impl Word for $type {
            const NOUN: &'static str = $noun;

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn read(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words!(Activity, "activity":
    Working => "working",
    Idle => "idle",
    AwaitingPermission => "awaiting_permission",
);
words!(DeliveryMode, "delivery":
    Queue => "queue",
    Steer => "steer",
);
words!(PromptState, "prompt state":
    Queued => "queued",
    Delivered => "delivered",
    Withdrawn => "withdrawn",
    Undelivered => "undelivered",
);
words!(PermissionState, "permission state":
    Pending => "pending",
    Answered => "answered",
    Resolved => "resolved",
);

words!(LogLevel, "log level":
    Error => "error",
    Warn => "warn",
    Info => "info",
    Debug => "debug",
    Trace => "trace",
);

impl Word for EventType {
    const NOUN: &'static str = "type of event";

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn read(word: &str) -> Option<Self> {
        Self::from_word(word)
    }
}

impl Word for Role {
    const NOUN: &'static str = "role";

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn read(word: &str) -> Option<Self> {
        Self::from_word(word)
    }
}

impl Word for SessionStatus {
    const NOUN: &'static str = "status";

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn read(word: &str) -> Option<Self> {
        Self::from_word(word)
    }
}

/// Returns a priority as a number that sorts by urgency.
pub(crate) const fn urgency(priority: Priority) -> i64 {
    match priority {
        Priority::Normal => 0,
        Priority::High => 1,
    }
}

/// Returns the priority of a number; the inverse of [`urgency`].
pub(crate) const fn priority(urgency: i64) -> Option<Priority> {
    match urgency {
        0 => Some(Priority::Normal),
        1 => Some(Priority::High),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_word_on_the_wire() {
        fn check<T: Word + Copy + serde::Serialize>(values: &[T]) {
            for value in values {
                let wire = serde_json::to_value(value).unwrap();
                assert_eq!(wire, value.word());
            }
        }
        check(&[
            Activity::Working,
            Activity::Idle,
            Activity::AwaitingPermission,
        ]);
        check(&[DeliveryMode::Queue, DeliveryMode::Steer]);
        check(&[
            PromptState::Queued,
            PromptState::Delivered,
            PromptState::Withdrawn,
            PromptState::Undelivered,
        ]);
        check(&[
            PermissionState::Pending,
            PermissionState::Answered,
            PermissionState::Resolved,
        ]);
        check(&SessionStatus::ALL);
        check(EventType::ALL);
        check(&Role::ALL);
        check(&[
            LogLevel::Error,
            LogLevel::Warn,
            LogLevel::Info,
            LogLevel::Debug,
            LogLevel::Trace,
        ]);
    }
}

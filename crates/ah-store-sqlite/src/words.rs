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
    ($($type:ident => $noun:literal),+ $(,)?) => {$(
        impl Word for $type {
            const NOUN: &'static str = $noun;

            fn word(self) -> &'static str {
                self.as_str()
            }

            fn read(word: &str) -> Option<Self> {
                Self::from_word(word)
            }
        }
    )+};
}

words! {
    Activity => "activity",
    DeliveryMode => "delivery",
    EventType => "type of event",
    LogLevel => "log level",
    PermissionState => "permission state",
    PromptState => "prompt state",
    Role => "role",
    SessionStatus => "status",
}

/// Returns a priority as a number that sorts by urgency.
pub(crate) const fn urgency(priority: Priority) -> i64 {
    match priority {
        Priority::High => 1,
        _ => 0,
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
    fn stored_words_equal_the_wire_words() {
        fn check<T: Word + Copy + serde::Serialize>(values: &[T]) {
            for value in values {
                let wire = serde_json::to_value(value).unwrap();
                assert_eq!(wire, value.word());
            }
        }
        check(&Activity::ALL);
        check(&DeliveryMode::ALL);
        check(&PromptState::ALL);
        check(&PermissionState::ALL);
        check(&SessionStatus::ALL);
        check(&EventType::ALL);
        check(&Role::ALL);
        check(&LogLevel::ALL);
    }
}

//! Constructors of structs that may grow: a new field does not change what programs call.

/// Implements `new` with the required fields of a struct in an order for reading, and a method
/// `with_…` for each other field. A text is taken as anything that converts to a `String`.
///
/// * `optional field: T` is an `Option<T>`, absent at first.
/// * `or field: T = value` has this value at first.
macro_rules! constructor {
    (
        $(#[$meta:meta])*
        $type:ident::new($($field:ident: $kind:tt),*)
        $(; optional $optional:ident: $some:ty)*
        $(; or $other:ident: $value:ty = $first:expr)*;
    ) => {
        impl $type {
            $(#[$meta])*
            #[must_use]
            pub fn new($($field: $crate::constructor::argument!($kind)),*) -> Self {
                Self {
                    $($field: $field.into(),)*
                    $($optional: None,)*
                    $($other: $first,)*
                }
            }

            pastey::paste! {
                $(
                    #[doc = concat!("Sets [`", stringify!($type), "::", stringify!($optional), "`].")]
                    #[must_use]
                    pub fn [<with_ $optional>](mut self, $optional: impl Into<Option<$some>>) -> Self {
                        self.$optional = $optional.into();
                        self
                    }
                )*
                $(
                    #[doc = concat!("Sets [`", stringify!($type), "::", stringify!($other), "`].")]
                    #[must_use]
                    pub fn [<with_ $other>](mut self, $other: $value) -> Self {
                        self.$other = $other;
                        self
                    }
                )*
            }
        }
    };
}

/// The type of an argument of `new`.
macro_rules! argument {
    (String) => { impl Into<String> };
    ([$($type:tt)+]) => { $($type)+ };
    ($type:ident) => { $type };
}

pub(crate) use {argument, constructor};

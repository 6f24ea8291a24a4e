//! Declarations of query parameters: the wire form with its schema, and the conversions between it
//! and the query.

use super::PathPattern;
use super::reader::{Parameter, Reader, joined};
use crate::{
    AgentType, EventSeq, EventType, FileStatus, LogCursor, LogLevel, SessionId, SessionStatus,
    SessionView, SortOrder, TaskId, Timestamp, WorkspaceStatus,
};

/// Declares the wire form of a query: a struct of optional texts. Each has a description and the
/// type in its schema, with further arguments of utoipa's `param`. A list is marked as such, with
/// its name in a URL.
macro_rules! params {
    (
        $(#[$meta:meta])*
        $params:ident {$(
            $(#[$field_meta:meta])*
            $field:ident $(list $list:literal)?: ($($schema:tt)+);
        )*}
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $params {$(
            $(#[$field_meta])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "openapi", param(value_type = $($schema)+))]
            pub $field: Option<String>,
        )*}

        impl $params {
            /// The names of the parameters that are lists. Their items are separated by commas, and
            /// a URL may repeat the parameter instead.
            pub const LISTS: &[&str] = &[$($($list,)?)*];
        }
    };
}

/// Declares the wire form of a query for a list, and the conversions. A parameter is followed by the
/// query's field, whose type implements [`Parameter`]. The last two parameters are the page.
macro_rules! list_query {
    (
        $(#[$meta:meta])*
        $params:ident for $query:ident {$(
            $(#[$field_meta:meta])*
            $field:ident $(list $list:literal)? for $target:ident: ($($schema:tt)+);
        )*}
        $(#[$page_meta:meta])*
        page;
        $(#[$per_page_meta:meta])*
        per_page;
    ) => {
        $crate::query::params::params! {
            $(#[$meta])*
            $params {
                $($(#[$field_meta])* $field $(list $list)?: ($($schema)+);)*
                $(#[$page_meta])*
                page: (Option<crate::openapi::PageNumber>, inline);
                $(#[$per_page_meta])*
                per_page: (Option<u32>, minimum = 1, maximum = 200);
            }
        }

        pastey::paste! {
            impl TryFrom<$params> for $query {
                type Error = $crate::FieldErrors;

                fn try_from(params: $params) -> Result<Self, $crate::FieldErrors> {
                    let mut reader = $crate::query::reader::Reader::default();
                    let query = Self {
                        $($target: reader.get(stringify!([<$field:lower_camel>]), &params.$field),)*
                        page: reader.page(&params.page, &params.per_page),
                    };
                    reader.finish(query)
                }
            }
        }

        impl From<$query> for $params {
            fn from(query: $query) -> Self {
                Self {
                    $($field: $crate::query::reader::Parameter::write(&query.$target),)*
                    page: Some(query.page.page().to_string()),
                    per_page: Some(query.page.per_page().to_string()),
                }
            }
        }
    };
}

pub(super) use {list_query, params};

/// An absent flag is `false`.
impl Parameter for bool {
    fn read(reader: &mut Reader, field: &str, text: Option<&str>) -> Self {
        let parse = |text: &str| text.parse().ok();
        let value = reader.value(field, text, "`true` or `false`", parse);
        value.unwrap_or(false)
    }

    fn write(&self) -> Option<String> {
        self.then(|| true.to_string())
    }
}

/// Implements [`Parameter`] for optional values: the function that parses one, and the words for
/// `must be …`.
macro_rules! values {
    ($($value:ty: $parse:expr, $must_be:expr;)+) => {$(
        impl Parameter for Option<$value> {
            fn read(reader: &mut Reader, field: &str, text: Option<&str>) -> Self {
                reader.value(field, text, $must_be, $parse)
            }

            fn write(&self) -> Option<String> {
                self.as_ref().map(ToString::to_string)
            }
        }
    )+};
}

values! {
    String: |text| Some(text.to_owned()), "a text";
    AgentType: |text| Some(AgentType::new(text)), "a text";
    TaskId: |text| text.parse().ok(), "a task's id, the 26 characters of a ULID";
    EventSeq: |text| text.parse().ok(), &format!("a whole number from 0 to {}", EventSeq::MAX);
    LogCursor: |text| text.parse().ok(), "an `id:` of this stream";
    LogLevel: LogLevel::from_word, "`error`, `warn`, `info`, `debug` or `trace`";
    SortOrder: SortOrder::from_word, "`asc` or `desc`";
    SessionView: SessionView::from_word, "`full` or `summary`";
    PathPattern: PathPattern::parse, "a pattern for paths, such as `src/**/*.rs`";
    Timestamp: |text| text.parse().ok(), "an RFC 3339 timestamp such as 2026-01-31T12:00:00Z";
}

/// Implements [`Parameter`] for comma-separated lists: the function that parses an item, and the
/// noun of items.
macro_rules! lists {
    ($($item:ty: $parse:expr, $noun:literal;)+) => {$(
        impl Parameter for Vec<$item> {
            fn read(reader: &mut Reader, field: &str, text: Option<&str>) -> Self {
                reader.list(field, text, $noun, $parse)
            }

            fn write(&self) -> Option<String> {
                joined(self)
            }
        }
    )+};
}

lists! {
    SessionStatus: SessionStatus::from_word, "a session's status";
    SessionId: |text| text.parse().ok(), "a session's id";
    EventType: EventType::from_word, "an event type";
    FileStatus: FileStatus::from_word,
        "a kind of change: `added`, `modified`, `deleted` or `renamed`";
    WorkspaceStatus: WorkspaceStatus::from_word, "the state of a workspace: `active` or `kept`";
}

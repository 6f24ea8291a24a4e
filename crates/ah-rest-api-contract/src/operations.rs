//! The operations table: the operations of the REST API, declared once.
//!
//! [`for_each_operation`](crate::for_each_operation) has one row per operation. The rest follows
//! from it:
//!
//! | derived | where |
//! |---|---|
//! | a constant per operation, [`ALL`] and its table, the path builders of [`paths`] | here |
//! | the methods of `RestClient` and its `TaskManager` implementation | `ah-rest-client` |
//! | the fault points of the mock | `ah-rest-mock-client` |
//! | most handlers, the routes, authorisation, and the operations of the OpenAPI document | `ah-rest-server` |
//! | the tests "401 without a key" and "404 for an unknown id" | `ah-rest-server` |
//!
//! ```
//! use ah_rest_api_contract::operations::{self, paths};
//!
//! # let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse::<ah_rest_api_contract::SessionId>()?;
//! assert_eq!(operations::PAUSE_SESSION.path, "/api/v1/sessions/{id}/pause");
//! assert_eq!(paths::pause_session(id), format!("/api/v1/sessions/{id}/pause"));
//! # Ok::<(), ah_rest_api_contract::InvalidId>(())
//! ```

#[macro_use]
mod table;

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Role;

/// The path of the API on a server, with its major version.
pub const BASE: &str = "/api/v1";

/// The bytes of a path segment that are percent-encoded: all but the unreserved characters
/// (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The HTTP method of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Reads a resource.
    Get,
    /// Creates a resource, or requests an action.
    Post,
    /// Replaces a resource.
    Put,
    /// Removes a resource.
    Delete,
}

impl Method {
    /// The method's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Returns true if a request with this method can have a body.
    #[must_use]
    pub const fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The permission that an operation requires of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Reading of data that is not about any task. No credential is required.
    Public,
    /// Reading of tasks and sessions with their events, prompts, permissions and changes.
    ReadSessions,
    /// Launching of tasks.
    LaunchTasks,
    /// Stopping, pausing, resuming and cancelling of sessions.
    ControlSessions,
    /// Sending of prompts to agents, and their withdrawal.
    PromptAgents,
    /// Answering of permission requests.
    AnswerPermissions,
    /// Reading of drafts.
    ReadDrafts,
    /// Saving and deletion of drafts.
    EditDrafts,
    /// Reading of the agents and repositories that tasks can name.
    ReadCatalog,
    /// Reading of the state of the server's dependencies.
    ReadHealth,
}

impl Action {
    /// Returns the least role that includes this permission; `None` if no credential is required.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Public => None,
            Self::ReadSessions | Self::ReadDrafts | Self::ReadCatalog | Self::ReadHealth => {
                Some(Role::Viewer)
            }
            Self::LaunchTasks
            | Self::ControlSessions
            | Self::PromptAgents
            | Self::AnswerPermissions
            | Self::EditDrafts => Some(Role::Operator),
        }
    }
}

/// One operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The id, unique among all operations. For an operation of [`TaskManager`](crate::TaskManager)
    /// it is the name of the method.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path from the server's root, with each parameter in braces, as in `/tasks/{id}`.
    pub path: &'static str,
    /// The types of the path's parameters, in their order.
    pub parameters: &'static [&'static str],
    /// The type of the request body, if the operation has one.
    pub request: Option<&'static str>,
    /// The status of a successful answer.
    pub status: u16,
    /// The type of a successful answer; `()` if it has no body.
    pub answer: &'static str,
    /// The statuses of errors that this operation adds to those of its method and path.
    pub errors: &'static [u16],
    /// The permission that the caller needs.
    pub action: Action,
    /// One line that describes the operation.
    pub summary: &'static str,
    /// The description of a successful response.
    pub result: &'static str,
}

impl Operation {
    /// Returns true if requests need a credential.
    #[must_use]
    pub const fn needs_key(&self) -> bool {
        !matches!(self.action, Action::Public)
    }

    /// Returns true if `path`, which has no query, is a path of this operation.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/');
        let fits = self.path.split('/').all(|segment| {
            given.next().is_some_and(|given| {
                given == segment || (segment.starts_with('{') && !given.is_empty())
            })
        });
        fits && given.next().is_none()
    }

    /// The resource that this operation is about: the first segment of its path within the API.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        let within = self.path.strip_prefix(BASE).unwrap_or(self.path);
        match within.split('/').find(|segment| !segment.is_empty()) {
            Some("health" | "ready" | "metrics" | "version") => "health",
            Some("api" | "openapi.json" | "openapi-3.0.json" | "errors") | None => "documentation",
            Some("repos") => "repositories",
            Some("schemas") => "agents",
            Some(resource) => resource,
        }
    }

    /// The path with its parameters filled in, each percent-encoded. [`paths`] has a typed function
    /// per operation.
    #[must_use]
    pub fn path_with(&self, parameters: &[String]) -> String {
        let mut parameters = parameters.iter();
        let filled = self.path.split('/').map(|segment| {
            if segment.starts_with('{') {
                let value = parameters.next().map(String::as_str).unwrap_or_default();
                utf8_percent_encode(value, SEGMENT).to_string()
            } else {
                segment.to_owned()
            }
        });
        filled.collect::<Vec<_>>().join("/")
    }
}

/// Declares the constants, [`ALL`] and [`paths`] from the table.
macro_rules! declare {
    ($($group:ident { $(
        $id:ident $method:ident $path:literal ($($parameter:ident: $type:ident),*)
        $(query $query:ty as $wire:ty,)?
        $(body $body:ty,)?
        $(fields $request:ident { $($field:ident: $field_type:ty),* },)?
        -> $status:literal $answer:ty, errors [$($error:literal),*], $action:ident, $summary:literal,
            $result:literal;
    )* })*) => { pastey::paste! {
        $($(
            #[doc = concat!($summary, ".")]
            pub const [<$id:upper>]: Operation = Operation {
                id: stringify!($id),
                method: Method::$method,
                path: $path,
                parameters: &[$(stringify!($type)),*],
                request: first(&[$(stringify!($body))? $(stringify!($request))?]),
                status: $status,
                answer: stringify!($answer),
                errors: &[$($error),*],
                action: Action::$action,
                summary: $summary,
                result: $result,
            };
        )*)*

        /// Every operation of the API.
        ///
        /// | id | request | answer | action | |
        /// |---|---|---|---|---|
        $($(#[doc = concat!(
            "| `", stringify!($id), "` | `", stringify!([<$method:upper>]), " ", $path, "` | ",
            $status, " `", stringify!($answer), "` | ", stringify!($action), " | ", $summary, " |",
        )])*)*
        pub const ALL: &[Operation] = &[$($([<$id:upper>]),*),*];

        /// The paths that clients request, one function per operation.
        pub mod paths {
            use crate::*;

            $($(
                #[doc = concat!("`", $path, "`")]
                #[must_use]
                pub fn $id($($parameter: $type),*) -> String {
                    super::[<$id:upper>].path_with(&[$($parameter.to_string()),*])
                }
            )*)*
        }
    } };
}

/// The request type of a row, which has at most one.
const fn first(requests: &[&'static str]) -> Option<&'static str> {
    match requests {
        [] => None,
        [request, ..] => Some(request),
    }
}

for_each_operation!(declare);

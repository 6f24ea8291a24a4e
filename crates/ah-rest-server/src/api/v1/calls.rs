//! The handlers of operations that only call a method of the access point.
//!
//! They are generated from the operations table. An operation that needs more has a handler in the
//! file of its resource.

use ah_rest_api_contract::*;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use crate::extract::{Access, CommandRequest, EmptyBody, Id, Operator, Query};
use crate::idempotency::Idempotency;
use crate::page::{ListQuery as _, encoded, encoded_page, paged};
use crate::problem::ApiResult;

/// Generates the handler of one row of the table.
macro_rules! handler {
    // These have handlers of their own.
    (Post launch_task $($rest:tt)*) => {};
    (Get get_session_diff $($rest:tt)*) => {};
    (Get read_session_file $($rest:tt)*) => {};
    (Get list_workspace_files $($rest:tt)*) => {};
    (Get get_file_diff $($rest:tt)*) => {};

    // The access point shares the JSON of these between requests.
    (Get get_session $($rest:tt)*) => {
        pub(crate) async fn get_session(
            Access(access): Access,
            Id(id): Id<SessionId>,
        ) -> ApiResult {
            Ok(encoded(access.encoded_session(id).await?))
        }
    };
    (Get list_sessions $($rest:tt)*) => {
        pub(crate) async fn list_sessions(
            Access(access): Access,
            uri: Uri,
            Query(query): Query<SessionQuery>,
        ) -> ApiResult {
            let page = query.page;
            Ok(encoded_page(&uri, page, access.encoded_sessions(query).await?))
        }
    };

    (Get $id:ident ($($parameter:ident: $type:ty),*) [] [] []) => {
        pub(crate) async fn $id(Access(access): Access, $(Id($parameter): Id<$type>),*) -> ApiResult {
            Ok(Json(access.$id($($parameter),*).await?).into_response())
        }
    };
    // A list, in pages.
    (Get $id:ident ($($parameter:ident: $type:ty),*) [$query:ty] [] []) => {
        pub(crate) async fn $id(
            Access(access): Access,
            uri: Uri,
            $(Id($parameter): Id<$type>,)*
            Query(query): Query<$query>,
        ) -> ApiResult {
            let page = query.page_request();
            Ok(paged(&uri, page, access.$id($($parameter,)* query).await?))
        }
    };
    (Delete $id:ident ($($parameter:ident: $type:ty),*) [] [] []) => {
        pub(crate) async fn $id(
            Access(access): Access,
            $(Id($parameter): Id<$type>,)*
            _: Operator,
        ) -> ApiResult {
            access.$id($($parameter),*).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
    };
    (Post $id:ident $parameters:tt [] [] []) => {
        handler!(command $id $parameters EmptyBody, _body, ());
    };
    (Post $id:ident $parameters:tt [] [$body:ty] []) => {
        handler!(command $id $parameters $body, body, (body));
    };
    (Post $id:ident $parameters:tt [] [] [$body:ident { $($field:ident: $of:ty),* }]) => {
        handler!(command $id $parameters $body, body, ($(body.$field),*) of body.validated()?);
    };
    // A request that is carried out once per idempotency key, with the last arguments of the method.
    (command $id:ident ($($parameter:ident: $type:ty),*)
        $body:ty, $name:ident, ($($argument:expr),*) $(of $validated:expr)?) => {
        pastey::paste! {
            pub(crate) async fn $id(
                State(idempotency): State<Idempotency>,
                $(Id($parameter): Id<$type>,)*
                command: CommandRequest<$body>,
            ) -> ApiResult {
                idempotency
                    .answer(&operations::[<$id:upper>], command, async |access, $name| {
                        $(let $name = $validated;)?
                        access.$id($($parameter,)* $($argument),*).await
                    })
                    .await
                    .map(|outcome| outcome.into_response())
            }
        }
    };
}

/// Generates the handlers of the operations that are methods of the access point.
macro_rules! handlers {
    (
        manager { $(
            $id:ident $method:ident $path:literal $parameters:tt
            $(query $query:ty as $wire:ty,)?
            $(body $body:ty,)?
            $(fields $request:ident $fields:tt,)?
            -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal,
            $result:literal;
        )* }
        client $client:tt
        own $own:tt
    ) => {
        $(handler!($method $id $parameters [$($query)?] [$($body)?] [$($request $fields)?]);)*
    };
}

for_each_operation!(handlers);

//! The operations as methods of the client, generated from the operations table.

use ah_rest_api_contract::operations::{self, paths};
use ah_rest_api_contract::*;
use async_trait::async_trait;
use serde_json::Value;

use crate::call::ApiCall;
use crate::client::RestClient;
use crate::stream::{Everything, OneSession, follow};

/// The idempotency key of request bodies that cannot carry one. A body that can has a method of its
/// own with the same name, which takes precedence.
trait WithoutKey {
    fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        None
    }
}

impl<T> WithoutKey for T {}

/// Writes the call of an operation with its parameters and its query or body, and returns the
/// answer.
macro_rules! answer {
    ($client:ident, $id:ident ($($parameter:ident),*)
        $(query $query:ident: $wire:ty,)? $(body $body:ident: $body_type:ty,)? $(request $request:expr)?) => {
        pastey::paste! {{
            let call = ApiCall::new(&operations::[<$id:upper>], paths::$id($($parameter),*))?
                $(.with_query(&<$wire>::from($query))?)?
                $(.with_body::<$body_type>(&$body)?.with_idempotency_key($body.idempotency_key())?)?
                $(.with_body(&$request)?)?;
            $client.answer(call).await
        }}
    };
}

/// Generates a method for each row of the table that is `manager` or `client`.
macro_rules! implement {
    (
        manager { $(
            $id:ident $method:ident $path:literal ($($parameter:ident: $type:ty),*)
            $(query $query:ty as $wire:ty,)?
            $(body $body:ty,)?
            $(fields $request:ident { $($field:ident: $field_type:ty),* },)?
            -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal,
            $result:literal;
        )* }
        client { $(
            $own_id:ident $own_method:ident $own_path:literal ($($own_parameter:ident: $own_type:ty),*)
            $(query $own_query:ty as $own_wire:ty,)?
            $(body $own_body:ty,)?
            -> $own_status:literal $own_answer:ty, errors $own_errors:tt, $own_action:ident, $own_summary:literal,
            $own_result:literal;
        )* }
        own $own:tt
    ) => {
        /// Lists take the page that they are asked for. A method that creates something, or
        /// requests an action, sends an `Idempotency-Key`, so that it is done once.
        #[async_trait]
        impl TaskManager for RestClient {
            fn description(&self) -> String {
                format!("access point at {}", self.base_url().as_str().trim_end_matches('/'))
            }

            async fn version(&self) -> Result<Version, TaskManagerError> {
                RestClient::version(self).await
            }

            async fn deep_health(&self) -> Result<DeepHealth, TaskManagerError> {
                RestClient::deep_health(self).await
            }

            async fn task_events_stream(
                &self,
                id: SessionId,
                after: EventSeq,
                filter: EventFilter,
            ) -> Result<EventStream, TaskManagerError> {
                follow(self.clone(), OneSession::new(id, after, filter)).await
            }

            async fn all_events(
                &self,
                query: AllEventsQuery,
            ) -> Result<AllEventsStream, TaskManagerError> {
                follow(self.clone(), Everything::new(query)).await
            }

            async fn list_events(
                &self,
                id: SessionId,
                query: EventQuery,
            ) -> Result<Page<SessionEvent>, TaskManagerError> {
                answer!(self, session_events(id) query query: EventParams,)
            }

            async fn get_session_attachment(
                &self,
                id: SessionId,
                hash: AttachmentHash,
            ) -> Result<AttachmentContent, TaskManagerError> {
                let path = paths::get_session_attachment(id, hash);
                let call = ApiCall::new(&operations::GET_SESSION_ATTACHMENT, path)?;
                let (mime_type, bytes) = self.content(&call.accepting("*/*")?).await?;
                let mime_type = mime_type.unwrap_or_else(|| UNKNOWN_MEDIA_TYPE.to_owned());
                Ok(AttachmentContent::new(mime_type, bytes))
            }

            async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError> {
                let newest = SessionQuery { page: PageRequest::largest(), ..SessionQuery::default() };
                let (drafts, sessions) = tokio::try_join!(
                    self.list_drafts(PageRequest::largest()),
                    self.list_sessions(newest),
                )?;
                Ok(InitialTasks::new(drafts, sessions))
            }

            async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError> {
                match draft.id {
                    None => self.create_draft(draft.content).await,
                    Some(id) => self.update_draft(id, draft.content).await,
                }
            }

            async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError> {
                self.delete_draft(id).await
            }

            $(
                async fn $id(
                    &self
                    $(, $parameter: $type)*
                    $(, query: $query)?
                    $(, body: $body)?
                    $($(, $field: $field_type)*)?
                ) -> Result<$answer, TaskManagerError> {
                    answer!(
                        self,
                        $id($($parameter),*)
                        $(query query: $wire,)?
                        $(body body: $body,)?
                        $(request $request { $($field),* })?
                    )
                }
            )*
        }

        /// The operations that [`TaskManager`] does not have. Their errors are those of every
        /// request.
        impl RestClient {
            $(
                #[doc = concat!($own_summary, ": `", stringify!($own_id), "`, `", $own_path, "`.")]
                ///
                /// # Errors
                /// [`ErrorKind::NotFound`] if an id is unknown, and those of every request.
                pub async fn $own_id(
                    &self
                    $(, $own_parameter: $own_type)*
                    $(, query: $own_query)?
                    $(, body: $own_body)?
                ) -> Result<$own_answer, TaskManagerError> {
                    answer!(
                        self,
                        $own_id($($own_parameter),*)
                        $(query query: $own_wire,)?
                        $(body body: $own_body,)?
                    )
                }
            )*
        }
    };
}

for_each_operation!(implement);

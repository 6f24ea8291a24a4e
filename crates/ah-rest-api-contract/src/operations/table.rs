//! The rows of the operations table.

/// Calls a macro with the operations table, one row per operation of the API.
///
/// The macro receives the tokens after its name, then three groups of rows:
///
/// * `manager`: operations that are a method of [`TaskManager`](crate::TaskManager) with the
///   operation's id, parameters and answer;
/// * `client`: further operations with a JSON answer, for which a client generates a method;
/// * `own`: streams, pages of text and operations whose trait method has another shape, which an
///   implementation writes itself.
///
/// A row has the operation's id, method and path with the types of the path parameters. The query
/// follows (`query Q as P`, where `P` is the wire form of `Q`), or the request body (`body B`, or
/// `fields B { … }` if the method has the fields of `B` as arguments). The rest is the status and
/// type of a successful response, the errors that this operation adds to those of its kind, its
/// [`Action`](crate::operations::Action) and its summary. Type names resolve in the module that
/// defines the called macro, so that module imports the types of this crate.
///
/// ```
/// macro_rules! ids {
///     ($($group:ident { $($id:ident $method:ident $path:literal $parameters:tt
///         $(query $query:ty as $wire:ty,)?
///         $(body $body:ty,)?
///         $(fields $request:ident $fields:tt,)?
///         -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal;)* })*) => {
///         [$($(stringify!($id)),*),*]
///     };
/// }
/// let ids = ah_rest_api_contract::for_each_operation!(ids);
/// assert!(ids.contains(&"pause_session"));
/// ```
#[rustfmt::skip] // One row per operation, in columns.
#[macro_export]
macro_rules! for_each_operation {
    ($callback:ident $($context:tt)*) => {
        $callback! { $($context)*
            manager {
                launch_task Post "/api/v1/tasks" ()
                    body TaskLaunchParams,
                    -> 201 LaunchedTask, errors [409, 410],
                    LaunchTasks, "Launch a task";
                get_task Get "/api/v1/tasks/{id}" (id: TaskId)
                    -> 200 Task, errors [],
                    ReadSessions, "Get a task and its sessions";
                list_sessions Get "/api/v1/sessions" ()
                    query SessionQuery as SessionParams,
                    -> 200 Page<Session>, errors [],
                    ReadSessions, "List sessions, newest first";
                get_session Get "/api/v1/sessions/{id}" (id: SessionId)
                    -> 200 Session, errors [],
                    ReadSessions, "Get a session";
                get_session_info Get "/api/v1/sessions/{id}/info" (id: SessionId)
                    -> 200 SessionInfo, errors [],
                    ReadSessions, "Get the hosts of a session and the address of its events";
                cancel_session Delete "/api/v1/sessions/{id}" (id: SessionId)
                    -> 204 (), errors [409, 410],
                    ControlSessions, "End a session immediately and delete its workspace";
                stop_session Post "/api/v1/sessions/{id}/stop" (id: SessionId)
                    fields StopRequest { reason: Option<String> },
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "End a session";
                interrupt_session Post "/api/v1/sessions/{id}/interrupt" (id: SessionId)
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "End the agent's current turn";
                pause_session Post "/api/v1/sessions/{id}/pause" (id: SessionId)
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "Freeze all processes of a session";
                resume_session Post "/api/v1/sessions/{id}/resume" (id: SessionId)
                    fields ResumeRequest { prompt: Option<PromptContent> },
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "Resume a paused session";
                prompt_session Post "/api/v1/sessions/{id}/prompt" (id: SessionId)
                    body PromptRequest,
                    -> 202 PromptReceipt, errors [409, 410],
                    PromptAgents, "Send a prompt to a session's agent";
                list_prompts Get "/api/v1/sessions/{id}/prompts" (id: SessionId)
                    query PageRequest as PageParams,
                    -> 200 Page<Prompt>, errors [],
                    ReadSessions, "List a session's prompts with their states";
                withdraw_prompt Delete "/api/v1/sessions/{id}/prompts/{promptId}" (id: SessionId, prompt: PromptId)
                    -> 204 (), errors [409, 410],
                    PromptAgents, "Withdraw a queued prompt";
                list_permissions Get "/api/v1/sessions/{id}/permissions" (id: SessionId)
                    query PageRequest as PageParams,
                    -> 200 Page<Permission>, errors [],
                    ReadSessions, "List a session's permission requests with their states";
                answer_permission Post "/api/v1/sessions/{id}/permissions/{requestId}" (id: SessionId, request: PermissionId)
                    body PermissionAnswer,
                    -> 200 Permission, errors [409, 410],
                    AnswerPermissions, "Answer a permission request";
                list_session_files Get "/api/v1/sessions/{id}/files" (id: SessionId)
                    query FileQuery as FileParams,
                    -> 200 Page<FileEntry>, errors [409],
                    ReadSessions, "List the files that a session changed";
                get_session_diff Get "/api/v1/sessions/{id}/diff" (id: SessionId)
                    query DiffQuery as DiffParams,
                    -> 200 SessionDiff, errors [409],
                    ReadSessions, "Get the changes of a session as a diff";
                list_drafts Get "/api/v1/drafts" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Draft>, errors [],
                    ReadDrafts, "List drafts, the last saved first";
                get_draft Get "/api/v1/drafts/{id}" (id: DraftId)
                    -> 200 Draft, errors [],
                    ReadDrafts, "Get a draft";
                list_repositories Get "/api/v1/repositories" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Repository>, errors [],
                    ReadCatalog, "List the repositories on which tasks were launched";
                get_repository Get "/api/v1/repositories/{id}" (id: RepositoryId)
                    -> 200 Repository, errors [],
                    ReadCatalog, "Get a repository";
                list_branches Get "/api/v1/repositories/{id}/branches" (id: RepositoryId)
                    -> 200 BranchList, errors [],
                    ReadCatalog, "List the branches of a repository";
                list_agents Get "/api/v1/agents" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Agent>, errors [],
                    ReadCatalog, "List the agents that tasks can name";
            }
            client {
                list_session_logs Get "/api/v1/sessions/{id}/logs" (id: SessionId)
                    query LogParams as LogParams,
                    -> 200 Page<LogItem>, errors [],
                    ReadSessions, "List a session's log lines";
                create_draft Post "/api/v1/drafts" ()
                    body DraftContent,
                    -> 201 Draft, errors [409, 410],
                    EditDrafts, "Create a draft";
                update_draft Put "/api/v1/drafts/{id}" (id: DraftId)
                    body DraftContent,
                    -> 200 Draft, errors [409, 410],
                    EditDrafts, "Update the given fields of a draft";
                delete_draft Delete "/api/v1/drafts/{id}" (id: DraftId)
                    -> 204 (), errors [409, 410],
                    EditDrafts, "Delete a draft";
                list_repos Get "/api/v1/repos" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Repository>, errors [],
                    ReadCatalog, "List repositories; an alias of `/repositories`";
                health Get "/health" ()
                    -> 200 Health, errors [],
                    Public, "Check that the server is up";
                ready Get "/ready" ()
                    -> 200 Health, errors [],
                    Public, "Check that the server accepts requests";
                deep_health Get "/api/v1/health/deep" ()
                    -> 200 DeepHealth, errors [],
                    ReadHealth, "Check the dependencies of the server";
                version Get "/api/v1/version" ()
                    -> 200 Version, errors [],
                    Public, "Get the version of the server";
                openapi Get "/api/v1/openapi.json" ()
                    -> 200 Value, errors [],
                    Public, "Get the OpenAPI document of this API";
            }
            own {
                session_events Get "/api/v1/sessions/{id}/events" (id: SessionId)
                    query EventQuery as EventParams,
                    -> 200 Page<SessionEvent>, errors [],
                    ReadSessions, "Get a session's events as a stream or a page of history";
                all_events Get "/api/v1/events" ()
                    query AllEventsQuery as AllEventsParams,
                    -> 200 SessionEvent, errors [],
                    ReadSessions, "Stream the events of many sessions";
                // A path parameter is a whole segment, so it contains the file's extension.
                get_agent_schema Get "/api/v1/schemas/agents/{file}" (file: String)
                    -> 200 Value, errors [],
                    ReadCatalog, "Get the JSON Schema of an agent's settings";
                metrics Get "/metrics" ()
                    -> 200 String, errors [],
                    Public, "Get the metrics in Prometheus format";
                docs Get "/api/docs" ()
                    -> 200 String, errors [],
                    Public, "Read the documentation of this API";
                explain_error Get "/errors/{slug}" (slug: String)
                    -> 200 String, errors [],
                    Public, "Read the documentation of an error kind";
            }
        }
    };
}

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
/// [`Action`](crate::operations::Action), its summary, and a description of the successful response.
/// Type names resolve in the module that defines the called macro, so that module imports the types
/// of this crate.
///
/// ```
/// macro_rules! ids {
///     ($($group:ident { $($id:ident $method:ident $path:literal $parameters:tt
///         $(query $query:ty as $wire:ty,)?
///         $(body $body:ty,)?
///         $(fields $request:ident $fields:tt,)?
///         -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal,
///         $result:literal;)* })*) => {
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
                    -> 201 LaunchedTask, errors [409, 410, 501],
                    LaunchTasks, "Launch a task",
                    "The task was launched; `Location` is its first session.";
                get_task Get "/api/v1/tasks/{id}" (id: TaskId)
                    -> 200 Task, errors [],
                    ReadSessions, "Get a task and its sessions",
                    "The task.";
                list_sessions Get "/api/v1/sessions" ()
                    query SessionQuery as SessionParams,
                    -> 200 Page<Session>, errors [],
                    ReadSessions, "List sessions, newest first",
                    "A page of sessions. Those beyond 4 MiB are summaries (`isSummary`).";
                get_session Get "/api/v1/sessions/{id}" (id: SessionId)
                    -> 200 Session, errors [],
                    ReadSessions, "Get a session",
                    "The session.";
                get_session_info Get "/api/v1/sessions/{id}/info" (id: SessionId)
                    -> 200 SessionInfo, errors [],
                    ReadSessions, "Get the hosts of a session and the address of its events",
                    "The hosts and addresses.";
                cancel_session Delete "/api/v1/sessions/{id}" (id: SessionId)
                    -> 204 (), errors [409, 410],
                    ControlSessions, "End a session immediately and delete its workspace",
                    "No process of the session is left.";
                stop_session Post "/api/v1/sessions/{id}/stop" (id: SessionId)
                    fields StopRequest { reason: Option<String> },
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "End a session",
                    "The session is stopping.";
                interrupt_session Post "/api/v1/sessions/{id}/interrupt" (id: SessionId)
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "End the agent's current turn",
                    "The turn is ending.";
                pause_session Post "/api/v1/sessions/{id}/pause" (id: SessionId)
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "Freeze all processes of a session",
                    "The session is pausing.";
                resume_session Post "/api/v1/sessions/{id}/resume" (id: SessionId)
                    fields ResumeRequest { prompt: Option<PromptContent> },
                    -> 202 Session, errors [409, 410],
                    ControlSessions, "Resume a paused session",
                    "The session is resuming.";
                prompt_session Post "/api/v1/sessions/{id}/prompt" (id: SessionId)
                    body PromptRequest,
                    -> 202 PromptReceipt, errors [409, 410],
                    PromptAgents, "Send a prompt to a session's agent",
                    "The prompt was accepted.";
                list_prompts Get "/api/v1/sessions/{id}/prompts" (id: SessionId)
                    query PageRequest as PageParams,
                    -> 200 Page<Prompt>, errors [],
                    ReadSessions, "List a session's prompts with their states",
                    "The prompts, oldest first.";
                withdraw_prompt Delete "/api/v1/sessions/{id}/prompts/{promptId}" (id: SessionId, prompt: PromptId)
                    -> 204 (), errors [409, 410],
                    PromptAgents, "Withdraw a queued prompt",
                    "The prompt was withdrawn.";
                list_permissions Get "/api/v1/sessions/{id}/permissions" (id: SessionId)
                    query PageRequest as PageParams,
                    -> 200 Page<Permission>, errors [],
                    ReadSessions, "List a session's permission requests with their states",
                    "The requests, oldest first.";
                answer_permission Post "/api/v1/sessions/{id}/permissions/{requestId}" (id: SessionId, request: PermissionId)
                    body PermissionAnswer,
                    -> 200 Permission, errors [409, 410],
                    AnswerPermissions, "Answer a permission request",
                    "The answer was accepted.";
                list_session_files Get "/api/v1/sessions/{id}/files" (id: SessionId)
                    query FileQuery as FileParams,
                    -> 200 Page<FileEntry>, errors [409, 410],
                    ReadSessions, "List the files that a session changed",
                    "The changed files.";
                get_session_diff Get "/api/v1/sessions/{id}/diff" (id: SessionId)
                    query DiffQuery as DiffParams,
                    -> 200 SessionDiff, errors [409, 410],
                    ReadSessions, "Get the changes of a session as a diff",
                    "The diff.";
                get_session_file Get "/api/v1/sessions/{id}/files/{path}" (id: SessionId, path: FilePath)
                    -> 200 FileDetails, errors [409],
                    ReadSessions, "Get a file of a session's workspace, changed or not",
                    "The file.";
                read_session_file Get "/api/v1/sessions/{id}/files/{path}/content" (id: SessionId, path: FilePath)
                    query ContentQuery as ContentParams,
                    -> 200 FileContent, errors [409],
                    ReadSessions, "Read a file of a session's workspace",
                    "A part of the content.";
                list_workspace_files Get "/api/v1/sessions/{id}/workspace/files" (id: SessionId)
                    query FileNodeQuery as FileNodeParams,
                    -> 200 FileNode, errors [409],
                    ReadSessions, "List the files of a session's workspace, changed or not",
                    "The folder with its files.";
                get_file_diff Get "/api/v1/sessions/{id}/diff/{path}" (id: SessionId, path: FilePath)
                    query FileDiffQuery as FileDiffParams,
                    -> 200 FileDiff, errors [409],
                    ReadSessions, "Get the changes of a session to one file as a diff",
                    "The diff.";
                list_drafts Get "/api/v1/drafts" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Draft>, errors [],
                    ReadDrafts, "List drafts, the last saved first",
                    "A page of drafts. Those beyond 4 MiB are summaries (`isSummary`).";
                get_draft Get "/api/v1/drafts/{id}" (id: DraftId)
                    -> 200 Draft, errors [],
                    ReadDrafts, "Get a draft",
                    "The draft.";
                list_repositories Get "/api/v1/repositories" ()
                    query RepositoryQuery as RepositoryParams,
                    -> 200 Page<Repository>, errors [],
                    ReadCatalog, "List the repositories on which tasks were launched",
                    "A page of repositories.";
                get_repository Get "/api/v1/repositories/{id}" (id: RepositoryId)
                    -> 200 Repository, errors [],
                    ReadCatalog, "Get a repository",
                    "The repository.";
                list_branches Get "/api/v1/repositories/{id}/branches" (id: RepositoryId)
                    -> 200 BranchList, errors [],
                    ReadCatalog, "List the branches of a repository",
                    "The branches.";
                list_agents Get "/api/v1/agents" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Agent>, errors [],
                    ReadCatalog, "List the agents that tasks can name",
                    "A page of agents.";
                list_runtimes Get "/api/v1/runtimes" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Runtime>, errors [],
                    ReadCatalog, "List the runtimes that tasks can request",
                    "A page of runtimes.";
                list_executors Get "/api/v1/executors" ()
                    query PageRequest as PageParams,
                    -> 200 Page<ExecutorInfo>, errors [],
                    ReadCatalog, "List the hosts that run sessions",
                    "A page of executors.";
                list_projects Get "/api/v1/projects" ()
                    query PageRequest as PageParams,
                    -> 200 Page<Project>, errors [],
                    ReadSessions, "List the projects of sessions, the last used first",
                    "A page of projects.";
                list_workspaces Get "/api/v1/workspaces" ()
                    query WorkspaceQuery as WorkspaceParams,
                    -> 200 Page<WorkspaceInfo>, errors [],
                    ReadSessions, "List the workspaces of sessions, the newest first",
                    "A page of workspaces.";
            }
            client {
                list_session_logs Get "/api/v1/sessions/{id}/logs" (id: SessionId)
                    query LogParams as LogParams,
                    -> 200 Page<LogItem>, errors [],
                    ReadSessions, "List a session's log lines",
                    "The log lines, oldest first.";
                create_draft Post "/api/v1/drafts" ()
                    body DraftContent,
                    -> 201 Draft, errors [409, 410],
                    EditDrafts, "Create a draft",
                    "The draft was saved.";
                update_draft Put "/api/v1/drafts/{id}" (id: DraftId)
                    body DraftContent,
                    -> 200 Draft, errors [409, 410],
                    EditDrafts, "Update the given fields of a draft",
                    "The draft as it is now.";
                delete_draft Delete "/api/v1/drafts/{id}" (id: DraftId)
                    -> 204 (), errors [409, 410],
                    EditDrafts, "Delete a draft",
                    "The draft was deleted.";
                list_repos Get "/api/v1/repos" ()
                    query RepositoryQuery as RepositoryParams,
                    -> 200 Page<Repository>, errors [],
                    ReadCatalog, "List repositories; an alias of `/repositories`",
                    "A page of repositories.";
                health Get "/health" ()
                    -> 200 Health, errors [],
                    Public, "Check that the server is up",
                    "The server is up. Returns `OK` for `Accept: text/plain`.";
                ready Get "/ready" ()
                    -> 200 Health, errors [],
                    Public, "Check that the server accepts requests",
                    "The server serves requests.";
                deep_health Get "/api/v1/health/deep" ()
                    -> 200 DeepHealth, errors [],
                    ReadHealth, "Check the dependencies of the server",
                    "The checks and their results.";
                version Get "/api/v1/version" ()
                    -> 200 Version, errors [],
                    Public, "Get the version of the server",
                    "The server's version.";
                openapi Get "/api/v1/openapi.json" ()
                    -> 200 Value, errors [],
                    Public, "Get the OpenAPI document of this API",
                    "The OpenAPI document.";
                openapi_3_0 Get "/api/v1/openapi-3.0.json" ()
                    -> 200 Value, errors [],
                    Public, "Get the OpenAPI document in version 3.0, for older generators",
                    "The OpenAPI document in version 3.0.";
            }
            own {
                session_events Get "/api/v1/sessions/{id}/events" (id: SessionId)
                    query EventQuery as EventParams,
                    -> 200 Page<SessionEvent>, errors [],
                    ReadSessions, "List the events of a session",
                    "A page of events. A client that accepts only `text/event-stream` gets the \
                     stream instead.";
                stream_session_events Get "/api/v1/sessions/{id}/events/stream" (id: SessionId)
                    query StreamQuery as StreamParams,
                    -> 200 SessionEvent, errors [],
                    ReadSessions, "Stream the events of a session",
                    "The events after the cursor, then the new ones until the session ends. The `id:` \
                     of a frame is its event's `seq`.";
                task_events Get "/api/v1/tasks/{id}/events" (id: TaskId)
                    query AllEventsQuery as AllEventsParams,
                    -> 200 SessionEvent, errors [],
                    ReadSessions, "Stream the events of all sessions of a task",
                    "The events after the cursor, from the launch if there is none, until all \
                     sessions have ended. The `id:` of a frame is a position among the events of \
                     all sessions.";
                all_events Get "/api/v1/events" ()
                    query AllEventsQuery as AllEventsParams,
                    -> 200 SessionEvent, errors [],
                    ReadSessions, "Stream the events of many sessions",
                    "An endless stream. The `id:` of a frame is a position among the events of all \
                     sessions; `event:` is its event's `type`.";
                get_session_attachment Get "/api/v1/sessions/{id}/attachments/{hash}" (id: SessionId, hash: AttachmentHash)
                    -> 200 Vec<u8>, errors [],
                    ReadSessions, "Get an image, sound or document of a session",
                    "The bytes, with the media type that the agent reported. The `ETag` is the \
                     hash, and the response is to be saved and not displayed \
                     (`Content-Disposition: attachment`).";
                // A path parameter is a whole segment, so it contains the file's extension.
                get_agent_schema Get "/api/v1/schemas/agents/{file}" (file: String)
                    -> 200 Value, errors [],
                    ReadCatalog, "Get the JSON Schema of an agent's settings",
                    "The JSON Schema.";
                metrics Get "/metrics" ()
                    -> 200 String, errors [],
                    Public, "Get the metrics in Prometheus format",
                    "The metrics, in the text format of Prometheus.";
                docs Get "/api/docs" ()
                    -> 200 String, errors [],
                    Public, "Read the documentation of this API",
                    "An HTML page.";
                explain_error Get "/errors/{slug}" (slug: String)
                    -> 200 String, errors [],
                    Public, "Read the documentation of an error kind",
                    "The meaning, the causes and the remedy of the error kind.";
            }
        }
    };
}

//! The contract of [`TaskManager`] as executable cases, for its implementations.
//!
//! A program that is written against the trait runs unchanged on an in-process engine, on a remote
//! server, and on a mock with a paused clock, because all of them pass this suite. Other
//! implementations can run it too.
//!
//! # Running the suite
//!
//! Implement [`Harness`]: it creates an empty manager and controls everything outside of the trait.
//! Then [`suite!`] generates one named test per case, with the given test attribute:
//!
//! ```ignore
//! ah_conformance::suite!(#[tokio::test(start_paused = true)] Mine::start());
//! ```
//!
//! The expression is evaluated in each test, and may `.await`. A complete harness for a server that
//! cannot be controlled from outside:
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use ah_conformance::Harness;
//! use ah_rest_api_contract::{SessionStatus, TaskManager};
//! use async_trait::async_trait;
//!
//! struct ThirdParty(Arc<dyn TaskManager>);
//!
//! impl ThirdParty {
//!     async fn start() -> Self {
//!         todo!("start a server without sessions, and connect to it")
//!     }
//! }
//!
//! #[async_trait]
//! impl Harness for ThirdParty {
//!     fn manager(&self) -> Arc<dyn TaskManager> {
//!         self.0.clone()
//!     }
//!
//!     fn slots(&self) -> usize {
//!         2
//!     }
//!
//!     async fn advance(&self, by: Duration) {
//!         tokio::time::sleep(by).await;
//!     }
//!
//!     async fn hold(&self, status: SessionStatus) {
//!         panic!("sessions cannot be held in {status}");
//!     }
//!
//!     async fn release(&self, _: SessionStatus) {}
//! }
//!
//! ah_conformance::suite!(
//!     #[tokio::test] ThirdParty::start().await,
//!     skips: "# Sessions cannot be held in a status.
//!         control::prompting_from_every_status
//!         control::interrupting_from_every_status
//!         control::pausing_from_every_status
//!         control::resuming_from_every_status
//!         control::stopping_from_every_status
//!         control::cancelling_from_every_status
//!         workspace::changes_are_available_while_the_workspace_exists"
//! );
//! # fn main() {}
//! ```
//!
//! # Requirements
//!
//! * **An agent that plays a script.** Cases describe the behaviour of their agent as the timeline
//!   of a scenario, in the settings of an agent `scenario`; [`Harness::adapt`] may convert it.
//!   Agents are controlled through the trait: they continue when they are answered or prompted, so
//!   no case depends on timing. The entries in use are `think`, `assistant`, `log`, `agentEdits`,
//!   `agentPermissionRequest`, `agentActions`, `ifGranted`, `ifDenied`, `userInputs`, `usage`,
//!   `error`, `exit`, `crash` and `hang`.
//! * **A clock that can be advanced**, for limits and timeouts: [`Harness::advance`]. It may sleep.
//! * **Sessions that can be held in a status**, such as `pausing`, to check the actions allowed
//!   there: [`Harness::hold`].
//!
//! The cases that use these controls:
//!
//! | Control | Cases |
//! |---|---|
//! | `advance`, 5 ms at a time | `catalog::projects_of_tasks_are_listed`, `catalog::repositories_of_tasks_are_listed`, `drafts::draft_is_created_updated_and_deleted`, `drafts::drafts_are_sorted_by_last_update`, `lists::sessions_are_listed_newest_first`, `lists::initial_tasks_contain_drafts_and_sessions` |
//! | `advance`, 2 s | `permissions::a_request_expires` |
//! | `advance`, 31 s | `endings::session_over_its_idle_limit_is_stopped` |
//! | `advance`, 61 s | `endings::session_over_its_time_limit_fails` |
//! | `hold` and `release` | the six `control::…_from_every_status`, and `workspace::changes_are_available_while_the_workspace_exists` |
//!
//! Errors are compared by their [`ErrorKind`](ah_rest_api_contract::ErrorKind) and by the fields
//! they name, not by their text. The exception is that a refusal names the conflicting status.
//!
//! # Skipping cases
//!
//! List the cases that your implementation does not pass, one per line as `module::case`, with `#`
//! for comments, and pass the list to the suite:
//!
//! ```ignore
//! ah_conformance::suite!(
//!     #[tokio::test] Mine::start(),
//!     skips: include_str!("skips.txt")
//! );
//! ```
//!
//! The list can only shrink: a listed case that passes fails its test until it is removed from the
//! list, and so does a line that names no case.
//!
//! # Waiting
//!
//! A case waits for an event ([`World::until`]) or for a state of the session
//! ([`World::until_session`]), for at most 30 s, and uses no clock. It therefore also works on a
//! paused clock. A stream may yield at most 10,000 items, so that one that ignores its cursor or
//! never ends fails its case in bounded time.

pub mod cases;
mod script;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{CreateTask, SessionStatus, TaskManager};
use async_trait::async_trait;
use futures::FutureExt;

pub use world::World;

/// An implementation without sessions, and controls outside of the trait.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Returns the manager under test, always the same one.
    fn manager(&self) -> Arc<dyn TaskManager>;

    /// Returns the maximum number of running sessions: at least 2, and few enough for a case to
    /// fill them.
    fn slots(&self) -> usize;

    /// Advances the time of sessions and their limits.
    async fn advance(&self, by: Duration);

    /// Holds sessions in this status, one of `provisioning`, `pausing`, `resuming` and `stopping`.
    /// The step that would end it is deferred until [`Harness::release`].
    async fn hold(&self, status: SessionStatus);

    /// Performs the steps deferred by [`Harness::hold`].
    async fn release(&self, status: SessionStatus);

    /// Converts the task of a case for this implementation.
    fn adapt(&self, task: CreateTask) -> CreateTask {
        task
    }

    /// Runs after a case that passed.
    async fn end(&self) {}
}

/// Runs one case, as the tests generated by [`suite!`] do.
///
/// # Panics
/// The case fails, or it passes although it is listed in `skips`.
pub async fn run(
    name: &str,
    skips: &str,
    harness: impl Harness + 'static,
    case: impl AsyncFnOnce(&World),
) {
    let world = World::new(harness);
    if !listed(skips).any(|skip| skip == name) {
        case(&world).await;
        world.end().await;
        return;
    }
    let failed = AssertUnwindSafe(case(&world)).catch_unwind().await.is_err();
    assert!(failed, "{name} passes: take it off the list of skips");
}

/// Checks that every line of `skips` names a case.
///
/// # Panics
/// A line does not name a case.
pub fn check_skips(skips: &str) {
    let unknown: Vec<&str> = listed(skips).filter(|skip| !CASES.contains(skip)).collect();
    assert!(unknown.is_empty(), "no such cases: {unknown:?}");
}

fn listed(skips: &str) -> impl Iterator<Item = &str> {
    let lines = skips.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Declares the cases once, for the list of their names and for the tests of [`suite!`].
macro_rules! declare {
    ($dollar:tt $($module:ident: { $($case:ident,)+ })+) => {
        /// The names of all cases, in the format of a skip list.
        pub const CASES: &[&str] = &[
            $($(concat!(stringify!($module), "::", stringify!($case)),)+)+
        ];

        /// Runs the case with this name, one of [`CASES`]. The tests of [`suite!`] do the same; this
        /// is for programs that choose cases at run time.
        ///
        /// # Panics
        /// The case fails, or there is no case with this name.
        pub async fn run_case(name: &str, harness: impl Harness + 'static) {
            $($(if name == concat!(stringify!($module), "::", stringify!($case)) {
                let case = run(name, "", harness, cases::$module::$case);
                return Box::pin(case).await;
            })+)+
            panic!("no such case: {name}");
        }

        /// Generates a test for every case. Arguments: the test attributes, an expression that
        /// creates a [`Harness`](crate::Harness) and may `.await`, and optionally the text of a
        /// skip list.
        #[macro_export]
        macro_rules! suite {
            ($dollar(#[$dollar test:meta])+ $dollar harness:expr) => {
                $dollar crate::suite!($dollar(#[$dollar test])+ $dollar harness, skips: "");
            };
            ($dollar(#[$dollar test:meta])+ $dollar harness:expr, skips: $dollar skips:expr) => {
                #[test]
                fn every_skip_names_a_case() {
                    $dollar crate::check_skips($dollar skips);
                }
                $dollar crate::suite! {
                    @cases [$dollar(#[$dollar test])+] $dollar harness, $dollar skips;
                    $($module: { $($case,)+ })+
                }
            };
            (
                @cases $dollar attributes:tt $dollar harness:expr, $dollar skips:expr;
                $dollar($dollar module:ident: $dollar cases:tt)+
            ) => {
                $dollar(
                    mod $dollar module {
                        use super::*;

                        $dollar crate::suite! {
                            @module $dollar attributes $dollar harness, $dollar skips;
                            $dollar module $dollar cases
                        }
                    }
                )+
            };
            (
                @module $dollar attributes:tt $dollar harness:expr, $dollar skips:expr;
                $dollar module:ident { $dollar($dollar case:ident,)+ }
            ) => {
                $dollar($dollar crate::suite! {
                    @case $dollar attributes $dollar harness, $dollar skips;
                    $dollar module $dollar case
                })+
            };
            (
                @case [$dollar(#[$dollar test:meta])+] $dollar harness:expr, $dollar skips:expr;
                $dollar module:ident $dollar case:ident
            ) => {
                $dollar(#[$dollar test])+
                async fn $dollar case() {
                    let name = concat!(stringify!($dollar module), "::", stringify!($dollar case));
                    let case = $dollar crate::cases::$dollar module::$dollar case;
                    $dollar crate::run(name, $dollar skips, $dollar harness, case).await;
                }
            };
        }
    };
}

declare! { $
    launching: {
        a_task_launches_one_session,
        a_task_launches_many_sessions,
        a_task_with_a_key_is_launched_once,
        installed_version_has_several_words,
        options_for_the_default_are_accepted,
        a_prompt_keeps_its_blocks,
        a_session_starts_at_the_requested_branch_and_commit,
        invalid_task_names_its_fields_and_launches_nothing,
        sessions_wait_for_a_slot_by_priority,
        concurrent_launches_all_succeed,
        credentials_are_not_shown,
    }
    endings: {
        session_status_reflects_the_end_of_its_agent,
        an_interactive_session_waits_for_a_prompt,
        session_over_its_time_limit_fails,
        session_over_its_idle_limit_is_stopped,
    }
    events: {
        every_cursor_yields_the_remaining_events_once,
        readers_that_join_during_a_session_see_every_event,
        reader_resumes_at_its_cursor,
        cursor_at_the_end_yields_an_ended_stream,
        cursor_beyond_the_end_is_refused,
        filters_select_without_renumbering,
        history_is_paged_and_bounded,
        session_contains_its_recent_events,
        session_follows_from_its_log,
        ephemeral_events_are_not_in_the_log,
    }
    all_events: {
        every_event_of_every_session_is_delivered_once,
        a_stream_of_many_sessions_is_filtered,
        stream_without_a_cursor_starts_at_the_next_event,
    }
    prompts: {
        prompts_wait_for_their_turn,
        prompt_can_be_withdrawn_until_delivered,
        a_prompt_steers_a_turn,
        prompt_starts_a_turn_of_an_idle_agent,
        queued_prompts_are_undelivered_at_the_end,
        prompts_are_validated,
    }
    permissions: {
        a_request_waits_for_its_answer,
        a_request_is_answered_once,
        a_request_expires,
        policy_answers_immediately,
        an_answer_waits_for_a_paused_agent,
        request_ends_with_its_turn,
    }
    control: {
        prompting_from_every_status,
        interrupting_from_every_status,
        pausing_from_every_status,
        resuming_from_every_status,
        stopping_from_every_status,
        cancelling_from_every_status,
        paused_session_continues_where_it_was,
        an_interrupted_session_waits_for_a_prompt,
        stop_records_its_reason,
        stop_at_any_time_ends_the_session,
    }
    lists: {
        sessions_are_listed_newest_first,
        summaries_have_no_large_parts,
        pages_of_sessions_are_bounded_in_bytes,
        lists_are_filtered,
        prompts_are_paged_oldest_first,
        permissions_are_paged_oldest_first,
        files_are_paged_by_path,
        initial_tasks_contain_drafts_and_sessions,
    }
    drafts: {
        draft_is_created_updated_and_deleted,
        draft_keeps_every_field_of_a_task,
        drafts_are_sorted_by_last_update,
        drafts_are_paged,
        pages_of_drafts_are_bounded_in_bytes,
    }
    catalog: {
        version_and_health_are_reported,
        agents_are_listed,
        executors_and_runtimes_are_listed,
        projects_of_tasks_are_listed,
        workspaces_of_sessions_are_listed,
        repositories_of_tasks_are_listed,
        server_info_describes_the_implementation,
    }
    workspace: {
        changes_are_available_while_the_workspace_exists,
        files_are_read_from_the_workspace,
    }
    attachments: {
        binary_content_is_kept_apart_from_its_message,
    }
    unknown: {
        missing_items_are_not_found,
    }
}

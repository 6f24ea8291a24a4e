//! The contract of [`TaskManager`] as executable cases, for whoever implements it.
//!
//! A program that is written against the trait runs unchanged on an engine in its process, on a
//! server across the network, and on a mock under a paused clock, because all of them pass this one
//! suite. Yours can too.
//!
//! # Running it
//!
//! Implement [`Harness`]: it makes your manager, with nothing in it, and turns what the trait does
//! not. Then [`suite!`] makes one named test of each case, with the test attribute that you give:
//!
//! ```ignore
//! ah_conformance::suite!(#[tokio::test(start_paused = true)] Mine::start());
//! ```
//!
//! The expression is evaluated in each test, and may `.await`. The example `third_party` of this
//! crate is a whole one.
//!
//! # What it asks of you
//!
//! * **An agent that plays a script.** Cases say what their agent does as the timeline of a
//!   scenario, in the settings of an agent `scenario`; [`Harness::adapt`] may make something else
//!   of it. Agents are steered by what the trait has: they go on when they are answered or
//!   prompted, so no case depends on how long anything takes. The entries that occur are `think`,
//!   `assistant`, `log`, `agentEdits`, `agentPermissionRequest`, `agentActions`, `ifGranted`,
//!   `ifDenied`, `userInputs`, `usage`, `error`, `exit`, `crash` and `hang`.
//! * **A clock that can be turned**, for limits and time-outs: [`Harness::advance`].
//! * **Sessions that can be kept in a status**, such as `pausing`, to see what is admitted there:
//!   [`Harness::hold`].
//!
//! Errors are compared by their [`ErrorKind`](ah_rest_api_contract::ErrorKind) and by the fields
//! they name, never by their words, except that a refusal names the status that is in the way.
//!
//! # What you cannot do
//!
//! List the cases that your implementation does not pass, one a line as `module::case`, with `#`
//! before remarks, and give the list to the suite:
//!
//! ```ignore
//! ah_conformance::suite!(
//!     #[tokio::test] Mine::start(),
//!     skips: include_str!("skips.txt")
//! );
//! ```
//!
//! The list may only shrink: a case on it that passes fails its test until it is taken off, and so
//! does a line that names no case.
//!
//! # Waiting
//!
//! A case waits for an event ([`World::until`]) or for what a session is
//! ([`World::until_session`]), for 30 s at most, and knows nothing of clocks. So a case runs as
//! well on a clock that is paused.

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

/// An implementation with nothing in it, and what the trait does not turn.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The manager that is tested. It is always the same one.
    fn manager(&self) -> Arc<dyn TaskManager>;

    /// How many sessions may hold a slot at once: at least 2, and not so many that a case cannot
    /// fill them.
    fn slots(&self) -> usize;

    /// Lets this much time pass for sessions and their limits.
    async fn advance(&self, by: Duration);

    /// Keeps sessions in this status, one of `provisioning`, `pausing`, `resuming` and `stopping`:
    /// what would end it by itself is not done before [`Harness::release`].
    async fn hold(&self, status: SessionStatus);

    /// Does what was not done because of [`Harness::hold`].
    async fn release(&self, status: SessionStatus);

    /// The task of a case, made fit for this implementation.
    fn adapt(&self, task: CreateTask) -> CreateTask {
        task
    }

    /// Comes after a case that went well.
    async fn end(&self) {}
}

/// Runs one case. It is what the tests that [`suite!`] makes do.
///
/// # Panics
/// When the case fails, or when it passes although it is listed among `skips`.
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

/// Makes sure that every line of `skips` names a case.
///
/// # Panics
/// When one does not.
pub fn check_skips(skips: &str) {
    let unknown: Vec<&str> = listed(skips).filter(|skip| !CASES.contains(skip)).collect();
    assert!(unknown.is_empty(), "no such cases: {unknown:?}");
}

fn listed(skips: &str) -> impl Iterator<Item = &str> {
    let lines = skips.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Declares the cases, once: for the list of their names and for the tests of [`suite!`].
macro_rules! declare {
    ($dollar:tt $($module:ident: { $($case:ident,)+ })+) => {
        /// The names of all cases, as a list of skips has them.
        pub const CASES: &[&str] = &[
            $($(concat!(stringify!($module), "::", stringify!($case)),)+)+
        ];

        /// Makes a test of every case: the attributes that make one, an expression that makes a
        /// [`Harness`](crate::Harness) and may `.await`, and the text of a list of skips if there
        /// is one.
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
        what_is_wrong_is_named_and_nothing_is_launched,
        what_cannot_be_done_is_refused_as_that,
        sessions_wait_for_a_slot_and_the_urgent_goes_first,
        tasks_launched_at_once_are_all_launched,
        credentials_are_not_shown,
    }
    endings: {
        a_session_ends_as_its_agent_did,
        an_interactive_session_waits_for_a_prompt,
        a_session_that_takes_too_long_fails,
        a_session_that_nobody_prompts_is_stopped,
    }
    events: {
        every_event_comes_once_from_every_cursor,
        readers_that_come_meanwhile_see_no_seam,
        a_reader_takes_up_where_it_broke_off,
        a_reader_that_comes_after_the_end_is_sent_away,
        filters_choose_and_never_renumber,
        history_is_paged_and_bounded,
        a_session_carries_its_recent_events,
        what_is_in_the_making_changes_no_log,
    }
    all_events: {
        every_event_of_every_session_comes_once,
        a_stream_of_many_sessions_is_filtered,
        a_stream_without_a_cursor_begins_with_the_next_event,
    }
    prompts: {
        prompts_wait_for_their_turn,
        a_prompt_is_taken_back_until_it_is_said,
        a_prompt_steers_a_turn,
        a_prompt_begins_the_turn_of_an_idle_agent,
        what_waits_at_the_end_is_undelivered,
        prompts_are_judged,
    }
    permissions: {
        a_request_waits_for_its_answer,
        a_request_is_answered_once,
        a_request_expires,
        a_policy_answers_at_once,
        an_answer_waits_for_a_paused_agent,
        a_request_does_not_outlive_its_turn,
    }
    control: {
        prompting_from_every_status,
        interrupting_from_every_status,
        pausing_from_every_status,
        resuming_from_every_status,
        stopping_from_every_status,
        cancelling_from_every_status,
        a_paused_session_goes_on_where_it_was,
        an_interrupted_session_waits_for_a_prompt,
        a_stop_says_why,
        a_stop_at_any_moment_ends_the_session,
    }
    lists: {
        sessions_are_listed_newest_first,
        lists_are_filtered,
        a_program_starts_with_what_there_is,
    }
    drafts: {
        a_draft_is_saved_changed_and_deleted,
        the_last_saved_draft_comes_first,
        drafts_are_paged,
    }
    catalog: {
        agents_are_listed,
        repositories_are_known_by_their_tasks,
        a_manager_says_what_it_is,
    }
    workspace: {
        changes_can_be_looked_at_while_there_is_a_workspace,
    }
    unknown: {
        what_is_not_there_is_not_found,
    }
}

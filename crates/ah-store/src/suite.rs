//! The test cases of every store, in one module per trait of the port.
//!
//! A case is a plain `async fn(&dyn StoreHarness)`. [`store_suite!`](crate::store_suite) turns each
//! into a named test, so that every store runs a case that is added here.

#![expect(
    clippy::unwrap_used,
    reason = "a case fails by panicking, as the test that it is"
)]

pub mod claims;
pub mod drafts;
pub mod durability;
pub mod keys;
pub mod log;
pub mod model;
pub mod queue;
pub mod receipts;
pub mod repositories;
pub mod sample;
pub mod sessions;
pub mod tasks;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::Store;

/// One storage, initially empty, with the lifetime of the harness.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// Opens one more handle on the storage, as another process would.
    async fn open(&self) -> Arc<dyn Store>;
}

/// The longest wait of a case for an expected event.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the output of `future`, which must come within [`PATIENCE`].
async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not happen within {PATIENCE:?}"),
    }
}

/// Declares a test for every case of the suite. `$harness` is an expression that creates a harness
/// with an empty storage. The crate needs tokio with a multi-threaded runtime.
#[macro_export]
macro_rules! store_suite {
    ($harness:expr) => {
        $crate::store_suite! { @cases $harness;
            tasks: {
                a_task_and_its_sessions_come_into_being_together,
                a_task_that_cannot_be_created_leaves_nothing,
                two_hundred_sessions_of_one_task_keep_their_order,
                what_is_not_there_is_not_found,
            }
            sessions: {
                every_field_of_a_patch_is_kept,
                a_patch_clears_what_it_is_told_to,
                a_stale_version_is_a_conflict_and_leaves_nothing,
                a_stale_fence_is_refused_and_leaves_nothing,
                both_guards_are_checked,
                only_decisions_count_as_versions,
                a_refused_write_does_not_disturb_the_others,
                too_many_events_are_refused,
                many_writers_on_two_handles_leave_no_gap,
                an_ended_session_has_no_owner_and_no_recent_events,
                an_end_clears_the_owner_whatever_is_written_with_it,
                sessions_are_listed_newest_first,
                sessions_are_counted_by_status,
                sessions_are_filtered,
                cancelled_and_hidden_sessions_are_left_out,
            }
            claims: {
                the_urgent_then_the_old_go_first,
                slots_bound_what_is_claimed,
                two_engines_never_claim_the_same_session,
                an_expired_claim_is_an_orphan,
                a_dead_owners_session_is_an_orphan,
                a_released_session_is_an_orphan,
                a_former_owner_is_refused,
                owners_are_those_who_own,
                work_is_counted_up_by_anybody,
            }
            log: {
                events_come_after_a_cursor,
                the_stored_text_is_the_wire_form,
                history_is_filtered_and_paged,
                history_is_bounded_by_place_and_time,
                recent_events_are_the_last_three,
                the_log_has_the_events_of_all_sessions,
                a_row_says_what_filters_ask,
                no_reader_of_the_log_misses_an_event,
                a_reader_of_the_log_hears_of_its_own_process,
                a_reader_of_the_log_hears_of_another_handle,
                a_reader_is_told_where_a_session_stands,
                a_reader_hears_of_its_own_process,
                a_reader_hears_of_another_handle,
            }
            queue: {
                prompts_wait_in_their_order,
                a_prompt_that_is_not_known_is_not_found,
                a_permission_request_goes_its_way,
                a_permission_request_is_answered_once,
                only_what_is_not_settled_is_pending,
                what_is_named_is_found_in_its_session,
            }
            drafts: {
                drafts_are_kept_changed_and_deleted,
            }
            repositories: {
                a_repository_is_known_by_its_address,
                the_default_branch_of_a_repository_is_remembered,
            }
            receipts: {
                a_receipt_is_stored_with_its_work,
                a_receipt_is_not_stored_without_its_work,
                a_request_with_a_receipt_is_not_done_again,
                of_racing_writers_one_does_the_work,
                equal_requests_at_once_are_done_once,
                a_receipt_survives_reopening,
                an_expired_receipt_is_replaced,
                a_sweep_takes_expired_receipts,
            }
            keys: {
                keys_are_kept_and_revoked,
                a_key_that_is_not_there_is_not_found,
            }
            durability: {
                what_was_written_is_there_after_reopening,
                what_was_acknowledged_outlives_a_dropped_store,
                a_closed_store_is_unavailable,
                closing_writes_what_is_under_way,
                a_closed_store_lets_go_of_its_readers,
            }
            model: {
                a_store_does_what_the_model_does,
            }
        }
    };
    (@cases $harness:expr; $($module:ident: { $($case:ident,)+ })+) => {
        $(
            mod $module {
                use super::*;

                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let harness = $harness;
                        $crate::suite::$module::$case(&harness).await;
                    }
                )+
            }
        )+
    };
}

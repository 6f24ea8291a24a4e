//! The test cases of every store, in one module per trait of the port.
//!
//! A case is a plain `async fn(&dyn StoreHarness)`. [`store_suite!`](crate::store_suite) turns each
//! into a named test, so that every store runs a case that is added here.

#![expect(
    clippy::unwrap_used,
    reason = "a case fails by panicking, as the test that it is"
)]

pub mod attachments;
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
                task_and_sessions_are_created_atomically,
                failed_creation_of_a_task_has_no_effect,
                tasks_created_at_once_fail_alone,
                two_hundred_sessions_of_one_task_keep_their_order,
                missing_items_are_not_found,
            }
            sessions: {
                every_field_of_a_patch_is_kept,
                prompts_are_taken_until_the_end_is_decided,
                patch_clears_fields,
                stale_version_is_a_conflict_without_effect,
                stale_fence_is_rejected_without_effect,
                both_guards_are_checked,
                only_decisions_increment_the_version,
                rejected_write_does_not_affect_others,
                a_returned_session_is_as_of_the_commit,
                too_many_events_are_refused,
                many_writers_on_two_handles_leave_no_gap,
                the_latest_event_is_the_last_update,
                an_ended_session_has_no_owner_and_no_recent_events,
                terminal_write_clears_the_owner,
                an_end_erases_the_environment_of_the_agent,
                sessions_are_listed_newest_first,
                projects_are_those_of_sessions,
                sessions_are_counted_by_status,
                sessions_are_filtered,
                sessions_are_found_by_their_labels,
                cancelled_and_hidden_sessions_are_left_out,
                encoded_sessions_equal_typed_ones,
                encoded_sessions_are_never_older_than_a_write,
            }
            claims: {
                sessions_are_claimed_by_priority_then_age,
                slots_limit_claims,
                two_engines_never_claim_the_same_session,
                an_expired_claim_is_an_orphan,
                a_dead_owners_session_is_an_orphan,
                a_released_session_is_an_orphan,
                former_owner_is_fenced,
                owners_are_the_engines_with_sessions,
                work_counter_is_incremented_by_any_handle,
            }
            log: {
                events_come_after_a_cursor,
                a_read_is_bounded_in_bytes,
                the_stored_text_is_the_wire_form,
                a_page_is_bounded_in_bytes,
                history_is_filtered_and_paged,
                history_is_bounded_by_number_and_time,
                recent_events_are_the_last_three,
                log_contains_the_events_of_all_sessions,
                row_contains_the_filtered_fields,
                log_subscriber_misses_no_event,
                log_subscriber_is_notified_by_its_own_process,
                log_subscriber_is_notified_by_another_handle,
                subscriber_receives_the_head_of_a_session,
                subscriber_is_notified_by_its_own_process,
                subscriber_is_notified_by_another_handle,
            }
            queue: {
                prompts_are_queued_in_order,
                prompts_and_permissions_are_paged,
                unknown_prompt_is_not_found,
                permission_request_goes_through_its_states,
                a_permission_request_is_answered_once,
                only_unresolved_items_are_pending,
                prompts_and_permissions_are_found_by_id_in_their_session,
            }
            attachments: {
                an_attachment_is_complete_or_not_found,
                attachments_are_erased_with_their_session,
            }
            drafts: {
                drafts_are_created_updated_and_deleted,
            }
            repositories: {
                a_repository_is_known_by_its_address,
                an_end_erases_the_login_of_the_repository,
                the_default_branch_of_a_repository_is_remembered,
            }
            receipts: {
                a_receipt_is_stored_with_its_work,
                a_receipt_is_not_stored_without_its_work,
                a_request_with_a_receipt_is_not_done_again,
                one_of_concurrent_writers_does_the_work,
                concurrent_equal_requests_are_executed_once,
                a_receipt_contains_the_returned_session,
                a_receipt_survives_reopening,
                an_expired_receipt_is_replaced,
                a_sweep_takes_expired_receipts,
            }
            keys: {
                keys_are_stored_and_revoked,
                missing_key_is_not_found,
            }
            durability: {
                writes_survive_reopening,
                acknowledged_writes_survive_a_dropped_store,
                a_closed_store_is_unavailable,
                closing_finishes_pending_writes,
                closed_store_ends_its_subscriptions,
            }
            model: {
                store_behaves_like_the_model,
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

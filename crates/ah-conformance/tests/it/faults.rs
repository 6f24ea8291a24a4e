//! Every fault of a task manager is found by a case, in bounded time.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ah_conformance::Harness;
use ah_rest_api_contract::{SessionStatus, TaskManager};
use ah_rest_mock_client::MockTaskManager;
use async_trait::async_trait;

use crate::mutant::{Fault, Mutant};

/// The maximum time of a case, on the real clock. Cases wait on a paused one.
const CASE_MAX: Duration = Duration::from_secs(60);

/// A mock with a fault.
struct Faulty {
    mock: MockTaskManager,
    fault: Option<Fault>,
}

#[async_trait]
impl Harness for Faulty {
    fn manager(&self) -> Arc<dyn TaskManager> {
        Arc::new(Mutant::new(self.mock.clone(), self.fault))
    }

    fn slots(&self) -> usize {
        4
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    async fn hold(&self, status: SessionStatus) {
        self.mock.hold(status);
    }

    async fn release(&self, status: SessionStatus) {
        self.mock.release(status);
    }
}

/// Runs a case on a mock with this fault, and returns true if it passed.
fn passes(case: &'static str, fault: Option<Fault>) -> bool {
    let (sender, result) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            // The mock's clock is that of the runtime.
            let mock = MockTaskManager::builder().slots(4).build();
            ah_conformance::run_case(case, Faulty { mock, fault }).await;
        });
        // The test may have stopped waiting.
        sender.send(()).ok();
    });
    match result.recv_timeout(CASE_MAX) {
        Ok(()) => true,
        // The thread panicked, because the case failed.
        Err(mpsc::RecvTimeoutError::Disconnected) => false,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{case} does not end"),
    }
}

/// Declares a test for each fault: the case passes without it, and fails with it.
macro_rules! found {
    ($($name:ident: $fault:ident by $case:literal;)+) => {
        $(#[test]
        fn $name() {
            assert!(passes($case, None), "{} fails without a fault", $case);
            assert!(!passes($case, Some(Fault::$fault)), "{} does not find the fault", $case);
        })+

        #[test]
        fn every_fault_has_a_test() {
            let tested = [$(Fault::$fault),+];
            for fault in Fault::ALL {
                assert!(tested.contains(fault), "{fault:?}");
            }
        }
    };
}

found! {
    launch_without_branch: LaunchWithoutBranch by "launching::a_session_starts_at_the_requested_branch_and_commit";
    launch_without_commit: LaunchWithoutCommit by "launching::a_session_starts_at_the_requested_branch_and_commit";
    launch_without_model: LaunchWithoutModel by "launching::invalid_task_names_its_fields_and_launches_nothing";
    launch_without_labels: LaunchWithoutLabels by "launching::a_task_launches_one_session";
    launch_without_project: LaunchWithoutProject by "launching::a_task_launches_one_session";
    launch_with_flat_prompt: LaunchWithFlatPrompt by "launching::a_prompt_keeps_its_blocks";
    launch_without_key: LaunchWithoutKey by "launching::a_task_with_a_key_is_launched_once";
    launch_without_priority: LaunchWithoutPriority by "launching::sessions_wait_for_a_slot_by_priority";
    launch_without_count: LaunchWithoutCount by "launching::a_task_launches_many_sessions";
    launch_not_interactive: LaunchNotInteractive by "endings::an_interactive_session_waits_for_a_prompt";
    launch_without_time_limit: LaunchWithoutTimeLimit by "endings::session_over_its_time_limit_fails";
    launch_without_idle_limit: LaunchWithoutIdleLimit by "endings::session_over_its_idle_limit_is_stopped";
    launch_without_policy: LaunchWithoutPolicy by "permissions::policy_answers_immediately";
    task_without_labels: TaskWithoutLabels by "launching::a_task_launches_one_session";
    list_ignores_page: ListIgnoresPage by "lists::sessions_are_listed_newest_first";
    list_is_reversed: ListIsReversed by "lists::sessions_are_listed_newest_first";
    list_ignores_status: ListIgnoresStatus by "lists::lists_are_filtered";
    list_ignores_agent: ListIgnoresAgent by "lists::lists_are_filtered";
    list_ignores_project: ListIgnoresProject by "lists::lists_are_filtered";
    list_ignores_task: ListIgnoresTask by "lists::lists_are_filtered";
    list_ignores_labels: ListIgnoresLabels by "lists::lists_are_filtered";
    list_ignores_archive: ListIgnoresArchive by "lists::lists_are_filtered";
    initial_tasks_without_ended: InitialTasksWithoutEnded by "lists::initial_tasks_contain_drafts_and_sessions";
    session_without_recent_events: SessionWithoutRecentEvents by "events::session_contains_its_recent_events";
    list_ignores_view: ListIgnoresView by "lists::summaries_have_no_large_parts";
    pages_of_sessions_without_bound: PagesWithoutBound by "lists::pages_of_sessions_are_bounded_in_bytes";
    pages_of_drafts_without_bound: PagesWithoutBound by "drafts::pages_of_drafts_are_bounded_in_bytes";
    session_without_last_message: SessionWithoutLastMessage by "lists::summaries_have_no_large_parts";
    version_is_empty: VersionIsEmpty by "catalog::version_and_health_are_reported";
    health_without_checks: HealthWithoutChecks by "catalog::version_and_health_are_reported";
    session_without_usage: SessionWithoutUsage by "events::session_contains_its_recent_events";
    session_without_activity: SessionWithoutActivity by "permissions::a_request_waits_for_its_answer";
    session_of_an_old_log: SessionOfAnOldLog by "events::session_follows_from_its_log";
    missing_session_is_conflict: MissingSessionIsConflict by "unknown::missing_items_are_not_found";
    info_without_leader: InfoWithoutLeader by "workspace::changes_are_available_while_the_workspace_exists";
    stream_ignores_cursor: StreamIgnoresCursor by "events::every_cursor_yields_the_remaining_events_once";
    resumed_stream_ignores_cursor: StreamIgnoresCursor by "events::reader_resumes_at_its_cursor";
    stream_accepts_any_cursor: StreamAcceptsAnyCursor by "events::cursor_beyond_the_end_is_refused";
    stream_never_ends: StreamNeverEnds by "events::every_cursor_yields_the_remaining_events_once";
    stream_never_ends_with_ephemeral_events: StreamNeverEnds by "events::ephemeral_events_are_not_in_the_log";
    stream_repeats_its_end: StreamRepeatsItsEnd by "events::every_cursor_yields_the_remaining_events_once";
    stream_repeats_its_end_with_ephemeral_events: StreamRepeatsItsEnd by "events::ephemeral_events_are_not_in_the_log";
    stream_loses_an_event: StreamLosesAnEvent by "events::every_cursor_yields_the_remaining_events_once";
    stream_repeats_an_event: StreamRepeatsAnEvent by "events::every_cursor_yields_the_remaining_events_once";
    stream_without_ephemeral_events: StreamWithoutEphemeral by "events::ephemeral_events_are_not_in_the_log";
    stream_without_offsets: StreamWithoutOffsets by "events::ephemeral_events_are_not_in_the_log";
    stream_ignores_types: StreamIgnoresTypes by "events::filters_select_without_renumbering";
    stream_ignores_level: StreamIgnoresLevel by "events::filters_select_without_renumbering";
    all_events_ignore_cursor: AllEventsIgnoreCursor by "all_events::every_event_of_every_session_is_delivered_once";
    all_events_ignore_sessions: AllEventsIgnoreSessions by "all_events::a_stream_of_many_sessions_is_filtered";
    all_events_ignore_types: AllEventsIgnoreTypes by "all_events::a_stream_of_many_sessions_is_filtered";
    history_ignores_page: HistoryIgnoresPage by "events::history_is_paged_and_bounded";
    history_ignores_order: HistoryIgnoresOrder by "events::history_is_paged_and_bounded";
    history_ignores_cursors: HistoryIgnoresCursors by "events::history_is_paged_and_bounded";
    history_ignores_times: HistoryIgnoresTimes by "events::history_is_paged_and_bounded";
    history_ignores_filter: HistoryIgnoresFilter by "events::filters_select_without_renumbering";
    prompt_never_steers: PromptNeverSteers by "prompts::a_prompt_steers_a_turn";
    prompts_ignore_page: PromptsIgnorePage by "lists::prompts_are_paged_oldest_first";
    withdrawal_has_no_effect: WithdrawalHasNoEffect by "prompts::prompt_can_be_withdrawn_until_delivered";
    interrupt_has_no_effect: InterruptHasNoEffect by "control::an_interrupted_session_waits_for_a_prompt";
    pause_has_no_effect: PauseHasNoEffect by "control::paused_session_continues_where_it_was";
    resume_without_prompt: ResumeWithoutPrompt by "control::paused_session_continues_where_it_was";
    stop_without_reason: StopWithoutReason by "control::stop_records_its_reason";
    cancel_only_stops: CancelOnlyStops by "control::cancelling_from_every_status";
    permissions_ignore_page: PermissionsIgnorePage by "lists::permissions_are_paged_oldest_first";
    answer_is_always_allow: AnswerIsAlwaysAllow by "permissions::a_request_waits_for_its_answer";
    drafts_ignore_page: DraftsIgnorePage by "drafts::drafts_are_paged";
    draft_is_not_updated: DraftIsNotUpdated by "drafts::draft_is_created_updated_and_deleted";
    draft_is_not_deleted: DraftIsNotDeleted by "drafts::draft_is_created_updated_and_deleted";
    branches_without_default: BranchesWithoutDefault by "catalog::repositories_of_tasks_are_listed";
    files_ignore_page: FilesIgnorePage by "lists::files_are_paged_by_path";
    files_ignore_status: FilesIgnoreStatus by "lists::files_are_paged_by_path";
    diff_ignores_files: DiffIgnoresFiles by "workspace::changes_are_available_while_the_workspace_exists";
    files_are_cut: FilesAreCut by "workspace::files_are_read_from_the_workspace";
    folders_hide_files: FoldersHideFiles by "workspace::files_are_read_from_the_workspace";
    file_diff_ignores_context: FileDiffIgnoresContext by "workspace::files_are_read_from_the_workspace";
    attachments_are_cut: AttachmentsAreCut by "attachments::binary_content_is_kept_apart_from_its_message";
    diff_ignores_context: DiffIgnoresContext by "workspace::changes_are_available_while_the_workspace_exists";
    diff_ignores_whole_files: DiffIgnoresWholeFiles by "workspace::changes_are_available_while_the_workspace_exists";
}

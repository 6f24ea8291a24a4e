//! Snapshots of the exact JSON of one example of each event and object (contract §0.1, §0.4, §0.9,
//! §5.2).

use std::collections::BTreeMap;

use ah_rest_api_contract::*;
use serde_json::{Map, Value, json};
use ulid::Ulid;

fn id() -> Ulid {
    Ulid::from_string("01ARZ3NDEKTSV4RRFFQ69G5FAV").expect("canonical")
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_769_860_800_000)
}

fn args() -> Map<String, Value> {
    Map::from_iter([("path".to_owned(), json!("src/main.rs"))])
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn update() -> SessionUpdate {
    let session = session();
    let mut update = SessionUpdate::default();
    update.workspace = session.workspace;
    update.commit = session.repo.commit;
    update.agent_version = session.agent.version;
    update.started_at = Some(now());
    update.activity = Some(Activity::Working);
    update.reason = some("cancelled by me");
    update.changes = session.changes;
    update
}

/// An example of each event of the log, in the order of [`EventType`].
pub(crate) fn events() -> Vec<EventPayload> {
    let text = str::to_owned;
    vec![
        EventPayload::Status(
            StatusChange::new(SessionStatus::Failed)
                .with_previous(SessionStatus::Running)
                .with_reason(some("the agent was killed"))
                .with_exit_code(137)
                .with_signal(9),
        ),
        EventPayload::Turn(TurnChange::ended(
            Some(PromptId::from_ulid(id())),
            StopReason::Completed,
        )),
        EventPayload::SessionUpdate(update()),
        EventPayload::Log(
            Log::new(LogLevel::Info, text("compiling")).with_tool_execution_id(some("tool-1")),
        ),
        EventPayload::Message(
            Message::new(
                MessageRole::User,
                MessageId::from_ulid(id()),
                vec![ContentBlock::text("Fix it")],
            )
            .with_author(some("me"))
            .with_delivery(PromptDelivery::Queued)
            .with_prompt_id(PromptId::from_ulid(id())),
        ),
        EventPayload::Thought(
            Thought::new(text("read it first")).with_reasoning(some("it is short")),
        ),
        EventPayload::ToolUse(ToolUse::new(text("tool-1"), text("read"), args())),
        EventPayload::ToolResult(
            ToolResult::new(
                text("tool-1"),
                text("read"),
                ToolOutcome::Completed,
                text("fn main() {}"),
            )
            .with_exit_code(0)
            .with_attachments(vec![
                AttachmentRef::new(
                    AttachmentHash::from_digest([1; 32]),
                    text("image/png"),
                    3,
                    text("/api/v1/sessions/1/attachments/2"),
                )
                .with_source(some("file:///ws/a.png")),
            ]),
        ),
        EventPayload::FileEdit(
            FileEdit::new(text("src/main.rs"), 2, 1).with_description(some("greet")),
        ),
        EventPayload::Diff(
            DiffEvent::new(text("tool-1"), text("/ws/src/main.rs"))
                .with_old_text(some("a"))
                .with_new_text(some("b"))
                .with_old_text_head(some("c"))
                .with_new_text_head(some("d"))
                .with_old_text_tail(some("e"))
                .with_new_text_tail(some("f"))
                .with_truncated(true)
                .with_full_diff_url(some("/api/v1/sessions/x/diff/src/main.rs")),
        ),
        EventPayload::PermissionRequest(requested()),
        EventPayload::PermissionResolved(resolved()),
        EventPayload::Plan(Plan::new(vec![PlanEntry::new(
            text("read"),
            PlanStatus::InProgress,
            PlanPriority::High,
        )])),
        EventPayload::Usage(usage()),
        EventPayload::Progress(Progress::new(50, text("tests"))),
        EventPayload::Error(ErrorEvent::new(text("overloaded"))),
    ]
}

fn requested() -> PermissionRequested {
    PermissionRequested::new(
        PermissionId::from_ulid(id()),
        "edit",
        args(),
        vec![PermissionOption::new(
            "yes",
            "Yes",
            PermissionOptionKind::AllowOnce,
        )],
        now(),
    )
}

fn resolved() -> PermissionResolved {
    PermissionResolved::new(
        PermissionId::from_ulid(id()),
        PermissionOutcome::Selected,
        "me",
    )
    .with_option_id(some("yes"))
}

fn usage() -> Usage {
    Usage {
        input_tokens: 100,
        output_tokens: 20,
        cached_tokens: Some(80),
        cost_usd: Some(0.25),
        context_used: Some(120),
        context_size: Some(200_000),
        model: some("a-model"),
    }
}

/// Returns a session with every field.
pub(crate) fn session() -> Session {
    let session_id = SessionId::from_ulid(id());
    let mut agent = SessionAgent::new(AgentType::new("scenario")).with_version("1");
    agent.model = some("a-model");
    agent.settings = args();
    let task_id = TaskId::from_ulid(id());
    let mut session = Session::new(session_id, task_id, agent, "Fix it".into(), now());
    session.tenant_id = some("tenant");
    session.project_id = some("project");
    session.status = SessionStatus::Running;
    session.activity = Some(Activity::AwaitingPermission);
    session.reason = some("because");
    session.exit_code = Some(0);
    session.repo = SessionRepo::git("https://example.org/a.git");
    session.repo.branch = some("main");
    session.repo.commit = some("0123abcd");
    session.workspace = Some(
        SessionWorkspace::new(WorkspaceProvider::Worktree, "/ws", ExecutorId::local())
            .with_branch(some("ah/x"))
            .with_passed_over(vec![PassedOverProvider::new("zfs", "is not known")]),
    );
    session.labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    session.priority = Priority::High;
    session.interactive = true;
    session.started_at = Some(now());
    session.ended_at = Some(now());
    session.last_seq = EventSeq::new(7);
    session.last_message = Some("Done.".to_owned());
    session.recent_events = vec![SessionEvent::new(
        EventSeq::new(7),
        now(),
        session_id,
        EventPayload::Thought(Thought::new("read it first").with_reasoning(some("it is short"))),
    )];
    session.changes = Some(ChangeSummary {
        files_changed: 1,
        lines_added: 2,
        lines_removed: 3,
    });
    session.usage = Some(usage());
    session.parent_session_id = Some(session_id);
    session.is_summary = true;
    session
}

#[test]
fn every_event() {
    let mut lines = String::new();
    let mut seen = Vec::new();
    for (seq, payload) in events().into_iter().enumerate() {
        seen.push(payload.event_type());
        let event = SessionEvent::new(
            EventSeq::new(seq as u64 + 1),
            now(),
            SessionId::from_ulid(id()),
            payload,
        );
        lines += &serde_json::to_string(&event).expect("JSON");
        lines.push('\n');
    }
    assert_eq!(seen, EventType::ALL, "an example of each event, in order");
    insta::assert_snapshot!(lines);
}

#[test]
fn an_event_with_nothing_optional() {
    let first = EventPayload::Status(StatusChange::new(SessionStatus::Queued));
    insta::assert_snapshot!(
        serde_json::to_string(&first).expect("JSON"),
        @r#"{"type":"status","status":"queued"}"#
    );
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

#[test]
fn the_session() {
    insta::assert_snapshot!(pretty(&session()));
}

#[test]
fn launching_a_task() {
    let mut task = CreateTask::new("Fix it", RepoConfig::git("/home/me/a"), "scenario");
    task.timeout_ms = Some(1000);
    task.idle_timeout_ms = Some(2000);
    task.permissions.rules = vec![PermissionRule {
        tool: some("edit"),
        path: some("src/**"),
        action: PermissionAction::Allow,
    }];
    let session_id = SessionId::from_ulid(id());
    let launched = LaunchedTask::new(TaskId::from_ulid(id()), session_id, &[]);
    insta::assert_snapshot!(format!("{}\n{}", pretty(&task), pretty(&launched)));
}

#[test]
fn prompts_and_permissions() {
    let prompt = Prompt::new(PromptId::from_ulid(id()), "Go on".into(), "me", now())
        .with_delivery(DeliveryMode::Steer);
    let mut receipt = PromptReceipt::of(SessionId::from_ulid(id()), &prompt);
    receipt.delivery = PromptDelivery::Queued;
    let permission = Permission::new(requested(), now())
        .with_state(PermissionState::Resolved)
        .with_resolution(resolved());
    insta::assert_snapshot!(format!(
        "{}\n{}\n{}",
        pretty(&prompt),
        pretty(&receipt),
        pretty(&permission)
    ));
}

#[test]
fn changes_and_lists() {
    let diff = SessionDiff::of(vec![
        FileDiff::new("b", FileStatus::Renamed, "…")
            .with_old_path(some("a"))
            .with_lines_added(1)
            .with_context_lines(3)
            .with_hunks(vec![Hunk::new(1, 1, 1, 2, " a\n+b\n")]),
    ]);
    let files = Page {
        items: vec![
            FileEntry::new("b", FileStatus::Renamed)
                .with_old_path(some("a"))
                .with_lines_added(1)
                .with_size_bytes(4)
                .with_last_modified(now()),
        ],
        total: 2,
        next_page: Some(2),
    };
    insta::assert_snapshot!(format!("{}\n{}", pretty(&diff), pretty(&files)));
}

#[test]
fn a_problem() {
    let problem = Problem {
        request_id: some("req-1"),
        instance: some("/api/v1/tasks"),
        ..Problem::validation(FieldErrors::of("repo.url", "is required"))
    };
    insta::assert_snapshot!(pretty(&problem));
}

#[test]
fn the_catalogue() {
    let agent = Agent::new(
        AgentType::new("scenario"),
        "scenario",
        "Plays a scenario",
        Installation::Installed { version: some("1") },
        AgentCapabilities::default(),
        "/api/v1/schemas/agents/scenario.json",
    )
    .with_versions(vec!["1".to_owned()]);
    let mut repository = Repository::git(
        RepositoryId::from_ulid(id()),
        "a",
        "https://example.org/a.git",
    );
    repository.default_branch = some("main");
    repository.last_used_at = Some(now());
    let branches = BranchList::new(repository.id, vec![Branch::new("main", true, "0123abcd")]);
    insta::assert_snapshot!(format!(
        "{}\n{}\n{}",
        pretty(&agent),
        pretty(&repository),
        pretty(&branches)
    ));
}

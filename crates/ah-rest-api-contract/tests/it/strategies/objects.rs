//! Strategies for requests and responses.

use std::collections::BTreeMap;

use ah_rest_api_contract::*;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::{
    json_object, permission_requested, permission_resolved, prompt_content, seq, session_event,
    status, text, timestamp, ulid, usage,
};

pub(crate) fn permission() -> BoxedStrategy<Permission> {
    let state = prop::sample::select(vec![
        PermissionState::Pending,
        PermissionState::Answered,
        PermissionState::Resolved,
    ]);
    (
        permission_requested(),
        timestamp(),
        state,
        of(permission_resolved()),
    )
        .prop_map(|(request, created_at, state, resolution)| {
            Permission::new(request, created_at)
                .with_state(state)
                .with_resolution(resolution)
        })
        .boxed()
}

pub(crate) fn policy() -> BoxedStrategy<PermissionPolicy> {
    let action = prop::sample::select(vec![
        PermissionAction::Ask,
        PermissionAction::Allow,
        PermissionAction::Deny,
    ]);
    let rule = (of(text()), of(text()), action.clone())
        .prop_map(|(tool, path, action)| PermissionRule { tool, path, action });
    (action.clone(), vec(rule, 0..4), action, any::<u64>())
        .prop_map(
            |(default, rules, on_timeout, timeout_ms)| PermissionPolicy {
                default,
                rules,
                on_timeout,
                timeout_ms,
            },
        )
        .boxed()
}

pub(crate) fn repo_config() -> BoxedStrategy<RepoConfig> {
    let mode = prop::sample::select(vec![RepoMode::Git, RepoMode::None]);
    (mode, of(text()), of(text()), of(text()))
        .prop_map(|(mode, url, branch, commit)| RepoConfig {
            mode,
            url,
            branch,
            commit,
        })
        .boxed()
}

fn runtime() -> BoxedStrategy<RuntimeConfig> {
    let kinds = RuntimeType::ALL.to_vec();
    (
        prop::sample::select(kinds),
        of(text()),
        of((of(any::<u32>()), of(any::<u32>()))),
    )
        .prop_map(
            |(runtime_type, devcontainer_path, resources)| RuntimeConfig {
                runtime_type,
                devcontainer_path,
                resources: resources.map(|(cpu, memory_mib)| RuntimeResources { cpu, memory_mib }),
            },
        )
        .boxed()
}

fn workspace_config() -> BoxedStrategy<WorkspaceConfig> {
    (vec(text(), 0..3), any::<bool>())
        .prop_map(|(snapshot_preference, is_local)| WorkspaceConfig {
            snapshot_preference,
            execution_host_id: is_local.then(ExecutorId::local),
        })
        .boxed()
}

fn work_delivery() -> BoxedStrategy<WorkDelivery> {
    let modes = WorkDeliveryMode::ALL.to_vec();
    (prop::sample::select(modes), of(text()))
        .prop_map(|(mode, target_branch)| WorkDelivery {
            mode,
            target_branch,
        })
        .boxed()
}

fn webhooks() -> BoxedStrategy<Vec<WebhookRequest>> {
    let webhook = (text(), text()).prop_map(|(event, url)| WebhookRequest { event, url });
    vec(webhook, 0..3).boxed()
}

fn agent_selection() -> BoxedStrategy<AgentSelection> {
    (text(), of(text()), of(text()), any::<u32>(), json_object())
        .prop_map(|(name, version, model, count, settings)| AgentSelection {
            agent_type: AgentType::new(name),
            version,
            model,
            count,
            settings,
        })
        .boxed()
}

fn string_map() -> BoxedStrategy<BTreeMap<String, String>> {
    btree_map(text(), text(), 0..3).boxed()
}

fn priority() -> BoxedStrategy<Priority> {
    prop::sample::select(vec![Priority::Normal, Priority::High]).boxed()
}

pub(crate) fn create_task() -> BoxedStrategy<CreateTask> {
    (
        (
            prompt_content(),
            repo_config(),
            runtime(),
            of(workspace_config()),
        ),
        vec(agent_selection(), 0..3),
        (of(text()), of(text()), string_map(), string_map()),
        (priority(), any::<bool>(), policy()),
        (of(any::<u64>()), of(any::<u64>())),
        (of(work_delivery()), webhooks()),
    )
        .prop_map(|(what, agents, names, how, limits, after)| CreateTask {
            prompt: what.0,
            repo: what.1,
            runtime: what.2,
            workspace: what.3,
            delivery: after.0,
            webhooks: after.1,
            agents,
            tenant_id: names.0,
            project_id: names.1,
            labels: names.2,
            env: names.3,
            priority: how.0,
            interactive: how.1,
            permissions: how.2,
            timeout_ms: limits.0,
            idle_timeout_ms: limits.1,
        })
        .boxed()
}

pub(crate) fn draft() -> BoxedStrategy<Draft> {
    // Any of the fields of a task.
    (
        ulid(),
        create_task(),
        any::<[bool; 16]>(),
        timestamp(),
        timestamp(),
    )
        .prop_map(|(id, task, present, created_at, updated_at)| {
            let content = DraftContent {
                prompt: present[0].then_some(task.prompt),
                repo: present[1].then_some(task.repo),
                agents: present[2].then_some(task.agents),
                runtime: present[3].then_some(task.runtime),
                workspace: task.workspace.filter(|_| present[4]),
                tenant_id: task.tenant_id.filter(|_| present[5]),
                project_id: task.project_id.filter(|_| present[6]),
                labels: present[7].then_some(task.labels),
                priority: present[8].then_some(task.priority),
                interactive: present[9].then_some(task.interactive),
                timeout_ms: task.timeout_ms.filter(|_| present[10]),
                idle_timeout_ms: task.idle_timeout_ms.filter(|_| present[11]),
                permissions: present[12].then_some(task.permissions),
                env: present[13].then_some(task.env),
                delivery: task.delivery.filter(|_| present[14]),
                webhooks: present[15].then_some(task.webhooks),
            };
            Draft::new(DraftId::from_ulid(id), content, created_at, updated_at)
        })
        .boxed()
}

type SessionParts = (
    SessionRepo,
    SessionAgent,
    Option<SessionWorkspace>,
    RuntimeConfig,
    Option<ChangeSummary>,
);

pub(super) fn session_workspace() -> BoxedStrategy<SessionWorkspace> {
    let provider = prop::sample::select(vec![
        WorkspaceProvider::Worktree,
        WorkspaceProvider::Overlay,
        WorkspaceProvider::Empty,
    ]);
    let passed_over =
        (text(), text()).prop_map(|(name, reason)| PassedOverProvider::new(name, reason));
    let passed_over = vec(passed_over, 0..3);
    (provider, text(), of(text()), passed_over, of(isolation()))
        .prop_map(|(provider, path, branch, passed_over, isolation)| {
            SessionWorkspace::new(provider, path, ExecutorId::local())
                .with_branch(branch)
                .with_passed_over(passed_over)
                .with_isolation(isolation)
        })
        .boxed()
}

fn isolation() -> BoxedStrategy<SessionIsolation> {
    let profile = prop::sample::select(vec![SandboxProfile::Default, SandboxProfile::Disabled]);
    (profile, vec(text(), 0..3), of((text(), text())))
        .prop_map(|(profile, enforced, missing)| {
            let isolation = SessionIsolation::new(profile).with_enforced(enforced);
            match missing {
                Some((protection, reason)) => isolation.with_missing(protection, reason),
                None => isolation,
            }
        })
        .boxed()
}

pub(super) fn change_summary() -> BoxedStrategy<ChangeSummary> {
    any::<(u64, u64, u64)>()
        .prop_map(|(files, added, removed)| ChangeSummary {
            files_changed: files,
            lines_added: added,
            lines_removed: removed,
        })
        .boxed()
}

/// The runtime of a session, which has a kind only.
fn session_runtime() -> BoxedStrategy<RuntimeConfig> {
    let kinds = prop::sample::select(RuntimeType::ALL.to_vec());
    kinds
        .prop_map(|runtime_type| RuntimeConfig {
            runtime_type,
            ..RuntimeConfig::default()
        })
        .boxed()
}

fn session_parts() -> BoxedStrategy<SessionParts> {
    let repo = repo_config().prop_map(|config| {
        let mut repo = SessionRepo::none();
        repo.mode = config.mode;
        repo.url = config.url;
        repo.branch = config.branch;
        repo.commit = config.commit;
        repo
    });
    let agent = (text(), of(text()), of(text()), json_object()).prop_map(
        |(name, version, model, settings)| {
            let mut agent = SessionAgent::new(AgentType::new(name));
            agent.version = version;
            agent.model = model;
            agent.settings = settings;
            agent
        },
    );
    (
        repo,
        agent,
        of(session_workspace()),
        session_runtime(),
        of(change_summary()),
    )
        .boxed()
}

pub(crate) fn session() -> BoxedStrategy<Session> {
    let activity = prop::sample::select(vec![
        Activity::Working,
        Activity::Idle,
        Activity::AwaitingPermission,
    ]);
    let times = (timestamp(), timestamp(), of(timestamp()), of(timestamp()));
    (
        (ulid(), ulid(), of(ulid())),
        (of(text()), of(text()), of(text()), text(), prompt_content()),
        (status(), of(activity), of(any::<i32>())),
        session_parts(),
        (string_map(), priority(), any::<bool>()),
        times,
        (
            seq(),
            vec(session_event(), 0..=RECENT_EVENTS_MAX),
            of(usage()),
        ),
    )
        .prop_map(|(ids, texts, state, parts, choices, times, log)| {
            let id = SessionId::from_ulid(ids.0);
            let task_id = TaskId::from_ulid(ids.1);
            let mut session = Session::new(id, task_id, parts.1, texts.4, times.0);
            session.tenant_id = texts.0;
            session.project_id = texts.1;
            session.status = state.0;
            session.activity = state.1;
            session.reason = texts.2;
            session.exit_code = state.2;
            session.prompt = texts.3;
            session.repo = parts.0;
            session.runtime = parts.3;
            session.workspace = parts.2;
            session.labels = choices.0;
            session.priority = choices.1;
            session.interactive = choices.2;
            session.updated_at = times.1;
            session.started_at = times.2;
            session.ended_at = times.3;
            session.last_seq = log.0;
            session.recent_events = log.1;
            session.last_message = ids.2.map(|id| format!("said {id}"));
            session.changes = parts.4;
            session.usage = log.2;
            session.parent_session_id = ids.2.map(SessionId::from_ulid);
            session
        })
        .boxed()
}

fn file_status() -> BoxedStrategy<FileStatus> {
    prop::sample::select(vec![
        FileStatus::Added,
        FileStatus::Modified,
        FileStatus::Deleted,
        FileStatus::Renamed,
    ])
    .boxed()
}

pub(crate) fn file_entry() -> BoxedStrategy<FileEntry> {
    (
        text(),
        of(text()),
        file_status(),
        any::<(u64, u64, bool, bool)>(),
        of(any::<u64>()),
        of(timestamp()),
    )
        .prop_map(
            |(path, old_path, status, counts, size_bytes, last_modified)| {
                FileEntry::new(path, status)
                    .with_old_path(old_path)
                    .with_lines_added(counts.0)
                    .with_lines_removed(counts.1)
                    .with_is_binary(counts.2)
                    .with_is_truncated(counts.3)
                    .with_size_bytes(size_bytes)
                    .with_last_modified(last_modified)
            },
        )
        .boxed()
}

pub(crate) fn session_diff() -> BoxedStrategy<SessionDiff> {
    let hunk = (any::<(u64, u64, u64, u64)>(), text())
        .prop_map(|(lines, content)| Hunk::new(lines.0, lines.1, lines.2, lines.3, content));
    let file = (
        (text(), of(text()), file_status(), text()),
        any::<(u64, u64, u32)>(),
        any::<(bool, bool, bool)>(),
        vec(hunk, 0..3),
    )
        .prop_map(|(names, counts, flags, hunks)| {
            FileDiff::new(names.0, names.2, names.3)
                .with_old_path(names.1)
                .with_lines_added(counts.0)
                .with_lines_removed(counts.1)
                .with_context_lines(counts.2)
                .with_full_file(flags.0)
                .with_is_binary(flags.1)
                .with_is_truncated(flags.2)
                .with_hunks(hunks)
        });
    vec(file, 0..3).prop_map(SessionDiff::of).boxed()
}

pub(crate) fn problem() -> BoxedStrategy<Problem> {
    (
        prop::sample::select(ErrorKind::ALL.to_vec()),
        of(text()),
        of(text()),
        vec((text(), text()), 0..3),
        of(text()),
    )
        .prop_map(|(kind, detail, instance, fields, request_id)| {
            let mut errors = FieldErrors::default();
            for (field, message) in fields {
                errors.add(field, message);
            }
            Problem {
                detail,
                instance,
                errors,
                request_id,
                ..Problem::new(kind, "")
            }
        })
        .boxed()
}

pub(crate) fn agent() -> BoxedStrategy<Agent> {
    let installation = prop_oneof![
        of(text()).prop_map(|version| Installation::Installed { version }),
        text().prop_map(|hint| Installation::Missing { hint }),
    ];
    (
        (text(), text(), text(), text()),
        vec(text(), 0..3),
        installation,
        any::<(bool, bool, bool, bool, bool)>(),
    )
        .prop_map(|(names, versions, installation, can)| {
            Agent::new(
                AgentType::new(names.0),
                names.1,
                names.2,
                installation,
                AgentCapabilities {
                    resume: can.0,
                    steer: can.1,
                    permissions: can.2,
                    images: can.3,
                    usage: can.4,
                },
                names.3,
            )
            .with_versions(versions)
        })
        .boxed()
}

//! Strategies for the items of a session's stream.

use ah_rest_api_contract::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{
    change_summary, content_block, json_object, seq, session_workspace, status, text, timestamp,
    ulid,
};

pub(crate) fn usage() -> BoxedStrategy<Usage> {
    (
        any::<(u64, u64)>(),
        of(any::<u64>()),
        // Whole hundredths of a cent, which JSON numbers represent exactly.
        of((0_u32..100_000_000).prop_map(|n| f64::from(n) / 10_000.0)),
        of(any::<u64>()),
        of(any::<u64>()),
        of(text()),
    )
        .prop_map(
            |(
                (input_tokens, output_tokens),
                cached_tokens,
                cost_usd,
                context_used,
                context_size,
                model,
            )| Usage {
                input_tokens,
                output_tokens,
                cached_tokens,
                cost_usd,
                context_used,
                context_size,
                model,
            },
        )
        .boxed()
}

pub(crate) fn permission_requested() -> BoxedStrategy<PermissionRequested> {
    let kind = prop::sample::select(vec![
        PermissionOptionKind::AllowOnce,
        PermissionOptionKind::AllowAlways,
        PermissionOptionKind::RejectOnce,
        PermissionOptionKind::RejectAlways,
    ]);
    let option =
        (text(), text(), kind).prop_map(|(id, label, kind)| PermissionOption::new(id, label, kind));
    (
        ulid(),
        text(),
        json_object(),
        vec(option, 0..4),
        timestamp(),
    )
        .prop_map(|(id, tool_name, tool_args, options, expires_at)| {
            PermissionRequested::new(
                PermissionId::from_ulid(id),
                tool_name,
                tool_args,
                options,
                expires_at,
            )
        })
        .boxed()
}

pub(crate) fn permission_resolved() -> BoxedStrategy<PermissionResolved> {
    let outcome = prop::sample::select(vec![
        PermissionOutcome::Selected,
        PermissionOutcome::Cancelled,
        PermissionOutcome::Expired,
    ]);
    (ulid(), outcome, of(text()), text())
        .prop_map(|(id, outcome, option_id, by)| {
            PermissionResolved::new(PermissionId::from_ulid(id), outcome, by)
                .with_option_id(option_id)
        })
        .boxed()
}

fn message() -> BoxedStrategy<Message> {
    let delivery = prop::sample::select(vec![
        PromptDelivery::Initial,
        PromptDelivery::Queued,
        PromptDelivery::Steered,
    ]);
    (
        prop::sample::select(vec![MessageRole::User, MessageRole::Assistant]),
        ulid(),
        vec(content_block(), 0..3),
        of(text()),
        of(delivery),
        of(ulid()),
    )
        .prop_map(|(role, id, content, author, delivery, prompt_id)| {
            Message::new(role, MessageId::from_ulid(id), content)
                .with_author(author)
                .with_delivery(delivery)
                .with_prompt_id(prompt_id.map(PromptId::from_ulid))
        })
        .boxed()
}

fn turn() -> BoxedStrategy<TurnChange> {
    let started = ulid().prop_map(|id| TurnChange::started(PromptId::from_ulid(id)));
    let ended = (
        of(ulid().prop_map(PromptId::from_ulid)),
        prop::sample::select(&StopReason::ALL[..]),
    )
        .prop_map(|(id, reason)| TurnChange::ended(id, reason));
    prop_oneof![started, ended].boxed()
}

fn session_update() -> BoxedStrategy<SessionUpdate> {
    (
        of(session_workspace()),
        of(text()),
        of(text()),
        of(timestamp()),
        of(prop::sample::select(&Activity::ALL[..])),
        of(text()),
        of(change_summary()),
    )
        .prop_map(
            |(workspace, commit, agent_version, started_at, activity, reason, changes)| {
                let mut update = SessionUpdate::default();
                update.workspace = workspace;
                update.commit = commit;
                update.agent_version = agent_version;
                update.started_at = started_at;
                update.activity = activity;
                update.reason = reason;
                update.changes = changes;
                update
            },
        )
        .boxed()
}

fn log() -> BoxedStrategy<Log> {
    let level = prop::sample::select(vec![
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ]);
    (level, text(), of(text()))
        .prop_map(|(level, message, tool_execution_id)| {
            Log::new(level, message).with_tool_execution_id(tool_execution_id)
        })
        .boxed()
}

fn diff_event() -> BoxedStrategy<DiffEvent> {
    (
        (text(), text()),
        (of(text()), of(text())),
        (of(text()), of(text()), of(text()), of(text())),
        of(any::<bool>()),
        of(text()),
    )
        .prop_map(|(names, whole, parts, truncated, full_diff_url)| {
            DiffEvent::new(names.0, names.1)
                .with_old_text(whole.0)
                .with_new_text(whole.1)
                .with_old_text_head(parts.0)
                .with_new_text_head(parts.1)
                .with_old_text_tail(parts.2)
                .with_new_text_tail(parts.3)
                .with_truncated(truncated)
                .with_full_diff_url(full_diff_url)
        })
        .boxed()
}

fn plan() -> BoxedStrategy<Plan> {
    let entry = (
        text(),
        prop::sample::select(vec![
            PlanStatus::Pending,
            PlanStatus::InProgress,
            PlanStatus::Completed,
        ]),
        prop::sample::select(vec![
            PlanPriority::High,
            PlanPriority::Medium,
            PlanPriority::Low,
        ]),
    )
        .prop_map(|(content, status, priority)| PlanEntry::new(content, status, priority));
    vec(entry, 0..4).prop_map(Plan::new).boxed()
}

/// Any event of a known type. A type without a strategy of its own has its example.
pub(crate) fn payload() -> BoxedStrategy<EventPayload> {
    prop_oneof![
        prop::sample::select(crate::shapes::events()),
        (
            status(),
            of(status()),
            of(text()),
            of(any::<i32>()),
            of(any::<i32>())
        )
            .prop_map(|(status, previous, reason, exit_code, signal)| {
                EventPayload::Status(
                    StatusChange::new(status)
                        .with_previous(previous)
                        .with_reason(reason)
                        .with_exit_code(exit_code)
                        .with_signal(signal),
                )
            }),
        turn().prop_map(EventPayload::Turn),
        session_update().prop_map(EventPayload::SessionUpdate),
        log().prop_map(EventPayload::Log),
        message().prop_map(EventPayload::Message),
        (text(), of(text())).prop_map(|(thought, reasoning)| {
            EventPayload::Thought(Thought::new(thought).with_reasoning(reasoning))
        }),
        (text(), json_object(), text()).prop_map(|(tool_name, tool_args, id)| {
            EventPayload::ToolUse(ToolUse::new(id, tool_name, tool_args))
        }),
        (
            text(),
            text(),
            text(),
            any::<bool>(),
            of(any::<i32>()),
            vec(attachment(), 0..3)
        )
            .prop_map(
                |(tool_name, tool_output, id, failed, exit_code, attachments)| {
                    EventPayload::ToolResult(
                        ToolResult::new(
                            id,
                            tool_name,
                            if failed {
                                ToolOutcome::Failed
                            } else {
                                ToolOutcome::Completed
                            },
                            tool_output,
                        )
                        .with_exit_code(exit_code)
                        .with_attachments(attachments),
                    )
                }
            ),
        (text(), any::<u64>(), any::<u64>(), of(text())).prop_map(
            |(file_path, lines_added, lines_removed, description)| {
                EventPayload::FileEdit(
                    FileEdit::new(file_path, lines_added, lines_removed)
                        .with_description(description),
                )
            }
        ),
        diff_event().prop_map(EventPayload::Diff),
        permission_requested().prop_map(EventPayload::PermissionRequest),
        permission_resolved().prop_map(EventPayload::PermissionResolved),
        plan().prop_map(EventPayload::Plan),
        usage().prop_map(EventPayload::Usage),
        (0_u8..=100, text()).prop_map(|(progress, stage)| {
            EventPayload::Progress(Progress::new(progress, stage))
        }),
        text().prop_map(|message| EventPayload::Error(ErrorEvent::new(message))),
    ]
    .boxed()
}

fn unknown_payload() -> BoxedStrategy<EventPayload> {
    (text(), json_object())
        .prop_filter_map(
            "a type of its own and the fields of no event",
            |(word, mut fields)| {
                for name in ["type", "seq", "ts", "sessionId"] {
                    fields.remove(name);
                }
                UnknownEvent::new(word, fields).map(EventPayload::Unknown)
            },
        )
        .boxed()
}

/// An event of a type that this version does not know.
pub(crate) fn unknown_event() -> BoxedStrategy<SessionEvent> {
    (seq(), timestamp(), ulid(), unknown_payload())
        .prop_map(|(seq, ts, id, payload)| {
            SessionEvent::new(seq, ts, SessionId::from_ulid(id), payload)
        })
        .boxed()
}

pub(crate) fn session_event() -> BoxedStrategy<SessionEvent> {
    (seq(), timestamp(), ulid(), payload())
        .prop_map(|(seq, ts, id, payload)| {
            SessionEvent::new(seq, ts, SessionId::from_ulid(id), payload)
        })
        .boxed()
}

pub(crate) fn stream_item() -> BoxedStrategy<StreamItem> {
    prop_oneof![
        6 => session_event().prop_map(StreamItem::Event),
        1 => (ulid(), any::<u64>(), text()).prop_map(|(id, offset, delta)| {
            StreamItem::Ephemeral(EphemeralEvent::MessageDelta(MessageDelta::new(MessageId::from_ulid(id), offset, delta)))
        }),
        1 => (ulid(), any::<u64>(), text()).prop_map(|(id, offset, delta)| {
            StreamItem::Ephemeral(EphemeralEvent::ThoughtDelta(ThoughtDelta::new(MessageId::from_ulid(id), offset, delta)))
        }),
        1 => (text(), text(), text()).prop_map(|(tool_name, last_line, id)| {
            StreamItem::Ephemeral(EphemeralEvent::ToolProgress(ToolProgress::new(id, tool_name, last_line)))
        }),
        1 => (seq(), seq()).prop_map(|(from_seq, earliest_seq)| {
            StreamItem::Gap(Gap::new(from_seq, earliest_seq))
        }),
    ]
    .boxed()
}

pub(crate) fn log_event() -> BoxedStrategy<SessionEvent> {
    (seq(), timestamp(), ulid(), text())
        .prop_map(|(seq, ts, id, message)| {
            SessionEvent::new(
                seq,
                ts,
                SessionId::from_ulid(id),
                EventPayload::Log(Log::new(LogLevel::Info, message)),
            )
        })
        .boxed()
}

fn attachment() -> impl Strategy<Value = AttachmentRef> {
    (any::<[u8; 32]>(), text(), any::<u64>(), text(), of(text())).prop_map(
        |(digest, mime_type, size, url, source)| {
            AttachmentRef::new(AttachmentHash::from_digest(digest), mime_type, size, url)
                .with_source(source)
        },
    )
}

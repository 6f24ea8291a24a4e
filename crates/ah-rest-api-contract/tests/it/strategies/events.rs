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
        (text(), text(), kind).prop_map(|(id, label, kind)| PermissionOption { id, label, kind });
    (
        ulid(),
        text(),
        json_object(),
        vec(option, 0..4),
        timestamp(),
    )
        .prop_map(
            |(id, tool_name, tool_args, options, expires_at)| PermissionRequested {
                request_id: PermissionId::from_ulid(id),
                tool_name,
                tool_args,
                options,
                expires_at,
            },
        )
        .boxed()
}

pub(crate) fn permission_resolved() -> BoxedStrategy<PermissionResolved> {
    let outcome = prop::sample::select(vec![
        PermissionOutcome::Selected,
        PermissionOutcome::Cancelled,
        PermissionOutcome::Expired,
    ]);
    (ulid(), outcome, of(text()), text())
        .prop_map(|(id, outcome, option_id, by)| PermissionResolved {
            request_id: PermissionId::from_ulid(id),
            outcome,
            option_id,
            by,
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
        .prop_map(|(role, id, content, author, delivery, prompt_id)| Message {
            role,
            message_id: MessageId::from_ulid(id),
            content,
            author,
            delivery,
            prompt_id: prompt_id.map(PromptId::from_ulid),
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
        .prop_map(|(level, message, tool_execution_id)| Log {
            level,
            message,
            tool_execution_id,
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
        .prop_map(
            |(names, whole, parts, truncated, full_diff_url)| DiffEvent {
                tool_execution_id: names.0,
                path: names.1,
                old_text: whole.0,
                new_text: whole.1,
                old_text_head: parts.0,
                new_text_head: parts.1,
                old_text_tail: parts.2,
                new_text_tail: parts.3,
                truncated,
                full_diff_url,
            },
        )
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
        .prop_map(|(content, status, priority)| PlanEntry {
            content,
            status,
            priority,
        });
    vec(entry, 0..4)
        .prop_map(|entries| Plan { entries })
        .boxed()
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
                EventPayload::Status(StatusChange {
                    status,
                    previous,
                    reason,
                    exit_code,
                    signal,
                })
            }),
        turn().prop_map(EventPayload::Turn),
        session_update().prop_map(EventPayload::SessionUpdate),
        log().prop_map(EventPayload::Log),
        message().prop_map(EventPayload::Message),
        (text(), of(text())).prop_map(|(thought, reasoning)| {
            EventPayload::Thought(Thought { thought, reasoning })
        }),
        (text(), json_object(), text()).prop_map(|(tool_name, tool_args, id)| {
            EventPayload::ToolUse(ToolUse {
                tool_name,
                tool_args,
                tool_execution_id: id,
                status: ToolUseStatus::Started,
            })
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
                    EventPayload::ToolResult(ToolResult {
                        tool_name,
                        tool_output,
                        tool_execution_id: id,
                        status: if failed {
                            ToolOutcome::Failed
                        } else {
                            ToolOutcome::Completed
                        },
                        exit_code,
                        attachments,
                    })
                }
            ),
        (text(), any::<u64>(), any::<u64>(), of(text())).prop_map(
            |(file_path, lines_added, lines_removed, description)| {
                EventPayload::FileEdit(FileEdit {
                    file_path,
                    lines_added,
                    lines_removed,
                    description,
                })
            }
        ),
        diff_event().prop_map(EventPayload::Diff),
        permission_requested().prop_map(EventPayload::PermissionRequest),
        permission_resolved().prop_map(EventPayload::PermissionResolved),
        plan().prop_map(EventPayload::Plan),
        usage().prop_map(EventPayload::Usage),
        (0_u8..=100, text())
            .prop_map(|(progress, stage)| { EventPayload::Progress(Progress { progress, stage }) }),
        text().prop_map(|message| EventPayload::Error(ErrorEvent { message })),
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
        .prop_map(|(seq, ts, id, payload)| SessionEvent {
            seq,
            ts,
            session_id: SessionId::from_ulid(id),
            payload,
        })
        .boxed()
}

pub(crate) fn session_event() -> BoxedStrategy<SessionEvent> {
    (seq(), timestamp(), ulid(), payload())
        .prop_map(|(seq, ts, id, payload)| SessionEvent {
            seq,
            ts,
            session_id: SessionId::from_ulid(id),
            payload,
        })
        .boxed()
}

pub(crate) fn stream_item() -> BoxedStrategy<StreamItem> {
    prop_oneof![
        6 => session_event().prop_map(StreamItem::Event),
        1 => (ulid(), any::<u64>(), text()).prop_map(|(id, offset, delta)| {
            StreamItem::Ephemeral(EphemeralEvent::MessageDelta(MessageDelta {
                message_id: MessageId::from_ulid(id),
                offset,
                delta,
            }))
        }),
        1 => (ulid(), any::<u64>(), text()).prop_map(|(id, offset, delta)| {
            StreamItem::Ephemeral(EphemeralEvent::ThoughtDelta(ThoughtDelta {
                thought_id: MessageId::from_ulid(id),
                offset,
                delta,
            }))
        }),
        1 => (text(), text(), text()).prop_map(|(tool_name, last_line, id)| {
            StreamItem::Ephemeral(EphemeralEvent::ToolProgress(ToolProgress {
                tool_name,
                last_line,
                tool_execution_id: id,
            }))
        }),
        1 => (seq(), seq()).prop_map(|(from_seq, earliest_seq)| {
            StreamItem::Gap(Gap { from_seq, earliest_seq })
        }),
    ]
    .boxed()
}

pub(crate) fn log_event() -> BoxedStrategy<SessionEvent> {
    (seq(), timestamp(), ulid(), text())
        .prop_map(|(seq, ts, id, message)| SessionEvent {
            seq,
            ts,
            session_id: SessionId::from_ulid(id),
            payload: EventPayload::Log(Log {
                level: LogLevel::Info,
                message,
                tool_execution_id: None,
            }),
        })
        .boxed()
}

fn attachment() -> impl Strategy<Value = AttachmentRef> {
    (any::<[u8; 32]>(), text(), any::<u64>(), text(), of(text())).prop_map(
        |(digest, mime_type, size, url, source)| AttachmentRef {
            hash: AttachmentHash::from_digest(digest),
            mime_type,
            size,
            url,
            source,
        },
    )
}

//! The result of a decision, and the only function that changes a status.

use ah_rest_api_contract::{
    Admission, ChangeSummary, ErrorKind, EventPayload, Session, SessionAction, SessionId,
    SessionStatus, SessionUpdate, SessionWorkspace, StatusChange, TaskManagerError, Timestamp,
};

use crate::{
    AttachmentPart, Ending, NewEvent, PermissionWrite, PromptWrite, SessionPatch, SessionRecord,
};

/// An atomic change of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// The events to append to its log, in order.
    pub events: Vec<NewEvent>,
    /// The new values of its fields.
    pub patch: SessionPatch,
    /// The changes of its prompts.
    pub prompts: Vec<PromptWrite>,
    /// The changes of its permission requests.
    pub permissions: Vec<PermissionWrite>,
    /// The parts of its attachments to keep.
    pub attachments: Vec<AttachmentPart>,
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The change to make.
    Change(Box<Change>),
    /// The session is in the requested state already: a success without a change.
    Unchanged,
}

impl Change {
    /// Creates a change of fields that no other event tells: the new values with their event.
    #[must_use]
    pub fn of_update(update: SessionUpdate, now: Timestamp) -> Self {
        let mut change = Self::default();
        change.update(update, now);
        change
    }

    /// Creates the change to a new count of the session's changed files. It is empty if the log has
    /// this count; a log without a count means that no file has changed.
    #[must_use]
    pub fn of_count(session: &Session, count: ChangeSummary, now: Timestamp) -> Self {
        let mut update = SessionUpdate::default();
        update.changes = Some(count).filter(|it| *it != session.changes.unwrap_or_default());
        Self::of_update(update, now)
    }

    /// Adds new values of fields, with their event.
    pub fn update(&mut self, update: SessionUpdate, now: Timestamp) {
        let patch = SessionPatch {
            workspace: update.workspace.clone().map(Some),
            commit: update.commit.clone(),
            agent_version: update.agent_version.clone(),
            started_at: update.started_at,
            activity: update.activity.map(Some),
            reason: update.reason.clone().map(Some),
            changes: update.changes,
            ..SessionPatch::default()
        };
        self.patch.merge(patch);
        if !update.is_empty() {
            self.events.push(NewEvent {
                ts: now,
                payload: EventPayload::SessionUpdate(update),
            });
        }
    }
}

impl From<Change> for Decision {
    fn from(change: Change) -> Self {
        Self::Change(Box::new(change))
    }
}

/// The reason why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The session's status does not permit it.
    #[error(
        "session {session} is {status}, so it cannot be {}; {}",
        past_participle(*action),
        advice(*action, *status)
    )]
    Status {
        /// The session.
        session: SessionId,
        /// The action that was requested.
        action: SessionAction,
        /// The current status.
        status: SessionStatus,
    },
    /// The session has ended, or is about to.
    #[error(
        "session {session} {}, so it accepts no more {}",
        ended(*status),
        input_of(*action)
    )]
    Ended {
        /// The session.
        session: SessionId,
        /// The action that was requested.
        action: SessionAction,
        /// The current status.
        status: SessionStatus,
    },
    /// The session has no such item.
    #[error("session {session} has no {what} `{id}`")]
    Unknown {
        /// The session.
        session: SessionId,
        /// The kind of the item.
        what: &'static str,
        /// The id that was given.
        id: String,
    },
    /// The item is settled already.
    #[error("{what} `{id}` of session {session} {state}; there is nothing left to decide")]
    Settled {
        /// The session.
        session: SessionId,
        /// The kind of the item.
        what: &'static str,
        /// The id of the item.
        id: String,
        /// The state of the item, as the predicate of a sentence.
        state: &'static str,
    },
    /// The session has no workspace.
    #[error(
        "session {session} is {status} and {} workspace",
        if status.is_terminal() || *status == SessionStatus::Stopping {
            "no longer has a"
        } else {
            "does not yet have a"
        }
    )]
    NoWorkspace {
        /// The session.
        session: SessionId,
        /// The current status.
        status: SessionStatus,
    },
    /// A field of the request is invalid.
    #[error("{message}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// The fault of the field.
        message: String,
    },
    /// The state machine has no such transition, which is a bug of the caller.
    #[error("session {session} cannot go from {from} to {to}")]
    Illegal {
        /// The session.
        session: SessionId,
        /// The current status.
        from: SessionStatus,
        /// The requested status.
        to: SessionStatus,
    },
}

fn past_participle(action: SessionAction) -> &'static str {
    match action {
        SessionAction::Prompt => "prompted",
        SessionAction::Interrupt => "interrupted",
        SessionAction::Pause => "paused",
        SessionAction::Resume => "resumed",
        SessionAction::Stop => "stopped",
        SessionAction::Cancel => "cancelled",
        SessionAction::AnswerPermission => "answered",
    }
}

fn advice(action: SessionAction, status: SessionStatus) -> &'static str {
    use SessionStatus as S;
    match (action, status) {
        (_, S::Pausing | S::Paused) => "resume it first",
        (_, S::Queued | S::Provisioning) => "wait until it runs",
        (_, S::Resuming) => "wait until it runs again",
        (SessionAction::Resume, S::Running) => "only a paused session can be resumed",
        (_, S::Stopping) => "it is about to end",
        (_, _) => "launch another one",
    }
}

fn ended(status: SessionStatus) -> String {
    if status.is_terminal() {
        format!("has ended ({status})")
    } else {
        "is ending because its agent has finished".to_owned()
    }
}

fn input_of(action: SessionAction) -> &'static str {
    match action {
        SessionAction::Prompt => "prompts; launch another session",
        SessionAction::AnswerPermission => "answers",
        _ => "commands",
    }
}

impl From<Refusal> for TaskManagerError {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::Status { .. } | Refusal::Settled { .. } | Refusal::NoWorkspace { .. } => {
                ErrorKind::Conflict
            }
            Refusal::Ended { action, .. } => match action {
                SessionAction::Prompt | SessionAction::AnswerPermission => ErrorKind::Gone,
                _ => ErrorKind::Conflict,
            },
            Refusal::Unknown { .. } => ErrorKind::NotFound,
            Refusal::Field { .. } => ErrorKind::Validation,
            Refusal::Illegal { .. } => ErrorKind::Internal,
        };
        if let Refusal::Field { field, message } = refusal {
            return ah_rest_api_contract::FieldErrors::of(field, message).into();
        }
        Self::new(kind, refusal.to_string())
    }
}

/// The details of a status change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusDetail {
    pub(crate) reason: Option<String>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

impl StatusDetail {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::default()
        }
    }
}

/// Changes the session's status to `next`. Every change of status goes through this function.
pub(crate) fn transition(
    record: &SessionRecord,
    next: SessionStatus,
    detail: StatusDetail,
    now: Timestamp,
) -> Result<Change, Refusal> {
    let previous = record.session.status;
    if !previous.may_become(next) {
        return Err(Refusal::Illegal {
            session: record.id(),
            from: previous,
            to: next,
        });
    }
    let mut change = Change::default();
    change.patch.status = Some(next);
    change.patch.reason = Some(detail.reason.clone());
    change.patch.exit_code = detail.exit_code;
    if next.is_terminal() {
        change.patch.ended_at = Some(now);
    }
    if next.is_terminal() || next == SessionStatus::Stopping {
        change.patch.activity = Some(None);
    }
    change.events.push(NewEvent {
        ts: now,
        payload: EventPayload::Status(
            StatusChange::new(next)
                .with_previous(previous)
                .with_reason(detail.reason)
                .with_exit_code(detail.exit_code)
                .with_signal(detail.signal),
        ),
    });
    Ok(change)
}

/// Returns the session's workspace, for a reader of its changes.
///
/// # Errors
/// Returns a refusal if the workspace does not exist yet, or not any more.
pub fn workspace(session: &Session) -> Result<&SessionWorkspace, Refusal> {
    session.workspace.as_ref().ok_or(Refusal::NoWorkspace {
        session: session.id,
        status: session.status,
    })
}

/// Returns the workspace of a session that is not being cancelled, for a reader of its changes. A
/// cancellation removes the workspace before the session has ended.
///
/// # Errors
/// Returns a refusal if the workspace does not exist yet, or not any more.
pub fn readable_workspace(record: &SessionRecord) -> Result<&SessionWorkspace, Refusal> {
    if record.ending == Some(Ending::Cancel) {
        return Err(Refusal::NoWorkspace {
            session: record.id(),
            status: record.session.status,
        });
    }
    workspace(&record.session)
}

/// Returns true if `action` must be performed, and false if it is done already.
pub(crate) fn admit(record: &SessionRecord, action: SessionAction) -> Result<bool, Refusal> {
    let session = record.id();
    let status = record.session.status;
    match status.admits(action) {
        Admission::Perform => Ok(true),
        Admission::Repeat => Ok(false),
        Admission::Conflict => Err(Refusal::Status {
            session,
            action,
            status,
        }),
        Admission::Ended => Err(Refusal::Ended {
            session,
            action,
            status,
        }),
    }
}

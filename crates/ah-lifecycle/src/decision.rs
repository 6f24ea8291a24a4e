//! What a decision comes to, and the one way in which a status changes.

use ah_rest_api_contract::{
    Admission, ErrorKind, EventPayload, Session, SessionAction, SessionId, SessionStatus,
    SessionWorkspace, StatusChange, TaskManagerError, Timestamp,
};

use crate::{NewEvent, PermissionWrite, PromptWrite, SessionPatch, SessionRecord};

/// What changes of a session, all at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// What is appended to its log, in order.
    pub events: Vec<NewEvent>,
    /// What it is from now on.
    pub patch: SessionPatch,
    /// What becomes of its prompts.
    pub prompts: Vec<PromptWrite>,
    /// What becomes of its permission requests.
    pub permissions: Vec<PermissionWrite>,
}

/// What asking for something comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// This changes.
    Change(Box<Change>),
    /// It is so already: a success that changes nothing.
    Unchanged,
}

impl From<Change> for Decision {
    fn from(change: Change) -> Self {
        Self::Change(Box::new(change))
    }
}

/// Why something asked for is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The session's status does not admit it.
    #[error(
        "session {session} is {status}, so it cannot be {}; {}",
        past_participle(*action),
        advice(*action, *status)
    )]
    Status {
        /// Which session.
        session: SessionId,
        /// What was asked.
        action: SessionAction,
        /// The status it has.
        status: SessionStatus,
    },
    /// The session has ended, or is about to.
    #[error(
        "session {session} {}, so it takes no more {}",
        ended(*status),
        what_it_took(*action)
    )]
    Ended {
        /// Which session.
        session: SessionId,
        /// What was asked.
        action: SessionAction,
        /// The status it has.
        status: SessionStatus,
    },
    /// There is no such thing in the session.
    #[error("session {session} has no {what} `{id}`")]
    Unknown {
        /// Which session.
        session: SessionId,
        /// What kind of thing.
        what: &'static str,
        /// What it was named.
        id: String,
    },
    /// The thing has been settled.
    #[error("{what} `{id}` of session {session} {state}; there is nothing left to decide")]
    Settled {
        /// Which session.
        session: SessionId,
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
        /// How, as the predicate of a sentence.
        state: &'static str,
    },
    /// It has no workspace to look at.
    #[error(
        "session {session} is {status} and {} workspace",
        if status.is_terminal() { "no longer has a" } else { "has not yet a" }
    )]
    NoWorkspace {
        /// Which session.
        session: SessionId,
        /// The status it has.
        status: SessionStatus,
    },
    /// A field of the request is wrong.
    #[error("{message}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The machine has no such edge. It is a fault of ours wherever it comes up.
    #[error("session {session} cannot go from {from} to {to}")]
    Illegal {
        /// Which session.
        session: SessionId,
        /// The status it has.
        from: SessionStatus,
        /// The status it was to have.
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

fn what_it_took(action: SessionAction) -> &'static str {
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

/// What is said with a status.
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

/// Takes the session from the status it has to `next`. Every change of status goes through here.
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
        payload: EventPayload::Status(StatusChange {
            status: next,
            previous: Some(previous),
            reason: detail.reason,
            exit_code: detail.exit_code,
            signal: detail.signal,
        }),
    });
    Ok(change)
}

/// The session's workspace, for whoever looks at what it changed.
///
/// # Errors
/// When it has none yet, or none any more.
pub fn workspace(session: &Session) -> Result<&SessionWorkspace, Refusal> {
    session.workspace.as_ref().ok_or(Refusal::NoWorkspace {
        session: session.id,
        status: session.status,
    })
}

/// Whether `action` is to be performed (`true`) or has been (`false`).
pub(crate) fn admit(record: &SessionRecord, action: SessionAction) -> Result<bool, Refusal> {
    let session = record.id();
    let status = record.session.status;
    match status.admits(action) {
        Admission::Perform => Ok(true),
        Admission::Repeat => Ok(false),
        Admission::Meaningless => Err(Refusal::Status {
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

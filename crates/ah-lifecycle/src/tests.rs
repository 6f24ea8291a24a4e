//! Checks of the state machine against a model, with commands in any order.

mod between_turns;
mod model;
mod verbs;

use ah_rest_api_contract::{
    AgentType, EventSeq, Session, SessionAgent, SessionId, SessionStatus, TaskId, Timestamp,
};
use ulid::Ulid;

use crate::{
    AgentEnd, Change, Decision, Fact, JournalEntry, JournalPosition, JournalRecord, Launch,
    SessionRecord, TurnOutcome, View,
};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + seconds * 1_000)
}

/// Creates a session that was just claimed.
pub(super) fn provisioning() -> View {
    let id = SessionId::from_ulid(Ulid::from_parts(1, 1));
    let task_id = TaskId::from_ulid(Ulid::from_parts(1, 2));
    let agent = SessionAgent::new(AgentType::new("scenario"));
    let mut session = Session::new(id, task_id, agent, "do it".into(), at(0));
    session.status = SessionStatus::Provisioning;
    session.last_seq = EventSeq::new(1);
    View {
        record: SessionRecord::new(session, Launch::new("user")),
        prompts: Vec::new(),
        permissions: Vec::new(),
    }
}

/// Creates a session whose agent is in its first turn.
pub(super) fn running() -> View {
    let mut view = provisioning();
    feed(&mut view, Fact::AgentStarted { pid: 7 });
    view
}

/// Ingests a fact into `view` and returns the change.
pub(super) fn feed(view: &mut View, fact: Fact) -> Change {
    let next = JournalPosition(view.record.journal.0 + 1);
    let record = JournalRecord {
        ts: at(1),
        entry: JournalEntry::Fact(fact),
        raw: None,
    };
    crate::ingest::convert(view, &[(record, next)])
        .expect("facts fit any state")
        .change
}

pub(super) fn turn_ended(outcome: TurnOutcome) -> Fact {
    Fact::TurnEnded {
        prompt_id: None,
        outcome,
    }
}

pub(super) fn exit(code: i32) -> AgentEnd {
    AgentEnd {
        exit_code: Some(code),
        ..AgentEnd::default()
    }
}

/// Applies a decision and returns the change, which is empty for `Unchanged`.
pub(super) fn apply(view: &mut View, decision: Decision) -> Change {
    match decision {
        Decision::Unchanged => Change::default(),
        Decision::Change(change) => {
            view.apply(&change);
            *change
        }
    }
}

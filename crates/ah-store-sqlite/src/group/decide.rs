//! Checking the writes of a group, one after another, in memory.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use ah_rest_api_contract::{
    Activity, Admission, EventSeq, PermissionId, PermissionState, PromptId, Receipt, SessionAction,
    SessionId, SessionStatus,
};
use ah_store::{
    AttachmentPart, Head, PermissionWrite, PromptWrite, SessionPatch, SessionVersion, SessionWrite,
    StoreError, Written,
};
use rusqlite::Connection;

use super::prepared::PreparedWrite;
use crate::encode::EventText;
use crate::error::not_found;
use crate::receipts::rows as receipt_rows;
use crate::rows::Reader;
use crate::statement::select;

/// The state of a group's sessions after the writes checked so far, and the rows to write.
pub(super) struct Decisions<'a> {
    sessions: HashMap<SessionId, SessionState>,
    existing: Existing,
    /// The events by the key of their session, in order.
    pub(super) events: Vec<(i64, EventSeq, &'a EventText)>,
    /// The changes of prompts by the key of the session, in order.
    pub(super) prompts: Vec<(i64, &'a PromptWrite)>,
    pub(super) permissions: Vec<(i64, &'a PermissionWrite)>,
    pub(super) attachments: Vec<(i64, &'a AttachmentPart)>,
    /// The receipts that are complete.
    pub(super) receipts: Vec<&'a Receipt>,
    /// The sessions that admitted writes return, with the receipts that are to contain them.
    pub(super) returns: Vec<(SessionId, Option<&'a Receipt>)>,
    /// True if a status has changed.
    pub(super) work: bool,
}

/// The state of one session within a group.
pub(super) struct SessionState {
    pub(super) key: i64,
    fence: i64,
    pub(super) version: i64,
    pub(super) last_seq: i64,
    status: String,
    /// True if its end is decided.
    is_ending: bool,
    /// The merged patch of the admitted writes.
    pub(super) patch: SessionPatch,
    /// True if one of them ended the session, even if a later one set another status.
    pub(super) is_ended: bool,
    /// True if a write was admitted.
    is_changed: bool,
    /// The time of the latest event of the admitted writes, if they contain any.
    pub(super) updated_at: Option<i64>,
}

/// The rows that the writes of a group refer to and that exist. Prompts and permission requests
/// are keyed by their session's key, receipts by their own.
#[derive(Default)]
struct Existing {
    prompts: HashSet<(i64, PromptId)>,
    permissions: HashMap<(i64, PermissionId), PermissionState>,
    receipts: HashMap<String, Receipt>,
}

impl<'a> Decisions<'a> {
    /// Reads the rows that are needed to check `writes`. The transaction has begun, so nothing
    /// changes them until its end.
    pub(super) fn read(
        connection: &Connection,
        writes: &[PreparedWrite],
    ) -> Result<Self, StoreError> {
        let mut sessions = HashMap::new();
        for PreparedWrite { write, .. } in writes {
            if let Entry::Vacant(vacant) = sessions.entry(write.session)
                && let Some(state) = SessionState::read(connection, write.session)?
            {
                vacant.insert(state);
            }
        }
        let existing = Existing::load(connection, writes, &sessions)?;
        Ok(Self {
            sessions,
            existing,
            events: Vec::new(),
            prompts: Vec::new(),
            permissions: Vec::new(),
            attachments: Vec::new(),
            receipts: Vec::new(),
            returns: Vec::new(),
            work: false,
        })
    }

    /// Admits a write and applies it to the state, or refuses it and changes nothing.
    pub(super) fn judge(&mut self, prepared: &'a PreparedWrite) -> Result<Written, StoreError> {
        let PreparedWrite { write, events } = prepared;
        // This comes first: the work of an equal request may be the reason to refuse the guard.
        self.existing.admit_receipt(write)?;
        let id = write.session;
        let session = self
            .sessions
            .get_mut(&id)
            .ok_or_else(|| not_found("session", id))?;
        let (version, last_seq) = session.admit(write)?;
        self.existing.admit(session.key, write)?;

        let mut seq = last_seq;
        for event in events {
            seq = seq.next();
            self.events.push((session.key, seq, event));
        }
        let decided = u64::from(write.guard.is_decision());
        let version = SessionVersion(version.0.saturating_add(decided));
        session.version = session.version.saturating_add(i64::from(decided == 1));
        session.last_seq = session
            .last_seq
            .saturating_add_unsigned(seq.get() - last_seq.get());
        session.is_changed = true;
        let times = events.iter().map(|event| event.ts.as_unix_millis());
        session.updated_at = times.chain(session.updated_at).max();
        let is_storing = write.patch.activity == Some(Some(Activity::Storing));
        self.work |= is_storing || write.patch.status.is_some();
        session.is_ended |=
            write.patch.ended_at.is_some() || write.patch.status.is_some_and(|it| it.is_terminal());
        session.patch.merge(write.patch.clone());
        let key = session.key;
        self.prompts
            .extend(write.prompts.iter().map(|prompt| (key, prompt)));
        self.permissions
            .extend(write.permissions.iter().map(|permission| (key, permission)));
        self.attachments
            .extend(write.attachments.iter().map(|part| (key, part)));
        if let Some(receipt) = &write.receipt {
            self.existing
                .receipts
                .insert(receipt.key.clone(), receipt.clone());
        }
        if write.returns_session {
            self.returns.push((id, write.receipt.as_ref()));
        } else {
            self.receipts.extend(&write.receipt);
        }
        Ok(Written {
            version,
            last_seq: seq,
            session: None,
        })
    }

    /// Returns the sessions that have changed.
    pub(super) fn changed(&self) -> impl Iterator<Item = (SessionId, &SessionState)> {
        let changed = self.sessions.iter().filter(|(_, it)| it.is_changed);
        changed.map(|(id, session)| (*id, session))
    }
}

impl SessionState {
    /// Reads the state of the session `id`, if it exists.
    fn read(connection: &Connection, id: SessionId) -> Result<Option<Self>, StoreError> {
        let id = id.to_string();
        let found = select!(
            connection,
            "read the state of a session",
            |row| Ok(Self {
                key: row.get(0)?,
                fence: row.get(1)?,
                version: row.get(2)?,
                last_seq: row.get(3)?,
                status: row.get(4)?,
                is_ending: row.get(5)?,
                patch: SessionPatch::default(),
                is_ended: false,
                is_changed: false,
                updated_at: None,
            }),
            "SELECT key, fence, version, last_seq, status, ending IS NOT NULL AS is_ending
             FROM sessions
             WHERE id = ?1",
            id
        )?;
        Ok(found.into_iter().next())
    }

    /// Returns the version and the last seq before `write`, if its guard admits it.
    fn admit(&self, write: &SessionWrite) -> Result<(SessionVersion, EventSeq), StoreError> {
        let id = write.session.to_string();
        let row = Reader::new("sessions", &id);
        let fence = row.number("fence", self.fence)?;
        let version = row.number("version", self.version)?;
        let last_seq = row.number("last_seq", self.last_seq)?;
        if write
            .guard
            .fence
            .is_some_and(|expected| expected.0 != fence)
        {
            return Err(StoreError::Fenced { id });
        }
        if write
            .guard
            .version
            .is_some_and(|expected| expected.0 != version)
        {
            return Err(StoreError::Conflict { id });
        }
        if write.guard.takes_prompts && !self.takes_prompts(row)? {
            return Err(StoreError::Conflict { id });
        }
        Ok((SessionVersion(version), EventSeq::new(last_seq)))
    }

    /// Returns true if the session takes prompts after the writes that were admitted.
    fn takes_prompts(&self, row: Reader<'_>) -> Result<bool, StoreError> {
        let status = match self.patch.status {
            Some(status) => status,
            None => row.word("status", &self.status)?,
        };
        let is_ending = self.is_ending || self.patch.ending.is_some();
        Ok(status.admits(SessionAction::Prompt) == Admission::Perform && !is_ending)
    }

    /// Returns true if it was cancelled or hidden, and is kept only for its log.
    pub(super) fn is_discarded(&self) -> bool {
        self.patch.status == Some(SessionStatus::Cancelled) || self.patch.hidden == Some(true)
    }

    /// Returns the head for watchers. The numbers were checked when a write was admitted, and have
    /// grown since.
    pub(super) fn head(&self) -> Head {
        Head {
            last_seq: EventSeq::new(self.last_seq.unsigned_abs()),
            version: SessionVersion(self.version.unsigned_abs()),
        }
    }
}

impl Existing {
    fn load(
        connection: &Connection,
        writes: &[PreparedWrite],
        sessions: &HashMap<SessionId, SessionState>,
    ) -> Result<Self, StoreError> {
        let mut existing = Self::default();
        for PreparedWrite { write, .. } in writes {
            existing.load_receipt(connection, write)?;
            let Some(SessionState { key, .. }) = sessions.get(&write.session) else {
                continue;
            };
            for id in write.prompts.iter().filter_map(prompt_id) {
                existing.load_prompt(connection, *key, id)?;
            }
            for id in write.permissions.iter().map(permission_id) {
                existing.load_permission(connection, *key, id)?;
            }
        }
        Ok(existing)
    }

    fn load_receipt(
        &mut self,
        connection: &Connection,
        write: &SessionWrite,
    ) -> Result<(), StoreError> {
        if let Some(receipt) = &write.receipt
            && let Some(found) = receipt_rows::find(connection, &receipt.key)?
        {
            self.receipts.insert(found.key.clone(), found);
        }
        Ok(())
    }

    fn load_prompt(
        &mut self,
        connection: &Connection,
        session: i64,
        id: PromptId,
    ) -> Result<(), StoreError> {
        let text = id.to_string();
        let found = select!(
            connection,
            "look for a prompt",
            |row| row.get::<_, i64>(0),
            "SELECT session FROM prompts WHERE session = ?1 AND id = ?2",
            session,
            text
        )?;
        self.prompts.extend(found.iter().map(|_| (session, id)));
        Ok(())
    }

    fn load_permission(
        &mut self,
        connection: &Connection,
        session: i64,
        id: PermissionId,
    ) -> Result<(), StoreError> {
        let text = id.to_string();
        let states = select!(
            connection,
            "look for a permission request",
            |row| row.get::<_, String>(0),
            "SELECT state FROM permissions WHERE session = ?1 AND id = ?2",
            session,
            text
        )?;
        for state in states {
            let state = Reader::new("permissions", &text).word("state", &state)?;
            self.permissions.insert((session, id), state);
        }
        Ok(())
    }

    /// Refuses a write whose request has a receipt.
    fn admit_receipt(&self, write: &SessionWrite) -> Result<(), StoreError> {
        let earlier = write
            .receipt
            .as_ref()
            .and_then(|receipt| self.receipts.get(&receipt.key))
            .filter(|earlier| receipt_rows::holds(earlier, write.now));
        match earlier {
            Some(earlier) => Err(StoreError::AlreadyDone(Box::new(earlier.clone()))),
            None => Ok(()),
        }
    }

    /// Applies the changes of prompts and permission requests in `write`, if all are allowed.
    fn admit(&mut self, session: i64, write: &SessionWrite) -> Result<(), StoreError> {
        let conflict = || StoreError::Conflict {
            id: write.session.to_string(),
        };
        let mut enqueued = HashSet::new();
        for prompt in &write.prompts {
            let is_known = |id: &PromptId| {
                self.prompts.contains(&(session, *id)) || enqueued.contains(&(session, *id))
            };
            match prompt {
                PromptWrite::Enqueue(prompt) if is_known(&prompt.id) => return Err(conflict()),
                PromptWrite::Enqueue(prompt) => {
                    enqueued.insert((session, prompt.id));
                }
                PromptWrite::Set(id, _) if !is_known(id) => return Err(not_found("prompt", id)),
                PromptWrite::Set(..) | PromptWrite::SetQueued(_) | PromptWrite::SetSent(_) => {}
            }
        }
        let mut moved = HashMap::new();
        for permission in &write.permissions {
            let at = (session, permission_id(permission));
            let state = moved
                .get(&at)
                .or_else(|| self.permissions.get(&at))
                .copied();
            let next = match (permission, state) {
                (PermissionWrite::Open(permission), None) => permission.state,
                (PermissionWrite::Answer { .. }, Some(PermissionState::Pending)) => {
                    PermissionState::Answered
                }
                (PermissionWrite::Resolve(_), Some(_)) => PermissionState::Resolved,
                (PermissionWrite::Open(_) | PermissionWrite::Answer { .. }, Some(_)) => {
                    return Err(conflict());
                }
                (PermissionWrite::Answer { .. } | PermissionWrite::Resolve(_), None) => {
                    return Err(not_found("permission request", at.1));
                }
            };
            moved.insert(at, next);
        }
        self.prompts.extend(enqueued);
        self.permissions.extend(moved);
        Ok(())
    }
}

const fn prompt_id(write: &PromptWrite) -> Option<PromptId> {
    match write {
        PromptWrite::Enqueue(prompt) => Some(prompt.id),
        PromptWrite::Set(id, _) => Some(*id),
        PromptWrite::SetQueued(_) | PromptWrite::SetSent(_) => None,
    }
}

const fn permission_id(write: &PermissionWrite) -> PermissionId {
    match write {
        PermissionWrite::Open(permission) => permission.request.request_id,
        PermissionWrite::Answer { request_id, .. } => *request_id,
        PermissionWrite::Resolve(resolution) => resolution.request_id,
    }
}

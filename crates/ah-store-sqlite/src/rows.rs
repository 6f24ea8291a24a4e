//! The conversion of rows to the contract's types, in this one place.
//!
//! A value that does not fit its column's type is an error that names table, column and id. It is
//! never read as a default.

mod read;
mod session;

use ah_rest_api_contract::{
    Draft, DraftContent, EventSeq, Permission, Prompt, Receipt, Repository, SessionEvent,
    SessionId, Task,
};
use ah_store::{ApiKey, EventRow, LogPosition, PermissionRecord, StoreError};

use crate::error::inconsistent;
pub(crate) use read::{Reader, json_text, stored};
pub(crate) use session::{SessionBody, SessionRow};

/// Returns event `seq` of the log of `session`.
pub(crate) fn event(session: SessionId, seq: i64, json: &str) -> Result<SessionEvent, StoreError> {
    Reader::new("events", &format!("{session}/{seq}")).json("json", json)
}

/// Returns the position in the log of the event with this key.
pub(crate) fn log_position(key: i64) -> Result<LogPosition, StoreError> {
    Reader::new("events", "")
        .number("key", key)
        .map(LogPosition)
}

/// An event whose JSON text is passed on unparsed.
pub(crate) struct StoredEventRow {
    pub(crate) key: i64,
    pub(crate) seq: i64,
    pub(crate) event_type: String,
    pub(crate) level: Option<String>,
    pub(crate) json: String,
}

impl StoredEventRow {
    /// Converts it to an event of the log of `session`.
    pub(crate) fn into_event_row(self, session: SessionId) -> Result<EventRow, StoreError> {
        let place = format!("{session}/{}", self.seq);
        let row = Reader::new("events", &place);
        Ok(EventRow {
            session,
            seq: EventSeq::new(row.number("seq", self.seq)?),
            position: LogPosition(row.number("key", self.key)?),
            event_type: row.word("type", &self.event_type)?,
            level: self
                .level
                .as_deref()
                .map(|word| row.word("level", word))
                .transpose()?,
            json: self.json,
        })
    }
}

pub(crate) struct TaskRow {
    pub(crate) id: String,
    pub(crate) request: String,
    pub(crate) created_at: i64,
    /// A JSON array of the ids of its sessions, in order.
    pub(crate) session_ids: String,
}

impl TaskRow {
    pub(crate) fn into_task(self) -> Result<Task, StoreError> {
        let row = Reader::new("tasks", &self.id);
        Ok(Task::new(
            row.parsed("id", &self.id)?,
            row.json("request", &self.request)?,
            Reader::new("sessions", &self.id).json("id", &self.session_ids)?,
            row.moment("created_at", self.created_at)?,
        ))
    }
}

pub(crate) struct PromptRow {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) created_at: i64,
    pub(crate) author: String,
    pub(crate) delivery: String,
    pub(crate) content: String,
}

impl PromptRow {
    pub(crate) fn into_prompt(self) -> Result<Prompt, StoreError> {
        let row = Reader::new("prompts", &self.id);
        Ok(Prompt::new(
            row.parsed("id", &self.id)?,
            row.json("content", &self.content)?,
            self.author,
            row.moment("created_at", self.created_at)?,
        )
        .with_delivery(row.word("delivery", &self.delivery)?)
        .with_state(row.word("state", &self.state)?))
    }
}

pub(crate) struct PermissionRow {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) created_at: i64,
    pub(crate) request: String,
    pub(crate) answer: Option<String>,
    pub(crate) answered_by: Option<String>,
    pub(crate) resolution: Option<String>,
}

impl PermissionRow {
    pub(crate) fn into_record(self) -> Result<PermissionRecord, StoreError> {
        let row = Reader::new("permissions", &self.id);
        let answer = match (self.answer, self.answered_by) {
            (None, None) => None,
            (Some(answer), Some(by)) => Some((row.json("answer", &answer)?, by)),
            _ => {
                let what = "an answer needs an author";
                return Err(inconsistent("permissions", "answered_by", &self.id, what));
            }
        };
        Ok(PermissionRecord {
            permission: Permission::new(
                row.json("request", &self.request)?,
                row.moment("created_at", self.created_at)?,
            )
            .with_state(row.word("state", &self.state)?)
            .with_resolution(row.some_json("resolution", self.resolution.as_deref())?),
            answer,
        })
    }
}

pub(crate) struct DraftRow {
    pub(crate) id: String,
    pub(crate) content: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl DraftRow {
    pub(crate) fn into_draft(self) -> Result<Draft, StoreError> {
        let row = Reader::new("drafts", &self.id);
        Ok(Draft::new(
            row.parsed("id", &self.id)?,
            row.json::<DraftContent>("content", &self.content)?,
            row.moment("created_at", self.created_at)?,
            row.moment("updated_at", self.updated_at)?,
        ))
    }
}

pub(crate) struct RepositoryRow {
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) display_name: String,
    pub(crate) scm_provider: String,
    pub(crate) default_branch: Option<String>,
    pub(crate) last_used_at: i64,
}

impl RepositoryRow {
    pub(crate) fn into_repository(self) -> Result<Repository, StoreError> {
        let row = Reader::new("repositories", &self.id);
        let (id, last_used_at) = (
            row.parsed("id", &self.id)?,
            row.moment("last_used_at", self.last_used_at)?,
        );
        let mut repository = Repository::git(id, self.display_name, self.address);
        repository.scm_provider = self.scm_provider;
        repository.default_branch = self.default_branch;
        repository.last_used_at = Some(last_used_at);
        Ok(repository)
    }
}

pub(crate) struct ReceiptRow {
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expires_at: i64,
}

impl ReceiptRow {
    pub(crate) fn into_receipt(self) -> Result<Receipt, StoreError> {
        let row = Reader::new("receipts", &self.key);
        Ok(Receipt {
            expires_at: row.moment("expires_at", self.expires_at)?,
            fingerprint: self.fingerprint,
            bytes: self.bytes,
            key: self.key,
        })
    }
}

pub(crate) struct ApiKeyRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) role: String,
    pub(crate) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
}

impl ApiKeyRow {
    pub(crate) fn into_api_key(self) -> Result<ApiKey, StoreError> {
        let row = Reader::new("api_keys", &self.id);
        Ok(ApiKey {
            role: row.word("role", &self.role)?,
            created_at: row.moment("created_at", self.created_at)?,
            revoked_at: row.some_moment("revoked_at", self.revoked_at)?,
            name: self.name,
            hash: self.hash,
            id: self.id,
        })
    }
}

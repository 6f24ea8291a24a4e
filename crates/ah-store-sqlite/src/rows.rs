//! Rows as the contract's types, and back: the only place where one becomes the other.
//!
//! A value that cannot be what its column says is an error that names table, column and id. It is
//! never read as a default.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use ah_rest_api_contract::{
    AgentType, Draft, DraftContent, EventSeq, Permission, Prompt, PromptContent, RepoMode,
    Repository, RuntimeConfig, Session, SessionAgent, SessionEvent, SessionId, SessionLinks,
    SessionRepo, Task, Timestamp,
};
use ah_store::{
    ApiKey, EngineId, EventRow, Fence, JournalPosition, LogPosition, PermissionRecord, Reply,
    SessionRecord, StoreError, Version,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{During as _, backend, inconsistent};
use crate::words::{self, Word};

/// Reads the columns of one row, and knows whose they are when they cannot be read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    table: &'static str,
    id: &'a str,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(table: &'static str, id: &'a str) -> Self {
        Self { table, id }
    }

    pub(crate) fn number(self, column: &'static str, value: i64) -> Result<u64, StoreError> {
        u64::try_from(value).map_err(|error| inconsistent(self.table, column, self.id, error))
    }

    pub(crate) fn moment(self, column: &'static str, value: i64) -> Result<Timestamp, StoreError> {
        let moment = Timestamp::from_unix_millis(value);
        if moment.as_unix_millis() == value {
            Ok(moment)
        } else {
            let what = format!("{value} is outside of the years 0 to 9999");
            Err(inconsistent(self.table, column, self.id, what))
        }
    }

    fn flag(self, column: &'static str, value: i64) -> Result<bool, StoreError> {
        match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => {
                let what = format!("{value} is neither 0 nor 1");
                Err(inconsistent(self.table, column, self.id, what))
            }
        }
    }

    pub(crate) fn word<T: Word>(self, column: &'static str, word: &str) -> Result<T, StoreError> {
        T::read(word).ok_or_else(|| {
            let what = format!("`{word}` is no {}", T::NOUN);
            inconsistent(self.table, column, self.id, what)
        })
    }

    pub(crate) fn parsed<T>(self, column: &'static str, text: &str) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        text.parse()
            .map_err(|error: T::Err| inconsistent(self.table, column, self.id, error))
    }

    pub(crate) fn json<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| inconsistent(self.table, column, self.id, error))
    }

    fn some_json<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.json(column, text)).transpose()
    }

    fn some_moment(
        self,
        column: &'static str,
        value: Option<i64>,
    ) -> Result<Option<Timestamp>, StoreError> {
        value.map(|value| self.moment(column, value)).transpose()
    }
}

/// The JSON text of a value.
pub(crate) fn json_text<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).during("encode a value")
}

/// A count as the signed number that columns hold.
pub(crate) fn stored(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|error| backend("store a number", error))
}

/// What of a session never changes and is never searched by.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionBody<'a> {
    prompt: Cow<'a, str>,
    prompt_blocks: Cow<'a, PromptContent>,
    repo_mode: RepoMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repo_url: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repo_branch: Option<Cow<'a, str>>,
    runtime: Cow<'a, RuntimeConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    settings: Cow<'a, Map<String, Value>>,
    labels: Cow<'a, BTreeMap<String, String>>,
    interactive: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_session_id: Option<SessionId>,
}

impl<'a> SessionBody<'a> {
    pub(crate) fn of(session: &'a Session) -> Self {
        Self {
            prompt: Cow::Borrowed(&session.prompt),
            prompt_blocks: Cow::Borrowed(&session.prompt_blocks),
            repo_mode: session.repo.mode,
            repo_url: session.repo.url.as_deref().map(Cow::Borrowed),
            repo_branch: session.repo.branch.as_deref().map(Cow::Borrowed),
            runtime: Cow::Borrowed(&session.runtime),
            model: session.agent.model.as_deref().map(Cow::Borrowed),
            settings: Cow::Borrowed(&session.agent.settings),
            labels: Cow::Borrowed(&session.labels),
            interactive: session.interactive,
            parent_session_id: session.parent_session_id,
        }
    }
}

/// A row of the view `session_records`.
pub(crate) struct SessionRow {
    pub(crate) id: String,
    pub(crate) task_id: String,
    pub(crate) tenant_id: Option<String>,
    pub(crate) project_id: Option<String>,
    pub(crate) agent_type: String,
    pub(crate) agent_version: String,
    pub(crate) priority: i64,
    pub(crate) status: String,
    pub(crate) activity: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) commit_id: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) changes: Option<String>,
    pub(crate) usage: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) body: String,
    pub(crate) launch: String,
    pub(crate) last_seq: i64,
    pub(crate) version: i64,
    pub(crate) fence: i64,
    pub(crate) owner: Option<String>,
    pub(crate) ending: Option<String>,
    pub(crate) interrupt_requested: i64,
    pub(crate) last_turn: Option<String>,
    pub(crate) journal: i64,
    pub(crate) hidden: i64,
    /// A JSON array of the wire forms as texts, the newest first.
    pub(crate) recent_events: String,
}

impl SessionRow {
    /// What clients see of it.
    pub(crate) fn into_session(self) -> Result<Session, StoreError> {
        let row = Reader::new("sessions", &self.id);
        let body: SessionBody<'_> = row.json("body", &self.body)?;
        let id = row.parsed("id", &self.id)?;
        Ok(Session {
            id,
            task_id: row.parsed("task_id", &self.task_id)?,
            status: row.word("status", &self.status)?,
            activity: self
                .activity
                .as_deref()
                .map(|word| row.word("activity", word))
                .transpose()?,
            exit_code: self
                .exit_code
                .map(|code| {
                    i32::try_from(code)
                        .map_err(|error| inconsistent("sessions", "exit_code", id, error))
                })
                .transpose()?,
            prompt: body.prompt.into_owned(),
            prompt_blocks: body.prompt_blocks.into_owned(),
            repo: SessionRepo {
                mode: body.repo_mode,
                url: body.repo_url.map(Cow::into_owned),
                branch: body.repo_branch.map(Cow::into_owned),
                commit: self.commit_id,
            },
            runtime: body.runtime.into_owned(),
            agent: SessionAgent {
                agent_type: AgentType::new(self.agent_type),
                version: self.agent_version,
                model: body.model.map(Cow::into_owned),
                settings: body.settings.into_owned(),
            },
            workspace: row.some_json("workspace", self.workspace.as_deref())?,
            labels: body.labels.into_owned(),
            priority: words::priority(self.priority).ok_or_else(|| {
                let what = format!("{} is no priority", self.priority);
                inconsistent("sessions", "priority", id, what)
            })?,
            interactive: body.interactive,
            created_at: row.moment("created_at", self.created_at)?,
            updated_at: row.moment("updated_at", self.updated_at)?,
            started_at: row.some_moment("started_at", self.started_at)?,
            ended_at: row.some_moment("ended_at", self.ended_at)?,
            last_seq: EventSeq::new(row.number("last_seq", self.last_seq)?),
            recent_events: recent_events(&self.id, &self.recent_events)?,
            changes: row.some_json("changes", self.changes.as_deref())?,
            usage: row.some_json("usage", self.usage.as_deref())?,
            parent_session_id: body.parent_session_id,
            links: SessionLinks::of(id),
            tenant_id: self.tenant_id,
            project_id: self.project_id,
            reason: self.reason,
        })
    }

    /// All of it.
    pub(crate) fn into_record(mut self) -> Result<SessionRecord, StoreError> {
        let id = self.id.clone();
        let row = Reader::new("sessions", &id);
        Ok(SessionRecord {
            launch: row.json("launch", &self.launch)?,
            version: Version(row.number("version", self.version)?),
            fence: Fence(row.number("fence", self.fence)?),
            owner: self.owner.take().map(EngineId),
            ending: row.some_json("ending", self.ending.as_deref())?,
            interrupt_requested: row.flag("interrupt_requested", self.interrupt_requested)?,
            last_turn: row.some_json("last_turn", self.last_turn.as_deref())?,
            journal: JournalPosition(row.number("journal", self.journal)?),
            hidden: row.flag("hidden", self.hidden)?,
            session: self.into_session()?,
        })
    }
}

/// The recent events of the session `id`, which come newest first, oldest first.
fn recent_events(id: &str, texts: &str) -> Result<Vec<SessionEvent>, StoreError> {
    let row = Reader::new("events", id);
    let texts: Vec<String> = row.json("json", texts)?;
    texts
        .iter()
        .rev()
        .map(|text| row.json("json", text))
        .collect()
}

/// The event at the place `seq` of the log of `session`.
pub(crate) fn event(session: SessionId, seq: i64, json: &str) -> Result<SessionEvent, StoreError> {
    Reader::new("events", &format!("{session}/{seq}")).json("json", json)
}

/// An event whose text is handed on as it is.
pub(crate) struct StoredEventRow {
    pub(crate) key: i64,
    pub(crate) seq: i64,
    pub(crate) event_type: String,
    pub(crate) level: Option<String>,
    pub(crate) json: String,
}

impl StoredEventRow {
    /// The event of the log of `session`.
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
        Ok(Task {
            id: row.parsed("id", &self.id)?,
            request: row.json("request", &self.request)?,
            session_ids: Reader::new("sessions", &self.id).json("id", &self.session_ids)?,
            created_at: row.moment("created_at", self.created_at)?,
        })
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
        Ok(Prompt {
            id: row.parsed("id", &self.id)?,
            content: row.json("content", &self.content)?,
            delivery: row.word("delivery", &self.delivery)?,
            state: row.word("state", &self.state)?,
            created_at: row.moment("created_at", self.created_at)?,
            author: self.author,
        })
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
                let what = "an answer comes with who gave it";
                return Err(inconsistent("permissions", "answered_by", &self.id, what));
            }
        };
        Ok(PermissionRecord {
            permission: Permission {
                request: row.json("request", &self.request)?,
                created_at: row.moment("created_at", self.created_at)?,
                state: row.word("state", &self.state)?,
                resolution: row.some_json("resolution", self.resolution.as_deref())?,
            },
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
        Ok(Draft {
            id: row.parsed("id", &self.id)?,
            content: row.json::<DraftContent>("content", &self.content)?,
            created_at: row.moment("created_at", self.created_at)?,
            updated_at: row.moment("updated_at", self.updated_at)?,
        })
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
        Ok(Repository {
            id: row.parsed("id", &self.id)?,
            last_used_at: Some(row.moment("last_used_at", self.last_used_at)?),
            display_name: self.display_name,
            scm_provider: self.scm_provider,
            remote_url: self.address,
            default_branch: self.default_branch,
        })
    }
}

pub(crate) struct ReplyRow {
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) status: i64,
    pub(crate) body: String,
    pub(crate) expires_at: i64,
}

impl ReplyRow {
    pub(crate) fn into_reply(self) -> Result<Reply, StoreError> {
        let row = Reader::new("replies", &self.key);
        Ok(Reply {
            status: u16::try_from(self.status)
                .map_err(|error| inconsistent("replies", "status", &self.key, error))?,
            expires_at: row.moment("expires_at", self.expires_at)?,
            fingerprint: self.fingerprint,
            body: self.body,
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

//! Rows of sessions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ah_rest_api_contract::{
    AgentType, EventSeq, PromptContent, RepoMode, RuntimeConfig, Session, SessionAgent,
    SessionEvent, SessionId,
};
use ah_store::{EngineId, Fence, JournalPosition, SessionRecord, SessionVersion, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Reader;
use crate::error::inconsistent;
use crate::words;

/// The values of the column for an unknown version. `latest` is from earlier schemas.
const VERSIONS_UNKNOWN: [&str; 2] = ["", "latest"];

/// The part of a session that never changes and is never searched.
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
    pub(crate) agent_session_id: Option<String>,
    pub(crate) journal: i64,
    pub(crate) hidden: i64,
    /// A JSON array of wire forms as texts, newest first.
    pub(crate) recent_events: String,
    pub(crate) last_message: Option<String>,
}

impl SessionRow {
    /// Converts the row to the session that clients see.
    pub(crate) fn into_session(self) -> Result<Session, StoreError> {
        let row = Reader::new("sessions", &self.id);
        let body: SessionBody<'_> = row.json("body", &self.body)?;
        let id = row.parsed("id", &self.id)?;
        let mut agent = SessionAgent::new(AgentType::new(self.agent_type));
        agent.version =
            Some(self.agent_version).filter(|version| !VERSIONS_UNKNOWN.contains(&&**version));
        agent.model = body.model.map(Cow::into_owned);
        agent.settings = body.settings.into_owned();
        let mut session = Session::new(
            id,
            row.parsed("task_id", &self.task_id)?,
            agent,
            // Set below: the text is stored, and is not derived again.
            PromptContent::new(Vec::new()),
            row.moment("created_at", self.created_at)?,
        );
        session.prompt = body.prompt.into_owned();
        session.prompt_blocks = body.prompt_blocks.into_owned();
        session.tenant_id = self.tenant_id;
        session.project_id = self.project_id;
        session.status = row.word("status", &self.status)?;
        session.activity = self
            .activity
            .as_deref()
            .map(|word| row.word("activity", word))
            .transpose()?;
        session.reason = self.reason;
        session.exit_code = self
            .exit_code
            .map(|code| {
                i32::try_from(code)
                    .map_err(|error| inconsistent("sessions", "exit_code", id, error))
            })
            .transpose()?;
        session.repo.mode = body.repo_mode;
        session.repo.url = body.repo_url.map(Cow::into_owned);
        session.repo.branch = body.repo_branch.map(Cow::into_owned);
        session.repo.commit = self.commit_id;
        session.runtime = body.runtime.into_owned();
        session.workspace = row.some_json("workspace", self.workspace.as_deref())?;
        session.labels = body.labels.into_owned();
        session.priority = words::priority(self.priority).ok_or_else(|| {
            let what = format!("{} is no priority", self.priority);
            inconsistent("sessions", "priority", id, what)
        })?;
        session.interactive = body.interactive;
        session.updated_at = row.moment("updated_at", self.updated_at)?;
        session.started_at = row.some_moment("started_at", self.started_at)?;
        session.ended_at = row.some_moment("ended_at", self.ended_at)?;
        session.last_seq = EventSeq::new(row.number("last_seq", self.last_seq)?);
        session.recent_events = recent_events(&self.id, &self.recent_events)?;
        session.last_message = self.last_message;
        session.changes = row.some_json("changes", self.changes.as_deref())?;
        session.usage = row.some_json("usage", self.usage.as_deref())?;
        session.parent_session_id = body.parent_session_id;
        Ok(session)
    }

    /// Converts the row to the whole record.
    pub(crate) fn into_record(mut self) -> Result<SessionRecord, StoreError> {
        let id = self.id.clone();
        let row = Reader::new("sessions", &id);
        Ok(SessionRecord {
            launch: row.json("launch", &self.launch)?,
            version: SessionVersion(row.number("version", self.version)?),
            fence: Fence(row.number("fence", self.fence)?),
            owner: self.owner.take().map(EngineId),
            ending: row.some_json("ending", self.ending.as_deref())?,
            interrupt_requested: row.flag("interrupt_requested", self.interrupt_requested)?,
            last_turn: row.some_json("last_turn", self.last_turn.as_deref())?,
            agent_session_id: self.agent_session_id.clone(),
            journal: JournalPosition(row.number("journal", self.journal)?),
            hidden: row.flag("hidden", self.hidden)?,
            session: self.into_session()?,
        })
    }
}

/// Parses the recent events of the session `id`, and returns them oldest first.
fn recent_events(id: &str, texts: &str) -> Result<Vec<SessionEvent>, StoreError> {
    let row = Reader::new("events", id);
    let texts: Vec<String> = row.json("json", texts)?;
    texts
        .iter()
        .rev()
        .map(|text| row.json("json", text))
        .collect()
}

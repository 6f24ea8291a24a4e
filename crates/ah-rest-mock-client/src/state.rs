//! The state of a mock, in order of creation.

mod agents;
mod log;
mod receipts;
mod repositories;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use ah_lifecycle::create::{self, Creation};
use ah_lifecycle::turns::{AgentOutput, Moment};
use ah_lifecycle::{Decision, Refusal, View};
use ah_rest_api_contract::{
    BoundedItems, DeliveryMode, Draft, DraftId, DraftUpdate, ErrorKind, EventQuery, InitialTasks,
    LaunchedTask, Page, PageRequest, Priority, Project, Prompt, PromptId, PromptRequest,
    Repository, RepositoryQuery, RuntimePolicy, Session, SessionEvent, SessionId, SessionQuery,
    SessionStatus, SortOrder, Summarized, Task, TaskId, TaskLaunchParams, TaskManagerError,
    Timestamp, WorkspaceInfo, WorkspaceQuery, check_cursor,
};
use ah_scenario::{Defines, ScriptedAgent, Speed};
use tokio::sync::Notify;

use crate::fault::{Conditions, StreamConditions};
use crate::ids::Ids;
use crate::script::ScriptBuilder;
use crate::session::{MockSession, Setup, Times};
pub(crate) use agents::Agents;
pub(crate) use log::WholeLog;
pub(crate) use receipts::Receipts;
pub(crate) use repositories::Repositories;

/// The state of a mock.
pub(crate) struct State {
    pub(crate) ids: Ids,
    pub(crate) agents: Agents,
    pub(crate) repositories: Repositories,
    pub(crate) conditions: Conditions,
    pub(crate) streams: StreamConditions,
    /// The statuses in which sessions are held.
    pub(crate) held: BTreeSet<SessionStatus>,
    pub(crate) allowed_env: BTreeSet<String>,
    pub(crate) slots: usize,
    pub(crate) times: Arc<Times>,
    pub(crate) receipts: Receipts,
    tasks: Vec<Task>,
    /// In the order of launch.
    sessions: Vec<MockSession>,
    /// The index of each session.
    places: HashMap<SessionId, usize>,
    /// The queued sessions, in the order of launch.
    queue: Vec<SessionId>,
    drafts: Vec<Draft>,
    /// The events of all sessions, in the order of occurrence.
    log: WholeLog,
}

/// The configuration of a state.
pub(crate) struct MockSettings {
    pub(crate) ids: Ids,
    pub(crate) agents: Agents,
    pub(crate) repositories: Repositories,
    pub(crate) conditions: Conditions,
    pub(crate) streams: StreamConditions,
    pub(crate) allowed_env: BTreeSet<String>,
    pub(crate) slots: usize,
    pub(crate) times: Times,
}

fn unknown(what: &str, id: impl std::fmt::Display) -> TaskManagerError {
    TaskManagerError::new(ErrorKind::NotFound, format!("there is no {what} `{id}`"))
}

impl State {
    pub(crate) fn new(setting: MockSettings) -> Self {
        Self {
            ids: setting.ids,
            agents: setting.agents,
            repositories: setting.repositories,
            conditions: setting.conditions,
            streams: setting.streams,
            held: BTreeSet::new(),
            allowed_env: setting.allowed_env,
            slots: setting.slots,
            times: Arc::new(setting.times),
            receipts: Receipts::default(),
            tasks: Vec::new(),
            sessions: Vec::new(),
            places: HashMap::new(),
            queue: Vec::new(),
            drafts: Vec::new(),
            log: WholeLog::default(),
        }
    }

    /// Creates the sessions of a task, queued.
    pub(crate) fn launch(
        &mut self,
        params: &TaskLaunchParams,
        author: &str,
        now: Moment,
    ) -> Result<LaunchedTask, TaskManagerError> {
        let agents = &self.agents;
        create::judge(params, &self.allowed_env, |agent| agents.check(agent)).into_result(())?;
        create::check_supported(params, RuntimePolicy::default())?;
        let Creation {
            task,
            sessions,
            launched,
        } = create::decide(params, author, now.wall, || self.ids.next(now.wall))?;
        if let Some(source) = params.source() {
            self.repositories.touch(source, &mut self.ids, now.wall);
        }
        self.tasks.push(task);
        for (session, launch) in sessions {
            let (agent, speed) = self.agents.play(&session.agent, &mut self.ids, now.wall)?;
            let setup = Setup {
                agent,
                speed,
                workspace: self.repositories.workspace(&session),
                times: self.times.clone(),
            };
            self.places.insert(session.id, self.sessions.len());
            self.queue.push(session.id);
            let session = MockSession::new(session, launch, setup, now.wall);
            self.log.extend(&session);
            self.sessions.push(session);
        }
        Ok(launched)
    }

    /// Adds a session with its log, which does not proceed.
    pub(crate) fn add(&mut self, session: Session, log: Vec<SessionEvent>) {
        let script = Arc::new(ScriptBuilder::new("none").build());
        let version = session.agent.version.clone().unwrap_or_default();
        let setup = Setup {
            agent: ScriptedAgent::new(script, Defines::default(), version, session.id.ulid()),
            speed: Speed::default(),
            workspace: self.repositories.workspace(&session),
            times: self.times.clone(),
        };
        self.places.insert(session.id, self.sessions.len());
        let session = MockSession::recorded(session, log, setup);
        self.log.extend(&session);
        self.sessions.push(session);
    }

    /// Assigns free slots to queued sessions, by priority and then age, and returns these sessions.
    pub(crate) fn claim(&mut self, now: Moment) -> Result<Vec<(SessionId, Arc<Notify>)>, Refusal> {
        let mut claimed = Vec::new();
        if self.held.contains(&SessionStatus::Queued) {
            return Ok(claimed);
        }
        let Self {
            sessions,
            places,
            queue,
            log,
            ..
        } = self;
        queue.retain(|id| sessions[places[id]].status() == SessionStatus::Queued);
        let holding = sessions
            .iter()
            .filter(|it| it.status().holds_slot())
            .count();
        for _ in holding..self.slots {
            let next = queue.iter().enumerate().min_by_key(|(place, id)| {
                let is_urgent = sessions[places[id]].session().priority == Priority::High;
                (!is_urgent, *place)
            });
            let Some((place, _)) = next else { break };
            let id = queue.remove(place);
            let session = &mut sessions[places[&id]];
            session.claim(now.wall)?;
            log.extend(session);
            claimed.push((id, session.waker()));
        }
        Ok(claimed)
    }

    /// Advances a session. Returns the time at which it must be advanced again at the latest, or
    /// earlier after a decision; `None` once it has ended.
    pub(crate) fn advance(
        &mut self,
        id: SessionId,
        now: Moment,
    ) -> Result<Option<Option<Instant>>, Refusal> {
        // Sessions are never removed.
        let session = &mut self.sessions[self.places[&id]];
        let next = session.advance(now, &self.held);
        self.log.extend(session);
        let next = next?;
        Ok((!session.status().is_terminal()).then_some(next))
    }

    /// Processes output of a session's agent that its script does not contain.
    pub(crate) fn output(
        &mut self,
        id: SessionId,
        output: AgentOutput,
        now: Moment,
    ) -> Result<(), TaskManagerError> {
        let place = *self.places.get(&id).ok_or_else(|| unknown("session", id))?;
        let session = &mut self.sessions[place];
        let is_running = session.output(output, now)?;
        self.log.extend(session);
        if is_running {
            return Ok(());
        }
        Err(TaskManagerError::new(
            ErrorKind::Conflict,
            format!("the agent of session `{id}` is not running"),
        ))
    }

    /// Wakes all sessions, so that they check for work.
    pub(crate) fn wake_all(&self) {
        for session in &self.sessions {
            session.waker().notify_one();
        }
    }

    pub(crate) fn task(&self, id: TaskId) -> Result<&Task, TaskManagerError> {
        let task = self.tasks.iter().find(|task| task.id == id);
        task.ok_or_else(|| unknown("task", id))
    }

    pub(crate) fn session(&self, id: SessionId) -> Result<&MockSession, TaskManagerError> {
        let place = self.places.get(&id).ok_or_else(|| unknown("session", id))?;
        Ok(&self.sessions[*place])
    }

    /// Makes a decision on a session and executes it.
    pub(crate) fn decide(
        &mut self,
        id: SessionId,
        decide: impl FnOnce(&View) -> Result<Decision, Refusal>,
    ) -> Result<&MockSession, TaskManagerError> {
        let place = *self.places.get(&id).ok_or_else(|| unknown("session", id))?;
        let session = &mut self.sessions[place];
        let decision = decide(session.view())?;
        session.take(decision);
        self.log.extend(session);
        Ok(session)
    }

    /// Creates a prompt for a session's queue. It steers only if the agent supports it.
    pub(crate) fn new_prompt(
        &mut self,
        id: SessionId,
        request: PromptRequest,
        author: &str,
        now: Moment,
    ) -> Result<Prompt, TaskManagerError> {
        let agent = &self.session(id)?.session().agent.agent_type;
        let delivery = if self.agents.can_steer(agent) {
            request.delivery
        } else {
            DeliveryMode::Queue
        };
        Ok(Prompt::new(
            PromptId::from_ulid(self.ids.next(now.wall)),
            request.prompt,
            author.to_owned(),
            now.wall,
        )
        .with_delivery(delivery))
    }

    pub(crate) fn page_of_sessions(&self, query: &SessionQuery) -> Page<Session> {
        let newest_first = self.sessions.iter().rev();
        let wanted: Vec<&MockSession> = newest_first.filter(|it| wants(query, it)).collect();
        let page = Page::of_whole(wanted, query.page);
        bounded(page.map(|session| session.session().clone().viewed_as(query.view)))
    }

    pub(crate) fn page_of_projects(&self, page: PageRequest) -> Page<Project> {
        let mut projects: Vec<Project> = Vec::new();
        // The newest session of a project comes first.
        for session in self.sessions.iter().rev().map(MockSession::session) {
            if let Some(id) = &session.project_id
                && projects.iter().all(|known| known.id != *id)
            {
                projects.push(Project::new(id.clone(), session.created_at));
            }
        }
        Page::of_whole(projects, page)
    }

    pub(crate) fn page_of_repositories(&self, query: &RepositoryQuery) -> Page<Repository> {
        let is_used = |repository: &Repository| {
            let fits = |wanted: &Option<String>, value: &Option<String>| {
                wanted.is_none() || wanted == value
            };
            let is_any = query.tenant_id.is_none() && query.project_id.is_none();
            is_any
                || self
                    .sessions
                    .iter()
                    .map(MockSession::session)
                    .any(|session| {
                        session.repo.url.as_ref() == Some(&repository.remote_url)
                            && fits(&query.tenant_id, &session.tenant_id)
                            && fits(&query.project_id, &session.project_id)
                    })
        };
        let mut used = self.repositories.list();
        used.retain(is_used);
        Page::of_whole(used, query.page)
    }

    pub(crate) fn page_of_workspaces(
        &self,
        query: &WorkspaceQuery,
        now: Timestamp,
    ) -> Page<WorkspaceInfo> {
        let shown = self.sessions.iter().rev().filter(|session| {
            !session.view().record.hidden && session.session().status != SessionStatus::Cancelled
        });
        let workspaces = shown.filter_map(|session| WorkspaceInfo::of(session.session(), now));
        let wanted = workspaces.filter(|workspace| query.wants(workspace.status));
        Page::of_whole(wanted.collect(), query.page)
    }

    pub(crate) fn list_events(
        &self,
        id: SessionId,
        query: &EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        let session = self.session(id)?;
        if let Some(after) = query.after {
            check_cursor(after, session.session().last_seq)?;
        }
        let wanted = session.log().iter().filter(|event| {
            query.filter.admits(&event.payload)
                && query.after.is_none_or(|after| event.seq > after)
                && query.before.is_none_or(|before| event.seq < before)
                && query.since.is_none_or(|since| event.ts >= since)
                && query.until.is_none_or(|until| event.ts < until)
        });
        let mut wanted: Vec<&SessionEvent> = wanted.collect();
        if query.sort == SortOrder::Desc {
            wanted.reverse();
        }
        let page = Page::of_whole(wanted, query.page);
        Ok(page.map(Clone::clone))
    }

    pub(crate) fn initial_tasks(&self) -> InitialTasks {
        let page = PageRequest::largest();
        let query = SessionQuery {
            page,
            ..SessionQuery::default()
        };
        InitialTasks::new(self.list_drafts(page), self.page_of_sessions(&query))
    }

    /// The number of sessions by status.
    pub(crate) fn count_sessions(&self) -> BTreeMap<SessionStatus, u64> {
        let mut counts = BTreeMap::new();
        for session in &self.sessions {
            *counts.entry(session.status()).or_default() += 1;
        }
        counts
    }

    /// The events of all sessions.
    pub(crate) fn log(&self) -> &WholeLog {
        &self.log
    }

    pub(crate) fn list_drafts(&self, page: PageRequest) -> Page<Draft> {
        bounded(Page::of_whole(
            self.drafts.iter().rev().cloned().collect(),
            page,
        ))
    }

    pub(crate) fn draft(&self, id: DraftId) -> Result<&Draft, TaskManagerError> {
        let draft = self.drafts.iter().find(|draft| draft.id == id);
        draft.ok_or_else(|| unknown("draft", id))
    }

    /// Saves a draft, which moves to the end of the list.
    pub(crate) fn save_draft(
        &mut self,
        update: DraftUpdate,
        now: Moment,
    ) -> Result<Draft, TaskManagerError> {
        let draft = match update.id {
            None => Draft::new(
                DraftId::from_ulid(self.ids.next(now.wall)),
                update.content,
                now.wall,
                now.wall,
            ),
            Some(id) => {
                let old = self.take_draft(id)?;
                let content = old.content.merged(update.content);
                Draft::new(id, content, old.created_at, now.wall)
            }
        };
        self.drafts.push(draft.clone());
        Ok(draft)
    }

    /// Removes and returns the draft `id`.
    pub(crate) fn take_draft(&mut self, id: DraftId) -> Result<Draft, TaskManagerError> {
        let place = self.drafts.iter().position(|draft| draft.id == id);
        Ok(self
            .drafts
            .remove(place.ok_or_else(|| unknown("draft", id))?))
    }
}

/// Returns true if a list includes the session. Hidden sessions are included on request, and
/// cancelled ones also by status.
fn wants(query: &SessionQuery, session: &MockSession) -> bool {
    let hidden = session.view().record.hidden;
    let session = session.session();
    let is_named = query.statuses.contains(&session.status);
    let is_shown = query.include_archived
        || if session.status == SessionStatus::Cancelled {
            is_named
        } else {
            !hidden
        };
    let fits =
        |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
    is_shown
        && (query.statuses.is_empty() || is_named)
        && fits(&query.project_id, &session.project_id)
        && fits(&query.tenant_id, &session.tenant_id)
        && query
            .labels
            .iter()
            .all(|(name, value)| session.labels.get(name) == Some(value))
        && query.task_id.is_none_or(|task| task == session.task_id)
        && fits(&query.repository, &session.repo.url)
        && query
            .created_after
            .is_none_or(|after| session.created_at >= after)
        && query
            .created_before
            .is_none_or(|before| session.created_at < before)
        && query
            .agent
            .as_ref()
            .is_none_or(|agent| *agent == session.agent.agent_type)
}

/// Returns the page with summaries of the items that exceed its size.
fn bounded<T: Summarized>(page: Page<T>) -> Page<T> {
    Page {
        items: BoundedItems::from_iter(page.items).into_items(),
        ..page
    }
}

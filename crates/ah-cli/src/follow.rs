//! Follows sessions until they have ended.

mod asking;
mod question;
mod request;
mod screen;
mod signals;
mod summary;
mod transcript;
mod wording;

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    DiffQuery, EventFilter, EventPayload, EventSeq, PermissionId, SessionDiff, SessionEvent,
    SessionId, StreamItem, TaskManager, TaskManagerError,
};
use futures::stream::{SelectAll, Stream, StreamExt};
use serde_json::json;

pub(crate) use question::{Question, Reply, TypedLines, choose, may_allow};
pub(crate) use request::{option_lines, request_lines};
pub(crate) use screen::Screen;
pub(crate) use signals::{Interruption, Signals};
pub(crate) use summary::exit_code;

use crate::clock;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::text;
use transcript::Transcript;

/// The silence on the stream before a question is asked. In a replay of history, and where a policy
/// decides, the resolution follows immediately.
const QUIET_BEFORE_ASKING: Duration = Duration::from_millis(150);

/// The sessions to follow, and the form of the output.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) sessions: Vec<SessionId>,
    /// The position to start from.
    pub(crate) after: EventSeq,
    /// The form of the output.
    pub(crate) form: Form,
}

/// The form in which events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The end of following.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FollowEnd {
    /// Every session has ended, with this exit code.
    Ended(ExitCode),
    /// A signal interrupted the command.
    Interrupted(Interruption),
}

/// An event of one of the followed sessions, with the index of the session.
type Item = (usize, Result<StreamItem, TaskManagerError>);

/// A session that is followed.
struct Followed {
    id: SessionId,
    transcript: Transcript,
    has_ended: bool,
}

/// The state of following.
struct FollowState<'a> {
    manager: &'a Arc<dyn TaskManager>,
    screen: &'a mut Screen,
    form: Form,
    sessions: Vec<Followed>,
    question: Option<Question>,
    /// Questions that were asked or announced, to avoid repeats.
    seen: HashSet<PermissionId>,
    typed: Option<TypedLines>,
}

/// Follows the sessions until all have ended or a signal interrupts the command.
pub(crate) async fn watch(
    manager: &Arc<dyn TaskManager>,
    watch: &Watch,
    screen: &mut Screen,
    signals: &mut Signals,
) -> Result<FollowEnd, Failure> {
    let mut events = open(manager, watch).await?;
    let mut follower = FollowState {
        manager,
        screen,
        form: watch.form,
        sessions: watch
            .sessions
            .iter()
            .map(|id| Followed {
                id: *id,
                transcript: Transcript::default(),
                has_ended: false,
            })
            .collect(),
        question: None,
        seen: HashSet::new(),
        typed: None,
    };
    tokio::select! {
        result = follower.run(&mut events) => result?,
        interruption = signals.next() => {
            follower.screen.clear_foot();
            return Ok(FollowEnd::Interrupted(interruption));
        }
    }
    follower.screen.clear_foot();
    follower.summarize().await.map(FollowEnd::Ended)
}

async fn open(
    manager: &Arc<dyn TaskManager>,
    watch: &Watch,
) -> Result<SelectAll<Pin<Box<dyn Stream<Item = Item> + Send>>>, Failure> {
    let filter = match watch.form {
        Form::Text => EventFilter::default().with_ephemeral(),
        Form::Json => EventFilter::default(),
    };
    let mut events = SelectAll::new();
    for (index, id) in watch.sessions.iter().enumerate() {
        let stream = manager
            .task_events_stream(*id, watch.after, filter.clone())
            .await?;
        events.push(stream.map(move |item| (index, item)).boxed());
    }
    Ok(events)
}

impl FollowState<'_> {
    async fn run(
        &mut self,
        events: &mut SelectAll<Pin<Box<dyn Stream<Item = Item> + Send>>>,
    ) -> Result<(), Failure> {
        loop {
            self.spin();
            let waits = self.next_request().is_some() && self.question.is_none();
            tokio::select! {
                biased;
                item = events.next() => match item {
                    Some((index, item)) => self.take(index, item)?,
                    None => return self.all_have_ended(),
                },
                typed = next_typed(&mut self.typed), if self.question.is_some() => {
                    self.answer(typed).await?;
                }
                () = tokio::time::sleep(QUIET_BEFORE_ASKING), if waits => self.ask()?,
            }
        }
    }

    fn take(
        &mut self,
        index: usize,
        item: Result<StreamItem, TaskManagerError>,
    ) -> Result<(), Failure> {
        let id = self.sessions[index].id;
        let item = item.map_err(|error| {
            Failure::from(error).hint(format!(
                "the session keeps running; follow it with `ah session follow {}`",
                short(id)
            ))
        })?;
        match (item, self.form) {
            (StreamItem::Event(event), form) => {
                let columns = self.columns();
                let session = &mut self.sessions[index];
                let lines = session.transcript.apply(&event, columns);
                session.has_ended = matches!(
                    &event.payload,
                    EventPayload::Status(change) if change.status.is_terminal()
                );
                if matches!(event.payload, EventPayload::PermissionResolved(_))
                    || self.sessions[index].has_ended
                {
                    self.withdraw_question(index);
                }
                match form {
                    Form::Text => self.screen.print(&self.prefixed(index, lines)),
                    Form::Json => self.print_json(&event),
                }
            }
            (StreamItem::Ephemeral(event), _) => {
                self.sessions[index].transcript.apply_ephemeral(&event);
                Ok(())
            }
            (StreamItem::Gap(gap), Form::Text) => self
                .screen
                .print(&self.prefixed(index, vec![Transcript::gap(&gap)])),
            (StreamItem::Gap(gap), Form::Json) => self.screen.terminal().print_json(&json!({
                "type": "gap",
                "sessionId": id,
                "from_seq": gap.from_seq,
                "earliest_seq": gap.earliest_seq,
            })),
        }
    }

    fn print_json(&self, event: &SessionEvent) -> Result<(), Failure> {
        self.screen.terminal().print_json(event)
    }

    /// Returns the columns available to a line, without the prefix of its session.
    fn columns(&self) -> Option<usize> {
        let columns = self.screen.terminal().columns()?;
        let prefix = self.prefix(0).width();
        Some(columns.saturating_sub(prefix))
    }

    /// Returns the prefix of a session's lines; empty with a single session.
    fn prefix(&self, index: usize) -> Line {
        if self.sessions.len() < 2 {
            return Line::new();
        }
        Line::of(Paint::Dim, format!("{} ", short(self.sessions[index].id)))
    }

    fn prefixed(&self, index: usize, lines: Vec<Line>) -> Vec<Line> {
        lines
            .into_iter()
            .map(|line| self.prefix(index).join(line))
            .collect()
    }

    fn spin(&mut self) {
        if self.form == Form::Json || self.question.is_some() {
            return;
        }
        let mut going_on = self.sessions.iter().filter(|session| !session.has_ended);
        let Some(first) = going_on.next() else { return };
        let others = going_on.count();
        let mut words = first.transcript.now();
        if others > 0 {
            words.push_str(&format!(" (and {others} more)"));
        }
        // The start time is unknown before the first event.
        if let Some(started) = first.transcript.started() {
            self.screen.spin(&words, clock::now().since(started));
        }
    }

    fn all_have_ended(&self) -> Result<(), Failure> {
        match self.sessions.iter().find(|session| !session.has_ended) {
            None => Ok(()),
            Some(session) => Err(Failure::general(format!(
                "the event stream of session {} ended before the session did",
                session.id
            ))
            .hint(format!(
                "follow it with `ah session follow {}`",
                short(session.id)
            ))),
        }
    }

    /// Prints the end of each session, and returns the exit code.
    async fn summarize(&mut self) -> Result<ExitCode, Failure> {
        let mut code = ExitCode::Ok;
        for index in 0..self.sessions.len() {
            let id = self.sessions[index].id;
            let session = self.manager.get_session(id).await?;
            code = code.or(exit_code(&session));
            if self.form == Form::Json {
                continue;
            }
            let diff = self.diff(id).await;
            let mut lines = summary::lines(&session, diff.as_ref());
            if self.sessions.len() > 1 {
                lines.insert(1, Line::of(Paint::Bold, format!("session {id}")));
            }
            self.screen.print(&lines)?;
            for hint in summary::hints(&session, diff.as_ref(), &short(id)) {
                self.screen.terminal().hint(hint);
            }
        }
        Ok(code)
    }

    /// Returns the session's diff; `None` if it has no workspace.
    async fn diff(&self, id: SessionId) -> Option<SessionDiff> {
        match self
            .manager
            .get_session_diff(id, DiffQuery::default())
            .await
        {
            Ok(diff) => Some(diff),
            Err(error) => {
                tracing::debug!(%error, "the session has no diff");
                None
            }
        }
    }
}

/// Returns the next typed line. Never ready before the first question.
async fn next_typed(typed: &mut Option<TypedLines>) -> Option<String> {
    match typed {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

/// Returns the message for detached sessions, and the command to attach again.
pub(crate) fn reattach_message(sessions: &[SessionId]) -> (String, String) {
    match sessions {
        [one] => (
            format!("session {one} keeps running"),
            format!("follow it with `ah session follow {}`", short(*one)),
        ),
        many => (
            format!(
                "{} keep running",
                text::counted(many.len() as u64, "session")
            ),
            "`ah session list` shows them; `ah session follow ID` follows one".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;

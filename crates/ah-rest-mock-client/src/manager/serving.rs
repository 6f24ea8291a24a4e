//! The access point over the mock, for servers that are tested without an engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use ah_rest_api_contract::{
    AccessPoint, AllEventsQuery, Caller, EncodedEvent, EncodedItem, EncodedLogStream,
    EncodedStream, ErrorKind, EventFilter, EventSeq, HealthProbe, LogCursor, Receipt, SessionEvent,
    SessionId, SessionStatus, StreamItem, TaskId, TaskManager, TaskManagerError,
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};

use super::MockTaskManager;

#[async_trait]
impl AccessPoint for MockTaskManager {
    fn acting_as(&self, caller: Caller) -> Arc<dyn AccessPoint> {
        Arc::new(Self {
            caller,
            ..self.clone()
        })
    }

    async fn receipt(&self, key: &str) -> Result<Option<Receipt>, TaskManagerError> {
        let now = self.shared.now().wall;
        Ok(self.shared.state().receipts.get(key, now).cloned())
    }

    async fn keep_receipt(&self, receipt: Receipt) -> Result<(), TaskManagerError> {
        let (now, mut state) = (self.shared.now(), self.shared.state());
        state.receipts.admit(&receipt.key, now.wall)?;
        state.receipts.keep(receipt);
        Ok(())
    }

    async fn encoded_events(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EncodedStream, TaskManagerError> {
        let shared = self.shared.clone();
        let events = self.task_events_stream(id, after, filter).await?;
        Ok(Box::pin(events.map(move |item| {
            Ok(match item? {
                StreamItem::Event(event) => {
                    let cursor = shared.state().log().cursor_of(&event);
                    EncodedItem::Event(encode(&event, cursor)?)
                }
                StreamItem::Ephemeral(event) => EncodedItem::Ephemeral(event),
                StreamItem::Gap(gap) => EncodedItem::Gap(gap),
            })
        })))
    }

    async fn all_encoded_events(
        &self,
        query: AllEventsQuery,
    ) -> Result<EncodedLogStream, TaskManagerError> {
        let events = self.all_events(query).await?;
        Ok(Box::pin(events.map(|item| {
            let (cursor, event) = item?;
            encode(&event, cursor)
        })))
    }

    async fn is_exhausted(&self, query: &AllEventsQuery) -> Result<bool, TaskManagerError> {
        let (Some(sessions), Some(after)) = (&query.sessions, query.after) else {
            return Ok(false);
        };
        let state = self.shared.state();
        let is_left = |(_, id, seq): (LogCursor, SessionId, EventSeq)| {
            let event = sessions
                .contains(&id)
                .then(|| state.session(id).ok())
                .flatten();
            let event = event.and_then(|it| it.log().iter().find(|event| event.seq == seq));
            event.is_some_and(|event| query.filter.admits(&event.payload))
        };
        let is_over = |id: &SessionId| state.session(*id).is_ok_and(|it| it.status().is_terminal());
        Ok(sessions.iter().all(is_over) && !state.log().after(after).any(is_left))
    }

    async fn task_begin(
        &self,
        id: TaskId,
    ) -> Result<(LogCursor, Vec<SessionId>), TaskManagerError> {
        let state = self.shared.state();
        let sessions = state.task(id)?.session_ids.clone();
        let begin = state.log().after(LogCursor::START);
        let first = begin
            .filter(|(_, session, _)| sessions.contains(session))
            .map(|(cursor, ..)| cursor.get().saturating_sub(1))
            .next();
        Ok((LogCursor::new(first.unwrap_or_default()), sessions))
    }

    async fn log_end(&self) -> Result<LogCursor, TaskManagerError> {
        Ok(*self.shared.state().log().watch().borrow())
    }

    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, TaskManagerError> {
        Ok(self.shared.state().count_sessions())
    }

    fn health_probes(&self) -> Vec<HealthProbe<'_>> {
        let sessions = async {
            let count: u64 = self.shared.state().count_sessions().values().sum();
            Ok(format!("{count} in all"))
        };
        vec![
            HealthProbe {
                name: "store",
                run: async { Ok("is in memory".to_owned()) }.boxed(),
            },
            HealthProbe {
                name: "sessions",
                run: sessions.boxed(),
            },
        ]
    }

    fn readiness(&self) -> Result<(), TaskManagerError> {
        Ok(())
    }

    async fn lost(&self) -> String {
        std::future::pending().await
    }

    /// Does nothing: a mock goes on as long as a clone of it exists.
    async fn shutdown(&self) {}
}

fn encode(event: &SessionEvent, cursor: LogCursor) -> Result<Arc<EncodedEvent>, TaskManagerError> {
    EncodedEvent::encode(event, cursor)
        .map(Arc::new)
        .map_err(|error| {
            TaskManagerError::new(ErrorKind::Internal, "an event has no JSON").caused_by(error)
        })
}

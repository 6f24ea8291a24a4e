//! The [`AccessPoint`] over the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use ah_rest_api_contract::{
    AccessPoint, AllEventsQuery, Caller, EncodedJson, EncodedLogStream, EncodedPage, EncodedStream,
    ErrorKind, EventFilter, EventQuery, EventSeq, HealthProbe, HistoryPage, LogCursor, Receipt,
    SandboxProfile, SessionId, SessionQuery, SessionStatus, TaskId, TaskManagerError, check_cursor,
    check_log_cursor,
};
use ah_store::{LogPosition, Store, StoreError};
use async_trait::async_trait;
use futures::FutureExt;

use super::LocalTaskManager;
use crate::condition::EngineCondition;

/// The maximum number of sessions that the check of supervisors names.
const RETRYING_NAMED_MAX: usize = 5;

#[async_trait]
impl AccessPoint for LocalTaskManager {
    fn acting_as(&self, caller: Caller) -> Arc<dyn AccessPoint> {
        Arc::new(self.on_behalf_of(caller))
    }

    async fn receipt(&self, key: &str) -> Result<Option<Receipt>, TaskManagerError> {
        let now = self.core.clock.now();
        Ok(self.core.store.receipt(key, now).await?)
    }

    async fn keep_receipt(&self, receipt: Receipt) -> Result<(), TaskManagerError> {
        let now = self.core.clock.now();
        self.core
            .store
            .save_receipt(receipt, now)
            .await
            .map_err(Into::into)
    }

    async fn encoded_session(&self, id: SessionId) -> Result<EncodedJson, TaskManagerError> {
        Ok(self.core.store.encoded_session(id).await?)
    }

    async fn encoded_sessions(&self, query: SessionQuery) -> Result<EncodedPage, TaskManagerError> {
        Ok(self.core.store.encoded_sessions(&query).await?)
    }

    async fn history(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<HistoryPage, TaskManagerError> {
        self.read_history(id, query).await
    }

    async fn encoded_events(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EncodedStream, TaskManagerError> {
        let last = self.core.store.session(id).await?.session.last_seq;
        check_cursor(after, last)?;
        Ok(crate::stream::of_session(&self.core, id, after, filter))
    }

    async fn all_encoded_events(
        &self,
        query: AllEventsQuery,
    ) -> Result<EncodedLogStream, TaskManagerError> {
        let after = match query.after {
            Some(after) => self.log_position(after).await?,
            None => self.core.store.log_end().await?,
        };
        Ok(crate::stream::of_all(
            &self.core,
            after,
            query.sessions,
            query.filter,
        ))
    }

    async fn is_exhausted(&self, query: &AllEventsQuery) -> Result<bool, TaskManagerError> {
        let (Some(sessions), Some(after)) = (&query.sessions, query.after) else {
            return Ok(false);
        };
        for id in sessions {
            match self.core.store.session(*id).await {
                Ok(record) if record.session.status.is_terminal() => {}
                // A session that does not exist yet may have events later.
                Ok(_) | Err(StoreError::NotFound { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        let after = self.log_position(after).await?;
        let store = self.core.store.as_ref();
        let left = crate::stream::has_more(store, after, sessions, &query.filter).await?;
        Ok(!left)
    }

    async fn task_begin(
        &self,
        id: TaskId,
    ) -> Result<(LogCursor, Vec<SessionId>), TaskManagerError> {
        let sessions = self.core.store.task(id).await?.session_ids;
        // The first events of a task are written together, those of its first session first.
        let begin = match sessions.first() {
            Some(first) => self.core.store.log_before(*first).await?,
            None => self.core.store.log_end().await?,
        };
        // Before the first task there is no event that a cursor could name.
        let first = self.core.store.log_begin().await?;
        let begin = if begin.0 < first.0 {
            LogPosition(0)
        } else {
            begin
        };
        Ok((LogCursor::new(begin.0), sessions))
    }

    async fn log_end(&self) -> Result<LogCursor, TaskManagerError> {
        let end = self.core.store.log_end().await?;
        Ok(LogCursor::new(end.0))
    }

    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, TaskManagerError> {
        self.core.store.count_sessions().await.map_err(Into::into)
    }

    fn health_probes(&self) -> Vec<HealthProbe<'_>> {
        vec![
            HealthProbe {
                name: "store",
                run: async { self.probe_store() }.boxed(),
            },
            HealthProbe {
                name: "integrity",
                run: self.probe_integrity().boxed(),
            },
            HealthProbe {
                name: "sessions",
                run: self.probe_sessions().boxed(),
            },
            HealthProbe {
                name: "isolation",
                run: self.probe_isolation().boxed(),
            },
            HealthProbe {
                name: "supervisors",
                run: async { self.probe_supervisors() }.boxed(),
            },
        ]
    }

    fn readiness(&self) -> Result<(), TaskManagerError> {
        match self.core.condition.borrow().fault() {
            None => Ok(()),
            Some(reason) => Err(TaskManagerError::new(ErrorKind::Unavailable, reason)),
        }
    }

    async fn lost(&self) -> String {
        let mut condition = self.core.condition.subscribe();
        loop {
            if let EngineCondition::Lost(reason) = &*condition.borrow_and_update() {
                return reason.clone();
            }
            if condition.changed().await.is_err() {
                // The sender lives as long as this engine.
                return std::future::pending().await;
            }
        }
    }

    async fn shutdown(&self) {
        Self::shutdown(self).await;
    }
}

impl LocalTaskManager {
    /// Returns the position of a reader's cursor.
    async fn log_position(&self, cursor: LogCursor) -> Result<LogPosition, TaskManagerError> {
        let store = &self.core.store;
        let (begin, end) = (store.log_begin().await?, store.log_end().await?);
        check_log_cursor(cursor, LogCursor::new(begin.0), LogCursor::new(end.0))?;
        Ok(LogPosition(cursor.get()))
    }

    /// States the isolation of agents on this host. It is a failure if files are not protected, or if
    /// the configuration requires more than the host enforces.
    async fn probe_isolation(&self) -> Result<String, String> {
        let profile = self.core.config.sandbox;
        let Some(isolation) = self.core.executor.isolation(profile, None).await else {
            return Ok("the host of the sessions has no sandbox".to_owned());
        };
        self.core.executor.check_isolation(profile, None).await?;
        if profile == SandboxProfile::Disabled {
            return Ok("`sandbox.profile` is `disabled`: agents have all permissions".to_owned());
        }
        let protects_files = isolation.enforced.iter().any(|name| name == "files");
        match protects_files {
            true => Ok(isolation.in_words()),
            false => Err(isolation.in_words()),
        }
    }

    /// Looks for damage in the store.
    async fn probe_integrity(&self) -> Result<String, String> {
        match look_for_damage(self.core.store.as_ref()).await {
            Ok(sound) => Ok(sound.to_owned()),
            Err(reason) => Err(reason),
        }
    }

    /// Returns the state of the store as of the last renewal of this engine's claims, a write.
    fn probe_store(&self) -> Result<String, String> {
        match self.core.condition.borrow().fault() {
            None => Ok("can be written".to_owned()),
            Some(reason) => Err(reason.to_owned()),
        }
    }

    /// Counts this engine's supervisors by phase. Fails if one of them waits for another attempt.
    fn probe_supervisors(&self) -> Result<String, String> {
        let (phases, retrying) = self.core.supervisors.summary();
        let words: Vec<String> = phases
            .iter()
            .map(|(phase, count)| format!("{count} {phase}"))
            .collect();
        let words = match words.is_empty() {
            true => "none".to_owned(),
            false => words.join(", "),
        };
        if retrying.is_empty() {
            return Ok(words);
        }
        let named = retrying.iter().take(RETRYING_NAMED_MAX);
        let named: Vec<String> = named.map(ToString::to_string).collect();
        Err(format!("{words}; retrying: {}", named.join(", ")))
    }

    async fn probe_sessions(&self) -> Result<String, String> {
        match self.core.store.count_sessions().await {
            Ok(counts) => {
                let count = |status| counts.get(&status).copied().unwrap_or_default();
                let words = [SessionStatus::Running, SessionStatus::Queued]
                    .map(|status| format!("{} {status}", count(status)));
                Ok(words.join(", "))
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the sessions cannot be counted");
                Err("cannot be counted; the server's log has the cause".to_owned())
            }
        }
    }
}

/// Looks for damage in the store, which is logged. Returns the reason and the remedy.
pub(super) async fn look_for_damage(store: &dyn Store) -> Result<&'static str, String> {
    let error = match store.verify().await {
        Ok(sound) => return Ok(sound),
        Err(error) => error,
    };
    let shown = &error as &dyn std::error::Error;
    if let StoreError::Unavailable { reason } = &error {
        tracing::warn!(error = shown, "the store could not be examined");
        return Err(format!("could not be examined: {reason}"));
    }
    tracing::error!(error = shown, "the store is damaged");
    Err(
        "the store is damaged; stop the server and restore the state folder from a copy, or \
         recover `state.db` with `sqlite3 state.db .recover`"
            .to_owned(),
    )
}

//! The [`AccessPoint`] over the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ah_rest_api_contract::{
    AccessPoint, AllEventsQuery, Caller, EncodedLogStream, EncodedStream, EventFilter, EventSeq,
    HealthProbe, LogCursor, Receipt, SessionId, SessionStatus, TaskManagerError,
};
use ah_store::LogPosition;
use async_trait::async_trait;
use futures::FutureExt;

use super::LocalTaskManager;

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

    async fn encoded_events(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EncodedStream, TaskManagerError> {
        self.known(id).await?;
        Ok(crate::stream::of_session(&self.core, id, after, filter))
    }

    async fn all_encoded_events(
        &self,
        query: AllEventsQuery,
    ) -> Result<EncodedLogStream, TaskManagerError> {
        let after = match query.after {
            Some(after) => LogPosition(after.get()),
            None => self.core.store.log_end().await?,
        };
        Ok(crate::stream::of_all(
            self.core.store.clone(),
            after,
            query.sessions,
            query.filter,
        ))
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
                name: "sessions",
                run: self.probe_sessions().boxed(),
            },
            HealthProbe {
                name: "supervisors",
                run: async { self.probe_supervisors() }.boxed(),
            },
        ]
    }

    async fn shutdown(&self) {
        Self::shutdown(self).await;
    }
}

impl LocalTaskManager {
    /// Returns the outcome of the last renewal of this engine's claims, which is a write.
    fn probe_store(&self) -> Result<String, String> {
        if self.core.store_is_writable.load(Ordering::Relaxed) {
            Ok("can be written".to_owned())
        } else {
            Err("cannot be written; the server's log says why".to_owned())
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
                Err("cannot be counted; the server's log says why".to_owned())
            }
        }
    }
}

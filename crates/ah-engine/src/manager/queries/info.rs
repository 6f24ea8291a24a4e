//! The state of the parts that run a session.

use std::time::Duration;

use ah_rest_api_contract::{SessionDebug, SessionId, SessionInfo, TaskManagerError, error_chain};

use crate::manager::LocalTaskManager;

/// The maximum wait for a recorder's answer. A slower recorder is reported as such.
const RECORDER_WAIT_MAX: Duration = Duration::from_secs(3);

impl LocalTaskManager {
    /// Returns the hosts of a session, and the state of its supervisor and recorder.
    pub(in crate::manager) async fn session_info(
        &self,
        id: SessionId,
    ) -> Result<SessionInfo, TaskManagerError> {
        let core = &self.core;
        let record = core.store.session(id).await?;
        let mut debug = SessionDebug::default();
        debug.owner = record.owner.as_ref().map(ToString::to_string);
        debug.fence = record.fence.0;
        debug.journal_position = record.journal.0;
        debug.supervisor = core.supervisors.get(id);
        if !record.session.status.is_terminal() {
            let answer = core.executor.recorder_info(id);
            match tokio::time::timeout(RECORDER_WAIT_MAX, answer).await {
                Ok(Ok(recorder)) => debug.recorder = recorder,
                Ok(Err(error)) => debug.recorder_error = Some(error_chain(&error)),
                Err(_) => debug.recorder_error = Some("it does not answer in time".to_owned()),
            }
        }
        let mut info = SessionInfo::of(&record.session);
        info.debug = Some(debug);
        Ok(info)
    }
}

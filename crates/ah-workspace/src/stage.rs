//! The progress of workspaces that are being created.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ah_executor::ProvisioningStage;
use ah_rest_api_contract::SessionId;

/// The stages of all workspaces that are being created, by session. The lock protects only the map.
#[derive(Debug, Default)]
pub(crate) struct Stages(Mutex<HashMap<SessionId, ProvisioningStage>>);

/// The stage of one workspace, forgotten when it is dropped.
#[derive(Debug)]
pub(crate) struct StageReport {
    stages: Arc<Stages>,
    session: SessionId,
}

impl Stages {
    /// Returns the stage of a session's workspace.
    pub(crate) fn of(&self, session: SessionId) -> Option<ProvisioningStage> {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages.get(&session).cloned()
    }
}

impl StageReport {
    /// Begins to report for a session.
    pub(crate) fn of(stages: &Arc<Stages>, session: SessionId) -> Arc<Self> {
        Arc::new(Self {
            stages: stages.clone(),
            session,
        })
    }

    /// Reports a stage with its progress in percent.
    pub(crate) fn set(&self, stage: impl Into<String>, percent: u8) {
        let stage = ProvisioningStage {
            stage: stage.into(),
            percent,
        };
        let mut stages = self.stages.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages.insert(self.session, stage);
    }
}

impl Drop for StageReport {
    fn drop(&mut self) {
        let mut stages = self.stages.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages.remove(&self.session);
    }
}

/// Returns the percentage in git's progress, such as `Receiving objects:  34% (12/35)`. Only the
/// transfer itself counts, which takes longest.
pub(crate) fn percent_of(said: &str) -> Option<u8> {
    let (_, rest) = said.rsplit_once("Receiving objects:")?;
    let (number, _) = rest.split_once('%')?;
    number.trim().parse().ok().filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentage_is_the_last_one_of_the_transfer() {
        let said = "remote: Counting objects: 100% (9/9)\rReceiving objects:   3% (1/35)\rReceiving \
                    objects:  34% (12/35), 1.2 MiB | 3.4 MiB/s\r";
        assert_eq!(percent_of(said), Some(34));
        assert_eq!(percent_of("remote: Counting objects: 50%"), None);
        assert_eq!(percent_of("Receiving objects: "), None);
    }

    #[test]
    fn stage_is_forgotten_with_its_report() {
        let stages = Arc::new(Stages::default());
        let session = "01JZAAAAAAAAAAAAAAAAAAAAA1".parse().unwrap();
        let report = StageReport::of(&stages, session);
        report.set("fetching", 7);
        assert_eq!(stages.of(session).map(|stage| stage.percent), Some(7));
        drop(report);
        assert_eq!(stages.of(session), None);
    }
}

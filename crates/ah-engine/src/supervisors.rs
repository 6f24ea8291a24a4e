//! The states of this engine's supervisors, for those who look for the cause of a stuck session.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ah_rest_api_contract::{SessionId, SupervisorInfo, SupervisorPhase, Timestamp};
use ah_store::Fence;

/// The states of the supervisors of an engine.
#[derive(Debug, Default)]
pub(crate) struct Supervisors {
    /// The supervised sessions, each with the fence that its supervisor has. The lock protects the
    /// map and is held only during an access.
    states: Mutex<BTreeMap<SessionId, (Fence, SupervisorInfo)>>,
}

impl Supervisors {
    /// Adds a supervisor.
    pub(crate) fn begin(&self, id: SessionId, fence: Fence, now: Timestamp) {
        self.states()
            .insert(id, (fence, SupervisorInfo::starting(now)));
    }

    /// Removes a supervisor, unless a later one has its session.
    pub(crate) fn end(&self, id: SessionId, fence: Fence) {
        let mut states = self.states();
        if states.get(&id).is_some_and(|(of, _)| *of == fence) {
            states.remove(&id);
        }
    }

    /// Notes the phase of a supervisor.
    pub(crate) fn enter(&self, id: SessionId, phase: SupervisorPhase, now: Timestamp) {
        self.update(id, |info| {
            if info.phase != phase {
                info.phase = phase;
                info.since = now;
            }
        });
    }

    /// Notes the number of consecutive attempts of a supervisor without progress.
    pub(crate) fn note_attempts(&self, id: SessionId, without_progress: u32) {
        self.update(id, |info| info.attempts_without_progress = without_progress);
    }

    /// Notes an error of a supervisor that it retries after.
    pub(crate) fn note_error(&self, id: SessionId, error: String) {
        self.update(id, |info| info.last_error = Some(error));
    }

    /// Notes a failure, after which a supervisor is started again.
    pub(crate) fn note_failure(&self, id: SessionId, error: String) {
        self.update(id, |info| {
            info.failures += 1;
            info.last_error = Some(error);
        });
    }

    /// Returns the state of a session's supervisor, if this engine has one.
    pub(crate) fn get(&self, id: SessionId) -> Option<SupervisorInfo> {
        self.states().get(&id).map(|(_, info)| info.clone())
    }

    /// Returns the number of supervisors in each phase, and the sessions whose supervisors wait for
    /// another attempt.
    pub(crate) fn summary(&self) -> (BTreeMap<SupervisorPhase, u64>, Vec<SessionId>) {
        let mut phases = BTreeMap::new();
        let mut retrying = Vec::new();
        for (id, (_, info)) in self.states().iter() {
            *phases.entry(info.phase).or_default() += 1;
            if info.is_retrying() {
                retrying.push(*id);
            }
        }
        (phases, retrying)
    }

    fn update(&self, id: SessionId, update: impl FnOnce(&mut SupervisorInfo)) {
        if let Some((_, info)) = self.states().get_mut(&id) {
            update(info);
        }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<SessionId, (Fence, SupervisorInfo)>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionId {
        SessionId::from_ulid(ulid::Ulid::from(7_u128))
    }

    #[test]
    fn a_replaced_supervisor_does_not_remove_its_successor() {
        let supervisors = Supervisors::default();
        let now = Timestamp::from_unix_millis(1);
        supervisors.begin(session(), Fence(1), now);
        supervisors.begin(session(), Fence(2), now);
        supervisors.end(session(), Fence(1));
        assert!(supervisors.get(session()).is_some());
        supervisors.end(session(), Fence(2));
        assert_eq!(supervisors.get(session()), None);
    }

    #[test]
    fn a_phase_keeps_its_start_and_waiting_supervisors_are_listed() {
        let supervisors = Supervisors::default();
        let at = Timestamp::from_unix_millis;
        supervisors.begin(session(), Fence(1), at(1));
        supervisors.enter(session(), SupervisorPhase::BackingOff, at(2));
        supervisors.enter(session(), SupervisorPhase::BackingOff, at(3));
        supervisors.note_failure(session(), "no disk".to_owned());
        let info = supervisors.get(session()).unwrap();
        assert_eq!((info.since, info.failures), (at(2), 1));
        assert_eq!(info.last_error.as_deref(), Some("no disk"));
        let (phases, retrying) = supervisors.summary();
        assert_eq!(phases.get(&SupervisorPhase::BackingOff), Some(&1));
        assert_eq!(retrying, [session()]);
    }
}

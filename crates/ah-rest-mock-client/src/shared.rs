//! The state shared by all handles of a mock, and the tasks that drive its sessions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ah_lifecycle::Refusal;
use ah_lifecycle::turns::Moment;
use ah_rest_api_contract::{SessionId, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::fault::SimulatedConnection;
use crate::state::State;

/// The state of a mock, and its clock.
pub(crate) struct Shared {
    /// The state. The lock protects single operations and is never held across an await.
    state: Mutex<State>,
    began: Moment,
    /// The simulated connection, which calls and streams depend on.
    connection: watch::Sender<SimulatedConnection>,
}

impl Shared {
    /// Creates a state whose clock starts now, at `start`.
    pub(crate) fn new(state: State, start: Timestamp) -> Self {
        Self {
            state: Mutex::new(state),
            began: Moment {
                wall: start,
                tick: Instant::now().into_std(),
            },
            connection: watch::Sender::default(),
        }
    }

    /// Starts or ends an outage.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.connection.send_if_modified(|connection| {
            let is_change = connection.is_down != is_down;
            connection.is_down = is_down;
            connection.outages += u64::from(is_change && is_down);
            is_change
        });
    }

    pub(crate) fn connection(&self) -> watch::Receiver<SimulatedConnection> {
        self.connection.subscribe()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Poisoned only by the panic of a test, which has failed already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Moment {
        let tick = Instant::now().into_std();
        Moment {
            wall: self.began.wall.plus(tick - self.began.tick),
            tick,
        }
    }

    /// Assigns free slots to queued sessions, and spawns a task for each.
    pub(crate) fn schedule(self: &Arc<Self>, state: &mut State) -> Result<(), Refusal> {
        for (id, wake) in state.claim(self.now())? {
            #[expect(
                clippy::disallowed_methods,
                reason = "the task ends with its session, and when the mock is dropped"
            )]
            tokio::spawn(attend(Arc::downgrade(self), id, wake));
        }
        Ok(())
    }
}

impl Drop for Shared {
    /// Wakes the tasks of the sessions, so that they notice that the mock was dropped.
    fn drop(&mut self) {
        self.state().wake_all();
    }
}

/// Drives a session until it has ended or the mock was dropped.
async fn attend(shared: Weak<Shared>, id: SessionId, wake: Arc<Notify>) {
    loop {
        let next = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut state = shared.state();
            match state.advance(id, shared.now()) {
                Ok(Some(next)) => next,
                // The session has ended, and its slot is free.
                Ok(None) => {
                    shared
                        .schedule(&mut state)
                        .expect("a queued session may be claimed");
                    return;
                }
                Err(refusal) => panic!("the machine knows what the mock tells it: {refusal}"),
            }
        };
        match next {
            Some(next) => {
                tokio::select! {
                    () = wake.notified() => {}
                    () = tokio::time::sleep_until(Instant::from_std(next)) => {}
                }
            }
            None => wake.notified().await,
        }
    }
}

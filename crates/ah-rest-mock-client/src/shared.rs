//! What all holders of a mock share, and the tasks that have its sessions go on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ah_lifecycle::Refusal;
use ah_rest_api_contract::{SessionId, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::session::Moment;
use crate::state::State;

/// A mock's state, and what dates it.
pub(crate) struct Shared {
    /// Everything the mock knows. It is held for as long as one thing is done, and never while
    /// anything is waited for.
    state: Mutex<State>,
    began: Moment,
}

impl Shared {
    /// A state that begins now, which is called `start`.
    pub(crate) fn new(state: State, start: Timestamp) -> Self {
        Self {
            state: Mutex::new(state),
            began: Moment {
                wall: start,
                tick: Instant::now(),
            },
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // What panicked in the middle of something was a test, which has failed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Moment {
        let tick = Instant::now();
        Moment {
            wall: self.began.wall.plus(tick - self.began.tick),
            tick,
        }
    }

    /// Gives free slots to sessions that wait, each with a task of its own.
    pub(crate) fn schedule(self: &Arc<Self>, state: &mut State) -> Result<(), Refusal> {
        for (id, wake) in state.claim(self.now())? {
            tokio::spawn(attend(Arc::downgrade(self), id, wake));
        }
        Ok(())
    }
}

impl Drop for Shared {
    /// Lets the sessions' tasks find out that nobody is left to see what they do.
    fn drop(&mut self) {
        self.state().wake_all();
    }
}

/// Has one session go on until it has ended, or nobody holds the mock.
async fn attend(shared: Weak<Shared>, id: SessionId, wake: Arc<Notify>) {
    loop {
        let next = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut state = shared.state();
            match state.advance(id, shared.now()) {
                Ok(Some(next)) => next,
                // It has ended, and its slot is free.
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
                    () = tokio::time::sleep_until(next) => {}
                }
            }
            None => wake.notified().await,
        }
    }
}

//! The recorder and the agent of a session: the conversation that every recorder has, on a clock,
//! with an agent that plays a script.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ah_lifecycle::turns::Conversation;
use ah_rest_api_contract::{SessionStatus, SessionWorkspace};
use ah_scenario::{ScriptedAgent, Speed};

/// The parts that a session is played with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) agent: ScriptedAgent,
    pub(crate) speed: Speed,
    /// The workspace with its commit, or the reason why there is none.
    pub(crate) workspace: Result<(SessionWorkspace, Option<String>), String>,
    pub(crate) times: Arc<Times>,
}

/// The durations that are not the script's.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// The time to provision a workspace and start an agent.
    pub(crate) provisioning: Duration,
    /// The time to freeze processes, to let them go on, and to end them; each.
    pub(crate) control: Duration,
    /// The idle limit of a session whose task sets none.
    pub(crate) idle: Duration,
}

/// The recorder and the agent of one session.
pub(super) struct Recorder {
    pub(super) setup: Setup,
    /// The conversation with the agent, once it was started.
    pub(super) conversation: Option<Conversation<ScriptedAgent>>,
    /// The time at which a busy agent goes on.
    pub(super) resumes_at: Option<Instant>,
    pub(super) frozen: bool,
    /// The status whose work is in progress, with the time at which it is done.
    pub(super) control: Option<(SessionStatus, Instant)>,
}

impl Recorder {
    pub(super) const fn new(setup: Setup) -> Self {
        Self {
            setup,
            conversation: None,
            resumes_at: None,
            frozen: false,
            control: None,
        }
    }

    pub(super) fn is_in_turn(&self) -> bool {
        self.conversation
            .as_ref()
            .is_some_and(Conversation::is_in_turn)
    }
}

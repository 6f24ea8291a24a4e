//! The work of an agent, which determines its activity.

use ah_rest_api_contract::Activity;

/// The work that an agent has. This is the only definition of *working* and *idle*: recorders and
/// the state machine both use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// A turn is in progress.
    pub in_turn: bool,
    /// The interruption of the turn is requested, and the turn has not ended yet.
    pub is_interrupted: bool,
    /// A permission request is pending, in a turn or between turns.
    pub awaits_permission: bool,
    /// A tool call is open between turns.
    pub has_open_calls: bool,
}

impl Work {
    /// Returns the activity of an agent with this work.
    #[must_use]
    pub const fn activity(self) -> Activity {
        if self.in_turn && self.is_interrupted {
            Activity::Interrupting
        } else if self.awaits_permission {
            Activity::AwaitingPermission
        } else if self.in_turn || self.has_open_calls {
            Activity::Working
        } else {
            Activity::Idle
        }
    }
}

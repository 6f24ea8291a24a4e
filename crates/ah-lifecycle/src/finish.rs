//! The end of an agent that has nothing left to do (contract §0.11).

use ah_rest_api_contract::{Activity, Prompt, PromptState, SessionStatus};

use crate::{Change, Decision, Ending, SessionRecord, TurnEnd};

/// Ends a session whose agent has finished its turn, unless it waits for a prompt: it is
/// interactive, a prompt is queued, or its turn was interrupted.
pub fn decide(record: &SessionRecord, prompts: &[Prompt]) -> Decision {
    let waits = record.session.interactive
        || record.ending.is_some()
        || record.session.status != SessionStatus::Running
        || record.session.activity != Some(Activity::Idle)
        || prompts
            .iter()
            .any(|prompt| prompt.state == PromptState::Queued);
    if waits {
        return Decision::Unchanged;
    }
    let ending = match &record.last_turn {
        None | Some(TurnEnd::Interrupted) => return Decision::Unchanged,
        Some(TurnEnd::Completed) => Ending::Complete,
        Some(TurnEnd::Failed { reason }) => Ending::Fail {
            reason: reason.clone(),
        },
    };
    let mut change = Change::default();
    change.patch.ending = Some(ending);
    change.into()
}

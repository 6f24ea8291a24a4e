//! The withdrawal of a prompt.

use ah_rest_api_contract::{Prompt, PromptId, PromptState};

use crate::{Change, Decision, PromptWrite, Refusal, SessionRecord};

/// Withdraws the prompt `id`, if it is still queued.
pub fn decide(
    record: &SessionRecord,
    prompts: &[Prompt],
    id: PromptId,
) -> Result<Decision, Refusal> {
    let session = record.id();
    let what = "prompt";
    let prompt = prompts
        .iter()
        .find(|prompt| prompt.id == id)
        .ok_or_else(|| Refusal::Unknown {
            session,
            what,
            id: id.to_string(),
        })?;
    let settled = |state| Refusal::Settled {
        session,
        what,
        id: id.to_string(),
        state,
    };
    match prompt.state {
        PromptState::Queued => Ok(Change {
            prompts: vec![PromptWrite::Set(id, PromptState::Withdrawn)],
            ..Change::default()
        }
        .into()),
        PromptState::Withdrawn => Ok(Decision::Unchanged),
        PromptState::Sent => Err(settled("was sent to the agent")),
        PromptState::Delivered => Err(settled("has reached the agent")),
        PromptState::Unknown => Err(settled("is in an unknown state")),
        PromptState::Undelivered => Err(settled("was left over when the session ended")),
    }
}

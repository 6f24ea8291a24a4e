//! Prompts for the agent.

use ah_rest_api_contract::{Prompt, SessionAction};

use crate::{Change, Decision, PromptWrite, Refusal, SessionRecord, admit};

/// Appends `prompt` to the session's queue.
pub fn decide(record: &SessionRecord, prompt: Prompt) -> Result<Decision, Refusal> {
    admit(record, SessionAction::Prompt)?;
    // Between the end of the last turn and that of the agent, the session still runs but accepts no
    // prompt.
    if record.ending.is_some() {
        return Err(Refusal::Ended {
            session: record.id(),
            action: SessionAction::Prompt,
            status: record.session.status,
        });
    }
    Ok(Change {
        prompts: vec![PromptWrite::Enqueue(prompt)],
        ..Change::default()
    }
    .into())
}

//! Letting a frozen session go on.

use ah_rest_api_contract::{Prompt, SessionAction, SessionStatus, Timestamp};

use crate::{Decision, PromptWrite, Refusal, SessionRecord, StatusDetail, admit, transition};

/// Asks for the session's processes to go on, and puts `prompt` into its queue.
pub fn decide(
    record: &SessionRecord,
    prompt: Option<Prompt>,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    if !admit(record, SessionAction::Resume)? {
        return match prompt {
            None => Ok(Decision::Unchanged),
            Some(prompt) => super::prompt::decide(record, prompt),
        };
    }
    let mut change = transition(
        record,
        SessionStatus::Resuming,
        StatusDetail::default(),
        now,
    )?;
    change.prompts.extend(prompt.map(PromptWrite::Enqueue));
    Ok(change.into())
}

/// The processes go on. What was decided meanwhile stands.
pub fn done(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    match record.session.status {
        SessionStatus::Resuming => {
            Ok(transition(record, SessionStatus::Running, StatusDetail::default(), now)?.into())
        }
        _ => Ok(Decision::Unchanged),
    }
}

//! The resumption of a paused session.

use ah_rest_api_contract::{Prompt, SessionAction, SessionStatus, Timestamp};

use crate::{Decision, PromptWrite, Refusal, SessionRecord, StatusDetail, admit, transition};

/// Requests that the session's processes continue, and appends `prompt` to its queue.
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

/// Records that the processes continue. Decisions made meanwhile remain in effect.
pub fn done(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    match record.session.status {
        SessionStatus::Resuming => {
            Ok(transition(record, SessionStatus::Running, StatusDetail::default(), now)?.into())
        }
        _ => Ok(Decision::Unchanged),
    }
}

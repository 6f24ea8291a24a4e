//! Derives the recorder requests that are due from the session's state alone. They are derived
//! again after each change of the state and each attachment, so that no request is lost with a
//! connection or a process.

use ah_rest_api_contract::{
    Activity, DeliveryMode, PermissionState, Prompt, PromptState, SessionStatus,
};

use crate::{Ending, Request, ShutdownManner, View};

/// Returns the requests that are due. Each is idempotent.
pub fn requests(view: &View) -> Vec<Request> {
    use SessionStatus as S;
    let record = &view.record;
    match record.session.status {
        S::Pausing => vec![Request::Pause],
        S::Paused => answers(view),
        S::Resuming => vec![Request::Resume],
        S::Stopping => vec![Request::Shutdown {
            manner: match record.ending {
                Some(Ending::Cancel) => ShutdownManner::Kill,
                _ => ShutdownManner::Stop,
            },
        }],
        S::Running if record.ending.is_some() => {
            vec![Request::Shutdown {
                manner: ShutdownManner::Finish,
            }]
        }
        S::Running => {
            let mut due = answers(view);
            if record.interrupt_requested {
                due.push(Request::Interrupt);
            }
            due.extend(withdrawals(view));
            due.extend(prompts(view));
            due
        }
        S::Queued
        | S::Provisioning
        | S::Stopped
        | S::Completed
        | S::Failed
        | S::Cancelled
        | S::Unknown => Vec::new(),
    }
}

fn answers(view: &View) -> Vec<Request> {
    view.permissions
        .iter()
        .filter(|known| known.permission.state == PermissionState::Answered)
        .filter_map(|known| {
            let (answer, by) = known.answer.clone()?;
            let request_id = known.permission.request.request_id;
            Some(Request::Answer {
                request_id,
                answer,
                by,
            })
        })
        .collect()
}

/// Returns the withdrawals of prompts, which the recorder may hold already.
fn withdrawals(view: &View) -> impl Iterator<Item = Request> {
    view.prompts
        .iter()
        .filter(|prompt| prompt.state == PromptState::Withdrawn)
        .map(|prompt| Request::Withdraw {
            prompt_id: prompt.id,
        })
}

/// Returns all queued prompts, for a recorder that continues without an attendant: it delivers each
/// in its turn.
pub fn hand_over(view: &View) -> Vec<Request> {
    if view.record.session.status != SessionStatus::Running || view.record.ending.is_some() {
        return Vec::new();
    }
    let waiting = view
        .prompts
        .iter()
        .filter(|prompt| prompt.state == PromptState::Queued);
    waiting.map(|prompt| request(prompt, false)).collect()
}

fn request(prompt: &Prompt, steer: bool) -> Request {
    Request::Prompt {
        prompt_id: prompt.id,
        content: prompt.content.clone(),
        author: prompt.author.clone(),
        steer,
    }
}

fn prompts(view: &View) -> Vec<Request> {
    // An agent that works between turns accepts a prompt as well.
    let idle = match view.record.session.activity {
        Some(Activity::Idle) => true,
        Some(Activity::Working | Activity::AwaitingPermission | Activity::Interrupting) => {
            !view.record.is_in_turn()
        }
        Some(_) | None => false,
    };
    let mut waiting = view
        .prompts
        .iter()
        .filter(|prompt| prompt.state == PromptState::Queued);
    if idle {
        // One at a time: the next one waits for the end of the turn that this one begins.
        waiting
            .next()
            .map(|prompt| request(prompt, false))
            .into_iter()
            .collect()
    } else {
        waiting
            .filter(|prompt| prompt.delivery == DeliveryMode::Steer)
            .map(|prompt| request(prompt, true))
            .collect()
    }
}

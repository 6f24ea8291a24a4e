//! `ah session prompt`, `interrupt`, `pause`, `resume`, `stop` and `cancel`.

use ah_rest_api_contract::{
    DeliveryMode, PromptContent, PromptDelivery, PromptRequest, Session, SessionStatus, TaskManager,
};

use super::continuation;
use super::target::target;
use crate::args::{PromptArgs, ResumeArgs, StopArgs, TargetArgs};
use crate::commands::wait;
use crate::context::Context;
use crate::failure::Failure;
use crate::session_ref::{find, resolve, short};
use crate::style::{Line, Paint};
use crate::text::quoted;

/// Sends a prompt to the session's agent.
pub(super) async fn prompt(
    manager: &dyn TaskManager,
    args: PromptArgs,
    context: &Context,
) -> Result<(), Failure> {
    let (session, text) = session_and_prompt(manager, args.words).await?;
    if session.status.is_terminal() {
        return continuation::offer(manager, &session, text, args.continues, context).await;
    }
    let delivery = if args.steer {
        DeliveryMode::Steer
    } else {
        DeliveryMode::Queue
    };
    let request = PromptRequest {
        prompt: PromptContent::from(text),
        delivery,
    };
    let receipt = manager.prompt_session(session.id, request).await?;
    context.show(&receipt, || {
        let way = match receipt.delivery {
            PromptDelivery::Steered => "delivered during the current turn",
            _ => "queued for the next turn",
        };
        vec![
            Line::of(Paint::Accent, receipt.prompt_id.to_string())
                .with(Paint::Plain, format!("  {way}")),
        ]
    })?;
    if args.steer && receipt.delivery != PromptDelivery::Steered && !context.json {
        context
            .terminal
            .hint("this agent does not support steering, so the prompt is queued");
    }
    Ok(())
}

/// Splits the words into the session and the prompt.
async fn session_and_prompt(
    manager: &dyn TaskManager,
    words: Vec<String>,
) -> Result<(Session, String), Failure> {
    match <[String; 1]>::try_from(words) {
        Ok([text]) => {
            // A session without a prompt is a slip, and not a prompt for another session.
            if !text.contains(char::is_whitespace)
                && let Some(session) = find(manager, &text).await?
            {
                return Err(Failure::validation("the prompt is missing")
                    .hint(format!("ah session prompt {} \"…\"", short(session.id))));
            }
            Ok((resolve(manager, None).await?, text))
        }
        Err(words) => match words.as_slice() {
            [id, text] => Ok((resolve(manager, Some(id)).await?, text.clone())),
            words => {
                let first = words.first().map(String::as_str).unwrap_or_default();
                let (id, text) = match find(manager, first).await {
                    Ok(Some(_)) => (format!("{first} "), words[1..].join(" ")),
                    _ => (String::new(), words.join(" ")),
                };
                let failure =
                    Failure::validation("the prompt is several words; put quotes around it");
                Err(failure.hint(format!("ah session prompt {id}{}", quoted(&text))))
            }
        },
    }
}

/// Ends the agent's turn.
pub(super) async fn interrupt(
    manager: &dyn TaskManager,
    args: &TargetArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, args).await?;
    let session = manager.interrupt_session(session.id).await?;
    shown(context, &session, "interrupted")
}

/// Pauses the session, and waits until it is paused.
pub(super) async fn pause(
    manager: &dyn TaskManager,
    args: &TargetArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, args).await?;
    let session = manager.pause_session(session.id).await?;
    let is_settled =
        |status: SessionStatus| status == SessionStatus::Paused || status.is_terminal();
    settled(manager, context, session, is_settled).await
}

/// Resumes the session, and waits until it runs.
pub(super) async fn resume(
    manager: &dyn TaskManager,
    args: ResumeArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    let prompt = args.prompt.map(PromptContent::from);
    let session = manager.resume_session(session.id, prompt).await?;
    let is_settled =
        |status: SessionStatus| status == SessionStatus::Running || status.is_terminal();
    settled(manager, context, session, is_settled).await
}

/// Stops the session, and waits until none of its processes is left. A session that has ended is a
/// success.
pub(super) async fn stop(
    manager: &dyn TaskManager,
    args: StopArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    // The purpose is reached already, whatever ended the session.
    if session.status.is_terminal() {
        return shown(context, &session, &format!("already {}", session.status));
    }
    let session = manager.stop_session(session.id, args.reason).await?;
    settled(manager, context, session, SessionStatus::is_terminal).await
}

/// Cancels the session.
pub(super) async fn cancel(
    manager: &dyn TaskManager,
    args: &TargetArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, args).await?;
    manager.cancel_session(session.id).await?;
    let session = manager.get_session(session.id).await?;
    let words = match session.status {
        SessionStatus::Cancelled => "cancelled".to_owned(),
        ended => format!("already {ended}; now hidden from lists"),
    };
    shown(context, &session, &words)
}

async fn settled(
    manager: &dyn TaskManager,
    context: &Context,
    session: Session,
    is_settled: impl Fn(SessionStatus) -> bool,
) -> Result<(), Failure> {
    wait::until(manager, &session, is_settled, |_| {}).await?;
    let session = manager.get_session(session.id).await?;
    shown(context, &session, session.status.as_str())
}

fn shown(context: &Context, session: &Session, words: &str) -> Result<(), Failure> {
    context.show(session, || {
        vec![
            Line::of(Paint::Accent, session.id.to_string())
                .with(Paint::Plain, format!("  {words}")),
        ]
    })
}

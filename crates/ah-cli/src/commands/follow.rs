//! `ah session follow`, and the follow phase of `ah task --follow`.

use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{EventSeq, SessionId, SessionStatus, TaskManager};

use super::wait;
use crate::args::FollowArgs;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::follow::{self, FollowEnd, Form, Interruption, Screen, Signals, Watch};
use crate::local::Scheduling;
use crate::session_ref::resolve;
use crate::style::{Line, Paint};

/// The time after the first Ctrl-C in which a second one stops the sessions.
const SECOND_INTERRUPT_WITHIN: Duration = Duration::from_secs(1);

/// Follows a session.
pub(crate) async fn run(args: FollowArgs, context: &Context) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    context
        .with_manager(Scheduling::Serve, async |manager| {
            let session = resolve(manager.as_ref(), args.target.id.as_deref()).await?;
            to_the_end(manager, vec![session.id], args.after, context, &mut signals).await
        })
        .await
}

/// Follows sessions until they have ended or the command is interrupted.
pub(crate) async fn to_the_end(
    manager: &Arc<dyn TaskManager>,
    sessions: Vec<SessionId>,
    after: EventSeq,
    context: &Context,
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    let watch = Watch {
        sessions,
        after,
        form: if context.json { Form::Json } else { Form::Text },
    };
    let mut screen = Screen::new(context.terminal);
    match follow::watch(manager, &watch, &mut screen, signals).await? {
        FollowEnd::Ended(code) => Ok(code),
        FollowEnd::Interrupted(interruption) => {
            detach(manager, &watch.sessions, interruption, &mut screen, signals).await
        }
    }
}

/// Detaches from the sessions, unless a second Ctrl-C stops them.
pub(crate) async fn detach(
    manager: &Arc<dyn TaskManager>,
    sessions: &[SessionId],
    interruption: Interruption,
    screen: &mut Screen,
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    screen.clear_foot();
    let (that, how) = follow::reattach_message(sessions);
    screen.note(&Line::new());
    screen.note(&Line::of(Paint::Plain, that));
    screen.terminal().hint(how);
    if interruption == Interruption::Termination {
        return Ok(ExitCode::Detached);
    }
    screen
        .terminal()
        .hint("press Ctrl-C again within a second to stop it");
    let second = tokio::time::timeout(SECOND_INTERRUPT_WITHIN, signals.next()).await;
    if !matches!(second, Ok(Interruption::Interrupt)) {
        return Ok(ExitCode::Detached);
    }
    tokio::select! {
        result = stop(manager, sessions, screen) => result,
        _ = signals.next() => Ok(ExitCode::Detached),
    }
}

async fn stop(
    manager: &Arc<dyn TaskManager>,
    sessions: &[SessionId],
    screen: &mut Screen,
) -> Result<ExitCode, Failure> {
    screen.spin("stopping", Duration::ZERO);
    let mut going_down = Vec::new();
    for id in sessions {
        let session = manager.get_session(*id).await?;
        if session.status.is_terminal() {
            continue;
        }
        let reason = Some("stopped by Ctrl-C".to_owned());
        going_down.push(manager.stop_session(*id, reason).await?);
    }
    for session in going_down {
        let ended = SessionStatus::is_terminal;
        let status = wait::until(manager.as_ref(), &session, ended, |_| {}).await?;
        screen.note(&Line::of(
            Paint::Plain,
            format!("session {} is {status}", session.id),
        ));
    }
    screen.clear_foot();
    Ok(ExitCode::Stopped)
}

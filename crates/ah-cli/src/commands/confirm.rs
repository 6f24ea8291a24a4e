//! Questions with the answers yes and no, at the terminal.

use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::follow::{Screen, Signals, TypedLines};

/// Asks whether to do something, such as `launch 10 agents`. Returns `None` for yes, otherwise the
/// exit code of the command. A signal and the end of the input count as no.
///
/// # Errors
/// If there is no terminal to ask at. `otherwise` is the hint, which names the option that answers.
pub(super) async fn confirm(
    what: &str,
    otherwise: &str,
    context: &Context,
    signals: &mut Signals,
) -> Result<Option<ExitCode>, Failure> {
    if !context.terminal.can_ask() {
        return Err(Failure::new(
            ExitCode::InteractionRequired,
            format!("an answer is required to {what}, but stdin is not a terminal"),
        )
        .hint(otherwise));
    }
    let mut screen = Screen::new(context.terminal);
    // Lines typed before the question are no answers to it.
    context.terminal.discard_input();
    let mut typed = TypedLines::read();
    typed.discard();
    loop {
        screen.ask(&format!("{what}? [y/N] "));
        let line = tokio::select! {
            line = typed.next() => line,
            _ = signals.next() => None,
        };
        let Some(line) = line else {
            screen.clear_foot();
            return Ok(Some(ExitCode::InteractionRequired));
        };
        screen.question_was_answered();
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(None),
            "" | "n" | "no" => return Ok(Some(ExitCode::InteractionRequired)),
            _ => {}
        }
    }
}

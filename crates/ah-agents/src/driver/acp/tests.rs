//! What the driver makes of real agents: recorded sessions, replayed.

mod replay;

use replay::Replay;

/// The pieces of a recorded session, in order.
const SESSION: [&str; 6] = [
    "edit",
    "followup-modify",
    "failing-command",
    "cancel-command",
    "cancel-stream",
    "error-401",
];

fn session(agent: &'static str) -> String {
    Replay::of(agent, &SESSION).played().told
}

fn refusal(agent: &'static str) -> String {
    Replay::of_second_session(agent, "permission-reject")
        .played()
        .told
}

macro_rules! recorded {
    ($($name:ident => $agent:literal),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn session() {
                insta::assert_snapshot!(concat!($agent, "-session"), super::session($agent));
            }

            #[test]
            fn refusal() {
                insta::assert_snapshot!(concat!($agent, "-refusal"), super::refusal($agent));
            }
        }
    )+};
}

recorded! {
    opencode => "opencode",
    copilot => "copilot",
    gemini => "gemini",
    claude => "claude-agent-acp",
    codex => "codex-acp",
    zed_codex => "zed-codex-acp",
    kimi => "kimi-code",
    qwen => "qwen",
    vibe => "mistral-vibe",
    openhands => "openhands",
}

#[test]
fn a_session_that_is_refused_is_not_begun() {
    let played = Replay::of("claude-agent-acp", &["session-new-fails-as-root"]).played();
    assert_eq!(
        played.unready.as_deref(),
        Some("the agent could not open a session: Claude Code process exited with code 1")
    );
}

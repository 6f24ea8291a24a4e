//! A scripted language model, for tests with real agent programs.
//!
//! A [`FakeLlm`] listens on loopback and speaks four dialects: OpenAI's Responses and Chat
//! Completions, Anthropic's Messages and Google's Gemini. Each answer depends on its request alone,
//! so that retries, concurrent sessions and side requests of an agent do not interfere:
//!
//! * The newest user message with a marker selects the [script](Step): `[[fake:edit]]` names a
//!   [built-in](builtin_scripts) one, `[[fake-script:[{"text":"hi"}]]]` contains one.
//! * The number of rounds of tool calls after that message selects the step.
//! * An [`Operation`] of the step becomes a call of a tool that the request offers, so that one
//!   script drives every agent.
//!
//! Tools need absolute paths. The prompt provides the workspace, as `[[cwd:/the/workspace]]`. A
//! workspace that is created after the prompt is written is `[[workspace:NAME]]`, and
//! [`FakeLlm::place`] provides its path. The path is never guessed: an agent without permission
//! prompts would write to the wrong folder.

mod conversation;
mod endpoint;
mod operation;
mod record;
mod script;
mod server;
mod stream;

pub use record::{Dialect, Record, ResponseEnd};
pub use script::{Fault, Operation, Step, Usage, builtin_scripts};
pub use server::FakeLlm;

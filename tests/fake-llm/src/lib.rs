//! A language model that says what a test tells it to, for tests with real agent programs.
//!
//! A [`FakeLlm`] listens on loopback and speaks the four dialects that agents speak: OpenAI's
//! Responses and Chat Completions, Anthropic's Messages and Google's Gemini. What it answers is
//! decided by the request alone, so that retries, sessions side by side and an agent's side
//! requests all get what is theirs:
//!
//! * the newest user message that has a marker chooses the [script](Step): `[[fake:edit]]` names a
//!   [built-in](builtin_scripts) one, `[[fake-script:[{"text":"hi"}]]]` holds one;
//! * the rounds of tool calls after that message choose the step of it;
//! * an [`Operation`] of the step becomes a call of a tool that the request offers, so that one
//!   script drives every agent.
//!
//! Tools that take a path want a whole one. It comes from the prompt, as `[[cwd:/the/workspace]]`,
//! or as `[[workspace:NAME]]` from [`FakeLlm::place`], for a workspace that is made after the
//! prompt is written. It is never guessed: an agent that asks nobody would write where the guess
//! says.

mod conversation;
mod endpoint;
mod operation;
mod record;
mod script;
mod server;
mod stream;

pub use record::{Dialect, Ending, Record};
pub use script::{Fault, Operation, Step, Usage, builtin_scripts};
pub use server::FakeLlm;

//! The cases, by what they are about. Each is a plain `async fn(&World)` that panics when the
//! implementation does not do what the contract says.

pub mod all_events;
pub mod catalog;
pub mod control;
pub mod drafts;
pub mod endings;
pub mod events;
pub mod launching;
pub mod lists;
pub mod permissions;
pub mod prompts;
pub mod unknown;
pub mod workspace;

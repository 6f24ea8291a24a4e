//! The cases, by topic. Each is an `async fn(&World)` that panics if the implementation violates
//! the contract.

pub mod all_events;
pub mod attachments;
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

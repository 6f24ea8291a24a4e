//! The turns of one agent: its prompts, its output, and the permissions that it requests.
//!
//! A [`Conversation`] is the pure half of a recorder. It performs no I/O and reads no clock: each
//! input carries the [`Moment`] at which it happened, and each result is returned in [`Effects`].
//! The recorder process, the host of the engine's tests and the mock all run their agents through
//! it. They differ in the [`AgentInput`] that they supply and in where the records go.

mod agent;
mod attachments;
mod conversation;
mod effects;
mod ids;
mod permissions;
mod requests;
mod shorten;
mod speech;
mod work;

pub use crate::permission::OtherClaims;
pub use agent::{AgentInput, AgentOutput, Channel, Settling, ToolRequest};
pub use attachments::Binary;
pub use conversation::{Conversation, Opening};
pub use effects::{Effects, Moment};
pub use ids::Identifiers;
pub use requests::ProcessRequest;
pub use shorten::leave_out_middle;
pub use work::Work;

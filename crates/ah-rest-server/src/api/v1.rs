//! Version 1 of the API: the generated handlers, and one file per resource for the others.

mod agents;
mod attachments;
mod calls;
mod drafts;
mod events;
mod repositories;
mod tasks;
mod workspace;

pub(super) use agents::*;
pub(super) use attachments::*;
pub(super) use calls::*;
pub(super) use drafts::*;
pub(super) use events::*;
pub(super) use repositories::*;
pub(super) use tasks::*;
pub(super) use workspace::*;

//! Version 1 of the API: one file per resource.

mod agents;
mod drafts;
mod events;
mod permissions;
mod prompts;
mod repositories;
mod sessions;
mod tasks;
mod workspace;

pub(super) use agents::*;
pub(super) use drafts::*;
pub(super) use events::*;
pub(super) use permissions::*;
pub(super) use prompts::*;
pub(super) use repositories::*;
pub(super) use sessions::*;
pub(super) use tasks::*;
pub(super) use workspace::*;

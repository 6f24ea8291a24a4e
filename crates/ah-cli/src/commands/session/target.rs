//! The session that a command names.

use ah_rest_api_contract::{Session, TaskManager};

use crate::args::TargetArgs;
use crate::failure::Failure;
use crate::session_ref::resolve;

/// Returns the session of the argument, or the latest one without an argument.
pub(super) async fn target(
    manager: &dyn TaskManager,
    args: &TargetArgs,
) -> Result<Session, Failure> {
    resolve(manager, args.id.as_deref()).await
}

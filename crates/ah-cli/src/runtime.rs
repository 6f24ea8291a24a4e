//! The runtime of a command.

use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// Creates the runtime of a command.
pub(crate) fn create() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(ExitCode::Resource, "failed to start the runtime").caused_by(error)
        })
}

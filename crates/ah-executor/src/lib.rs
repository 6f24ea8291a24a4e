//! The port between the engine and the hosts that run its sessions.
//!
//! An [`Executor`] is one host. It owns everything that depends on the host: the agents and their
//! programs, the folders and the reachability of repositories, the workspaces, and the recorders
//! with their journals. The engine uses this port only, so that it runs unchanged over another
//! host, and over a host in memory in its tests.
//!
//! The port contains no implementation. The crate `ah-executor-local` is the executor of this host.

mod attachment;
mod launch;
mod port;

pub use attachment::{Attachment, RecorderMessage, RecorderMessages, RecorderRequests};
pub use launch::AgentLaunch;
pub use port::{
    Executor, ExecutorError, LogRetention, Provisioned, ProvisioningStage, RecorderState,
    SealedChanges, WorkspaceLost, WorkspaceRequest,
};

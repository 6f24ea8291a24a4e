//! Permissions: policies, requests and answers (contract §0.10, §0.13).

mod policy;
mod request;
mod rule;
mod subject;

pub use policy::PermissionPolicy;
pub use request::{
    Permission, PermissionAnswer, PermissionOption, PermissionOptionKind, PermissionOutcome,
    PermissionRequested, PermissionResolved, PermissionState,
};
pub use rule::{PermissionAction, PermissionRule};
pub use subject::PermissionSubject;

#[cfg(test)]
mod tests;

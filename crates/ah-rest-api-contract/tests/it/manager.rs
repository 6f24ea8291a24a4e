//! The trait can be shared and moved between threads behind a pointer.

use std::sync::Arc;

use ah_rest_api_contract::{EventStream, TaskManager, TaskManagerError};

fn is_send_and_sync<T: Send + Sync + ?Sized>() {}
fn is_send<T: Send>() {}

#[test]
fn task_manager_is_dyn_compatible_send_and_sync() {
    is_send_and_sync::<dyn TaskManager>();
    is_send_and_sync::<Arc<dyn TaskManager>>();
    is_send_and_sync::<TaskManagerError>();
    is_send::<EventStream>();
}

#[test]
fn error_type_is_small() {
    assert!(size_of::<TaskManagerError>() <= 3 * size_of::<usize>());
}

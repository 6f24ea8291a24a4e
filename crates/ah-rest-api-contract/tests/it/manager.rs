//! The trait can be shared and moved between threads behind a pointer.

use std::sync::Arc;

use ah_rest_api_contract::{EventStream, TaskManager, TaskManagerError};

fn is_send_and_sync<T: Send + Sync + ?Sized>() {}
fn is_send<T: Send>() {}

#[test]
fn a_task_manager_is_an_object_that_threads_share() {
    is_send_and_sync::<dyn TaskManager>();
    is_send_and_sync::<Arc<dyn TaskManager>>();
    is_send_and_sync::<TaskManagerError>();
    is_send::<EventStream>();
}

#[test]
fn a_result_stays_small_on_the_happy_path() {
    assert!(size_of::<TaskManagerError>() <= 3 * size_of::<usize>());
}

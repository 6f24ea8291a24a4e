//! Streams of events: readers as cursors, over SSE.

mod accept;
mod body;
mod frames;

use ah_rest_api_contract::operations;
use axum::extract::Request;

pub(crate) use accept::{Representation, last_event_id, representation};
pub(crate) use body::Streams;

use crate::routes::Route;

/// Returns true if a request for `route` is for a stream.
pub(crate) fn is_requested(route: &Route, request: &Request) -> bool {
    let path = route.path();
    path == operations::ALL_EVENTS.path
        || path == operations::TASK_EVENTS.path
        || path == operations::STREAM_SESSION_EVENTS.path
        || path == operations::SESSION_EVENTS.path
            && representation(request.headers(), request.uri()) == Representation::Stream
}

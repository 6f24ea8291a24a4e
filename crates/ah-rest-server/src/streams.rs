//! Streams of events: readers as cursors, over SSE.

mod accept;
mod body;
mod frames;

use ah_rest_api_contract::EventParams;
use ah_rest_api_contract::operations;
use axum::extract::Request;

pub(crate) use accept::{Representation, last_event_id, representation};
pub(crate) use body::Streams;

use crate::routes::Route;

/// Returns true if a request for `route` is for a stream.
pub(crate) fn is_requested(route: &Route, request: &Request) -> bool {
    let path = route.path();
    if path == operations::ALL_EVENTS.path {
        return true;
    }
    path == operations::SESSION_EVENTS.path
        && crate::extract::read_query::<EventParams>(request.uri()).is_ok_and(|params| {
            representation(request.headers(), &params) == Representation::Stream
        })
}

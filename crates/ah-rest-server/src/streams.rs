//! Streams of events: readers as cursors, over SSE.

mod accept;
mod body;
mod frames;

use ah_rest_api_contract::EventParams;
use ah_rest_api_contract::operations;
use axum::extract::{MatchedPath, Request};

pub(crate) use accept::{Representation, last_event_id, representation};
pub(crate) use body::Streams;

/// Returns true if a request is for a stream.
pub(crate) fn is_requested(request: &Request) -> bool {
    let Some(route) = request.extensions().get::<MatchedPath>() else {
        return false;
    };
    let path = route.as_str();
    if path == operations::ALL_EVENTS.path {
        return true;
    }
    path == operations::SESSION_EVENTS.path
        && crate::extract::read_query::<EventParams>(request.uri()).is_ok_and(|params| {
            representation(request.headers(), &params) == Representation::Stream
        })
}

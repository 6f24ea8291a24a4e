//! Events of sessions: as streams, as pages of history, and as log lines (contract §5).

use ah_rest_api_contract::{
    AccessPoint, AllEventsQuery, EventQuery, LogQuery, Page, SessionId, StreamQuery,
};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use futures::{StreamExt as _, stream};

use crate::extract::{Access, Id, Query, read_query};
use crate::page::{history_page, paged};
use crate::problem::ApiResult;
use crate::streams::{self, Representation, Streams};

pub(crate) async fn session_events(
    Access(access): Access,
    State(streams): State<Streams>,
    uri: Uri,
    headers: HeaderMap,
    Id(id): Id<SessionId>,
) -> ApiResult {
    match streams::representation(&headers, &uri) {
        Representation::Page => {
            let query: EventQuery = read_query(&uri)?;
            let asked = query.page;
            Ok(history_page(&uri, asked, access.history(id, query).await?))
        }
        Representation::Stream => {
            stream_events(&*access, &streams, &headers, id, read_query(&uri)?).await
        }
    }
}

pub(crate) async fn stream_session_events(
    Access(access): Access,
    State(streams): State<Streams>,
    headers: HeaderMap,
    Id(id): Id<SessionId>,
    Query(query): Query<StreamQuery>,
) -> ApiResult {
    stream_events(&*access, &streams, &headers, id, query).await
}

/// Returns the stream of the events of a session.
async fn stream_events(
    access: &dyn AccessPoint,
    streams: &Streams,
    headers: &HeaderMap,
    id: SessionId,
    query: StreamQuery,
) -> ApiResult {
    let after = streams::last_event_id(headers)?
        .or(query.after)
        .unwrap_or_default();
    let status = access.get_session(id).await?.status;
    let mut events = access.encoded_events(id, after, query.filter).await?;
    if !status.is_terminal() {
        return Ok(streams.of_session(events));
    }
    // A browser reconnects forever, unless the response is 204.
    match events.next().await {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(first) => {
            let events = stream::iter([first]).chain(events);
            Ok(streams.of_session(Box::pin(events)))
        }
    }
}

pub(crate) async fn all_events(
    Access(access): Access,
    State(streams): State<Streams>,
    headers: HeaderMap,
    Query(query): Query<AllEventsQuery>,
) -> ApiResult {
    let after = match streams::last_event_id(&headers)?.or(query.after) {
        Some(after) => after,
        None => access.log_end().await?,
    };
    let query = AllEventsQuery {
        after: Some(after),
        ..query
    };
    if access.is_exhausted(&query).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = access.all_encoded_events(query).await?;
    Ok(streams.of_all(after, events))
}

pub(crate) async fn list_session_logs(
    Access(access): Access,
    uri: Uri,
    Id(id): Id<SessionId>,
    Query(query): Query<LogQuery>,
) -> ApiResult {
    let events = access.list_events(id, query.events()).await?;
    let page = Page {
        total: events.total,
        next_page: events.next_page.filter(|_| !query.is_tail()),
        items: query.in_order(events.items),
    };
    Ok(paged(&uri, query.page(), page))
}

//! Events of sessions: as streams, as pages of history, and as log lines (contract §5).

use std::collections::BTreeSet;
use std::sync::Arc;

use ah_rest_api_contract::{
    AccessPoint, AllEventsQuery, EncodedLogStream, EventQuery, EventType, FieldErrors, LogQuery,
    Page, SessionId, StreamQuery, TaskId, TaskManagerError,
};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use futures::{StreamExt as _, future, stream};

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

pub(crate) async fn task_events(
    Access(access): Access,
    State(streams): State<Streams>,
    headers: HeaderMap,
    Id(id): Id<TaskId>,
    Query(query): Query<AllEventsQuery>,
) -> ApiResult {
    let (begin, sessions) = access.task_begin(id).await?;
    let sessions: BTreeSet<SessionId> = sessions.into_iter().collect();
    let sessions = match query.sessions {
        None => sessions,
        Some(chosen) => match chosen.difference(&sessions).next() {
            None => chosen,
            Some(other) => {
                let message = format!("has `{other}`, which is not a session of this task");
                return Err(FieldErrors::of("sessions", message).into());
            }
        },
    };
    let last_seen = streams::last_event_id(&headers)?.or(query.after);
    let after = last_seen.unwrap_or(begin);
    let wanted = AllEventsQuery {
        sessions: Some(sessions),
        after: Some(after),
        filter: query.filter,
    };
    if access.is_exhausted(&wanted).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = until_over(access, wanted).await?;
    Ok(streams.of_all(after, events))
}

/// Returns the events of a query until all of its sessions have ended.
async fn until_over(
    access: Arc<dyn AccessPoint>,
    wanted: AllEventsQuery,
) -> Result<EncodedLogStream, TaskManagerError> {
    // The end of a session is a `status` event, which the reader may not want.
    let AllEventsQuery {
        sessions,
        after,
        filter,
    } = wanted;
    let types = filter
        .types()
        .map(|types| Vec::from_iter(types.iter().copied()));
    let (wants_status, filter) = match types {
        Some(mut types) if !types.contains(&EventType::Status) => {
            types.push(EventType::Status);
            (false, filter.with_types(types))
        }
        _ => (true, filter),
    };
    let query = AllEventsQuery {
        sessions,
        after,
        filter,
    };
    let events = access.all_encoded_events(query.clone()).await?;
    let state = (access, query, events, false);
    let events = stream::unfold(
        state,
        move |(access, query, mut events, is_over)| async move {
            if is_over {
                return None;
            }
            let event = match events.next().await? {
                Ok(event) => event,
                Err(error) => return Some((Err(error), (access, query, events, true))),
            };
            let mut is_over = false;
            if event.event_type == EventType::Status {
                let rest = AllEventsQuery {
                    after: Some(event.cursor),
                    ..query.clone()
                };
                match access.is_exhausted(&rest).await {
                    Ok(exhausted) => is_over = exhausted,
                    Err(error) => return Some((Err(error), (access, query, events, true))),
                }
            }
            Some((Ok(event), (access, query, events, is_over)))
        },
    );
    let wanted = events.filter(move |event| {
        let is_wanted = match event {
            Ok(event) => wants_status || event.event_type != EventType::Status,
            Err(_) => true,
        };
        future::ready(is_wanted)
    });
    Ok(Box::pin(wanted))
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

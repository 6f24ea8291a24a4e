//! What happens to sessions: as streams, as pages of history, and as log lines (contract §5).

use ah_engine::RowItem;
use ah_rest_api_contract::{
    AllEventsParams, AllEventsQuery, EventParams, EventQuery, LogItem, LogParams, LogQuery, Page,
    SessionEvent, SessionId, StreamItem, StreamQuery, TaskManager as _, sse,
};
use ah_store::LogPosition;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;

use super::Answered;
use crate::app::App;
use crate::extract::{Asked, Id, Params};
use crate::openapi::{LogFrame, SessionFrame};
use crate::page::paged;
use crate::problem::ApiError;
use crate::streams::{self, Answer};

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/events",
    params(("id" = SessionId, Path, description = "The session."), EventParams),
    responses((
        status = 200,
        description = "A page of history when the client would rather have JSON or asks for what \
                       only history has; else a stream. The `id:` of a frame is its event's `seq`, \
                       and `event:` its `type`.",
        content(
            (Page<SessionEvent> = "application/json"),
            (SessionFrame = "text/event-stream")
        )
    ))
)]
pub(crate) async fn session_events(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Id(id): Id<SessionId>,
    Params(params): Params<EventParams>,
) -> Answered {
    match streams::answer_as(&headers, &params) {
        Answer::Page => history(&app, &uri, id, params.try_into()?).await,
        Answer::Stream => stream(&app, &headers, id, params.try_into()?).await,
    }
}

async fn history(app: &App, uri: &Uri, id: SessionId, query: EventQuery) -> Answered {
    let asked = query.page;
    Ok(paged(
        uri,
        asked,
        app.engine()?.list_events(id, query).await?,
    ))
}

async fn stream(app: &App, headers: &HeaderMap, id: SessionId, query: StreamQuery) -> Answered {
    let after = streams::last_event_id(headers)?
        .or(query.after)
        .unwrap_or_default();
    let rows = app.engine()?.watch_rows(id, after, query.filter).await?;
    let frames = app.clone();
    let frames = rows.map(move |item| frame(&frames, item?));
    Ok(streams::respond(app, None, frames))
}

/// What an item of a session's stream is on the wire.
fn frame(app: &App, item: RowItem) -> Result<Bytes, ApiError> {
    let besides = match item {
        RowItem::Row(row) => return Ok(app.frames().of_session(&row)),
        RowItem::Ephemeral(event) => StreamItem::Ephemeral(event),
        RowItem::Gap(gap) => StreamItem::Gap(gap),
    };
    sse::encode_item(&besides)
        .map(Bytes::from)
        .map_err(|error| ApiError::internal("an item has no JSON").caused_by(error))
}

#[utoipa::path(
    get,
    path = "/api/v1/events",
    params(AllEventsParams),
    responses((
        status = 200,
        description = "A stream without an end. The `id:` of a frame is a place among the events \
                       of all sessions; `event:` is its event's `type`.",
        content((LogFrame = "text/event-stream"))
    ))
)]
pub(crate) async fn all_events(
    State(app): State<App>,
    headers: HeaderMap,
    Asked(query, ..): Asked<AllEventsParams, AllEventsQuery>,
) -> Answered {
    let after = streams::last_event_id(&headers)?.or(query.after);
    let after = match after {
        Some(after) => LogPosition(after.get()),
        None => app.store().log_end().await?,
    };
    all_from(&app, after, query).await
}

async fn all_from(
    app: &App,
    after: LogPosition,
    query: AllEventsQuery,
) -> Result<Response, ApiError> {
    let engine = app.engine()?;
    let rows = engine
        .watch_log(Some(after), query.sessions, query.filter)
        .await?;
    let frames = app.clone();
    let frames = rows.map(move |row| Ok(frames.frames().of_all(&row?)));
    // A reader that is cut off before its first event knows where to resume.
    let here = format!("id: {}\n\n", ah_rest_api_contract::LogCursor::new(after.0));
    Ok(streams::respond(app, Some(Bytes::from(here)), frames))
}

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/logs",
    params(("id" = SessionId, Path, description = "The session."), LogParams),
    responses((status = 200, description = "Log lines, oldest first.", body = Page<LogItem>))
)]
pub(crate) async fn list_session_logs(
    State(app): State<App>,
    uri: Uri,
    Id(id): Id<SessionId>,
    Asked(query, ..): Asked<LogParams, LogQuery>,
) -> Answered {
    let events = app.engine()?.list_events(id, query.events()).await?;
    let page = Page {
        total: events.total,
        next_page: events.next_page.filter(|_| !query.is_tail()),
        items: query.in_order(events.items),
    };
    Ok(paged(&uri, query.page(), page))
}

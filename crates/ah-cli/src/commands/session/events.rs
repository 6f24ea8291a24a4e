//! `ah session events`.

use ah_rest_api_contract::{
    EventFilter, EventQuery, EventSeq, PER_PAGE_MAX, PageRequest, SessionEvent, SessionId,
    SortOrder, StreamItem, TaskManager,
};
use futures::StreamExt;

use super::describe::describe;
use super::target;
use crate::args::EventsArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::text;

/// The column of an event's type.
const TYPE_COLUMNS: usize = 19;

/// Shows events.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: EventsArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    let filter = EventFilter::default().with_types(args.types);
    let print = |event: &SessionEvent| context.show(event, || vec![line(event)]);
    if args.follow {
        stream(manager, session.id, args.after, filter, print).await
    } else {
        history(manager, session.id, args.after, filter, print)
            .await
            .map(|_| ())
    }
}

/// Hands every event after `after` that is there now to `take`, and returns the place of the last.
pub(super) async fn history(
    manager: &dyn TaskManager,
    id: SessionId,
    after: EventSeq,
    filter: EventFilter,
    mut take: impl FnMut(&SessionEvent) -> Result<(), Failure>,
) -> Result<EventSeq, Failure> {
    let mut cursor = after;
    loop {
        // Always the first page after the cursor, so that events which come meanwhile shift
        // nothing.
        let page = manager
            .list_events(
                id,
                EventQuery {
                    filter: filter.clone(),
                    after: Some(cursor),
                    sort: SortOrder::Asc,
                    page: PageRequest::new(1, PER_PAGE_MAX)?,
                    ..EventQuery::default()
                },
            )
            .await?;
        for event in &page.items {
            take(event)?;
            cursor = event.seq;
        }
        if page.items.is_empty() || page.next_page.is_none() {
            return Ok(cursor);
        }
    }
}

/// Hands every event after `after` to `take`, until the session has ended.
pub(super) async fn stream(
    manager: &dyn TaskManager,
    id: SessionId,
    after: EventSeq,
    filter: EventFilter,
    mut take: impl FnMut(&SessionEvent) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut events = manager.task_events_stream(id, after, filter).await?;
    while let Some(item) = events.next().await {
        match item? {
            StreamItem::Event(event) => take(&event)?,
            StreamItem::Gap(gap) => {
                tracing::warn!(from = %gap.from_seq, to = %gap.earliest_seq, "history is gone");
            }
            StreamItem::Ephemeral(_) => {}
        }
    }
    Ok(())
}

/// The time of day, UTC, of a moment.
pub(super) fn time_of_day(moment: ah_rest_api_contract::Timestamp) -> String {
    let text = moment.to_string();
    // `2026-01-31T12:00:00.000Z`: what is between the `T` and the `Z`.
    text.split_once('T')
        .map_or(text.as_str(), |(_, time)| time.trim_end_matches('Z'))
        .to_owned()
}

fn line(event: &SessionEvent) -> Line {
    Line::of(
        Paint::Dim,
        format!("{:>5} {} ", event.seq, time_of_day(event.ts)),
    )
    .with(
        Paint::Accent,
        text::fit(event.payload.event_type().as_str(), TYPE_COLUMNS),
    )
    .with(Paint::Plain, format!(" {}", describe(&event.payload)))
}

//! `ah session events`.

use ah_rest_api_contract::{
    EventFilter, EventQuery, EventSeq, PER_PAGE_MAX, PageRequest, SessionEvent, SessionId,
    SortOrder, StreamItem, TaskManager,
};
use futures::StreamExt;

use super::target::target;
use crate::args::EventsArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::text;

/// The terminal width below which a line shows only the description of an event.
const NARROW_COLUMNS: usize = 60;
/// The width of the event type column.
const TYPE_COLUMNS: usize = 19;

/// Shows events.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: EventsArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    let filter = EventFilter::default().with_types(args.types);
    let columns = context.terminal.columns();
    let print = |event: &SessionEvent| context.show(event, || vec![line(event, columns)]);
    if args.follow {
        stream(manager, session.id, args.after, filter, print).await
    } else {
        history(manager, session.id, args.after, filter, print)
            .await
            .map(|_| ())
    }
}

/// Passes every stored event after `after` to `take`, and returns the position of the last.
pub(super) async fn history(
    manager: &dyn TaskManager,
    id: SessionId,
    after: EventSeq,
    filter: EventFilter,
    mut take: impl FnMut(&SessionEvent) -> Result<(), Failure>,
) -> Result<EventSeq, Failure> {
    let mut cursor = after;
    loop {
        // Always reads the first page after the cursor, so that concurrent appends shift nothing.
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

/// Passes every event after `after` to `take`, until the session has ended.
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
                tracing::warn!(from = %gap.from_seq, to = %gap.earliest_seq, "events are no longer retained");
            }
            StreamItem::Ephemeral(_) => {}
        }
    }
    Ok(())
}

/// Returns the UTC time of day.
pub(super) fn time_of_day(moment: ah_rest_api_contract::Timestamp) -> String {
    let text = moment.to_string();
    // Takes the part between `T` and `Z` of `2026-01-31T12:00:00.000Z`.
    text.split_once('T')
        .map_or(text.as_str(), |(_, time)| time.trim_end_matches('Z'))
        .to_owned()
}

/// Renders an event as one line. A narrow terminal omits the time and the alignment of types, which
/// `--json` has.
fn line(event: &SessionEvent, columns: Option<usize>) -> Line {
    let is_narrow = columns.is_some_and(|columns| columns < NARROW_COLUMNS);
    let (time, type_columns) = if is_narrow {
        (String::new(), 0)
    } else {
        (format!("{} ", time_of_day(event.ts)), TYPE_COLUMNS)
    };
    let event_type = event.payload.event_type().as_str();
    Line::of(Paint::Dim, format!("{:>5} {time}", event.seq))
        .with(Paint::Accent, format!("{event_type:<type_columns$}"))
        .with(
            Paint::Plain,
            format!(" {}", text::one_line(&event.payload.summary())),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::script::EventScript;
    use crate::style::Colour;

    #[test]
    fn narrow_terminal_shows_the_summary() {
        let event = EventScript::default().status("queued").events().remove(0);
        let shown = |columns| line(&event, columns).render(columns, Colour::Plain);
        let narrow = shown(Some(40));
        assert!(narrow.starts_with("    1 status queued"), "{narrow}");
        let wide = shown(Some(100));
        assert!(wide.contains(" status              queued"), "{wide}");
    }
}
